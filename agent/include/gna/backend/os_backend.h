// The seam between what should be and the operating system that has to become so.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gna/backend/content_source.h"
#include "gna/base/deadline.h"
#include "gna/base/result.h"
#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/changes.h"
#include "gna/plan/plan.h"

namespace gna::backend {

struct Capabilities {
  std::string name = {};  // "systemd", "talos"
  bool units = false;     // knows units, drop-ins, enablement
  bool files_anywhere = false;
  bool path_drop_in = false;  // containerd.service gets 30-env_config.conf
  bool live = true;           // false: an offline tree
};

// A mirror whose answer is asked for, with everything that the question needs.
struct MirrorQuestion {
  std::string upstream = {};
  std::string url = {};
  std::vector<std::string> ca_paths = {};  // absolute; read from the node
  std::vector<std::string> ca_pem = {};    // bytes that are wanted but may not be on disk yet
  bool operator==(const MirrorQuestion&) const = default;
};

// What to look at.
struct Scope {
  std::set<std::string> files = {};  // absolute paths
  std::set<std::string> units = {};
  std::set<std::string> upstreams = {};  // whose hosts.toml to read
  bool containerd_config = false;        // config.toml
  bool containerd_default = false;       // ... or what containerd would start from if it is absent
  std::vector<MirrorQuestion> mirrors = {};
  // After a run that was cut short: its temporary files, and the end of jobs that it had sent.
  bool leftovers = false;
  std::set<std::string> jobs_to_end = {};  // units

  static Scope of(const desired::State& wanted, const plan::Applied& applied = {});
};

struct Outcome {
  enum class Result { done, failed, skipped, pending } result = Result::done;
  std::optional<Error> error = {};  // of failed and pending
  std::string note = {};            // of done: what a person should know all the same
  plan::Record learned = {};        // beside Step::after: the SHA-256 of an image's file
  std::chrono::milliseconds took{0};
};

// Hears of steps as they happen.
// Threads: one at a time; calls of one stage never overlap.
class StepSink {
 public:
  // The effect comes right after this returns, and `evidence` is on record by then:
  // what a resume needs to tell whether it happened (InvocationID before a job).
  virtual void sending(const plan::Step& step, const plan::Record& evidence) = 0;
  virtual void ended(const plan::Step& step, const Outcome& outcome) = 0;
  // Asked between steps: SIGTERM, --timeout. A backend then ends what runs and skips the rest. Where evidence
  // counts it asks after sending() as well: if that could not be put on record, the step must not begin.
  virtual bool stopping() const { return false; }
  virtual ~StepSink() = default;
};

class OsBackend {
 public:
  virtual Capabilities capabilities() const = 0;  // no I/O

  virtual Result<desired::Facts> facts(Deadline by) = 0;

  // Reads the machine, changes nothing.
  virtual Result<observed::State> observe(const Scope& scope, Deadline by) = 0;

  // Orders the work for this OS. Pure; what it cannot express is in Plan::refused.
  virtual plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                           const desired::Facts& facts) const = 0;

  // Steps of one stage don't depend on each other and may run together; each is
  // idempotent. `done` hears of each as it ends; one failing doesn't stop the others.
  // When it returns, what the stage wrote is on disk (fsync or syncfs).
  virtual void apply(std::span<const plan::Step> stage, ContentSource& bytes, StepSink& done, Deadline by) = 0;

  virtual ~OsBackend() = default;
};

}  // namespace gna::backend
