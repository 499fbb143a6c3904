// One pass over the node: the only place that composes everything.
//
//   prepare = load, facts, render, observe, diff, lower: without effect
//   execute = journal, backend.apply stage by stage, state files
//
// `gna diff`, a serial lease and the in-place gate stand between the two.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gna/backend/os_backend.h"
#include "gna/base/result.h"
#include "gna/desired/render.h"
#include "gna/osc/parse.h"
#include "gna/plan/plan.h"
#include "gna/store/store.h"

namespace gna::apply {

struct Options {
  bool no_state = false;           // leave last-applied and journal alone (gardenadm init)
  bool allow_empty = false;        // an OSC without files and units, though some are applied
  bool allow_unsupported = false;  // go on without Plan::refused
  std::string host_name = {};      // instead of the machine's own
  // What provisioning has written before there was an agent. It becomes ours at the first apply: what the
  // OSC does not want of it goes away. Later runs have it on record.
  plan::Applied inherited = {};
  // The agent's own restart comes after everything is on record. false: the caller is the
  // agent and leaves the process instead (Summary::agent_restart_due).
  bool restart_agent = true;
};

// What a run would do here, with everything that showing or doing it needs.
struct Prepared {
  osc::Osc osc = {};  // with the PATH drop-in, as last-applied-osc.yaml will hold it
  std::string checksum = {};
  std::string input_sha256 = {};
  desired::Facts facts = {};
  desired::State wanted = {};
  observed::State now = {};
  plan::Applied applied = {};
  plan::Changes changes = {};
  plan::Plan plan = {};
  store::InPlaceFlags in_place = {};
  store::Loaded loaded = {};
  std::optional<osc::Osc> last_applied = {};
  std::vector<std::string> warnings = {};
  bool resumed = false;     // an earlier run of this checksum was cut short
  bool up_to_date = false;  // found by the index: nothing was parsed, nothing is to do
};

struct StepReport {
  const plan::Step* step = nullptr;
  std::size_t number = 0, of = 0;
  backend::Outcome outcome = {};
};

struct Hooks {
  std::function<void(const plan::Step&, std::size_t number, std::size_t of)> started = {};
  std::function<void(const StepReport&)> ended = {};
  std::function<bool()> stopping = {};  // SIGTERM, --timeout: ends after the current step
};

struct Summary {
  std::string checksum = {};
  std::size_t steps = 0, done = 0, failed = 0, pending = 0, skipped = 0;
  std::chrono::milliseconds took{0};
  bool resumed = false;
  bool stopped = false;            // by Hooks::stopping
  bool agent_restart_due = false;  // recorded as done: now do it (systemd, or exit 0)
  std::vector<std::pair<plan::Step, Error>> failures = {};
  bool complete() const { return failed == 0 && skipped == 0 && !stopped; }
};

class Pass {
 public:
  Pass(backend::OsBackend& os, backend::ContentSource& content, store::Store& store, desired::ReadSecret read_secret);

  // Errors: InvalidArgument (input: exit 2), Unsupported (refused parts: exit 3), others: surroundings.
  Result<Prepared> prepare(const osc::Document& document, const std::string& input_sha256, const Options& options,
                           Deadline by);
  // The same for bytes: when the index knows them and every managed file and unit is as it
  // was left, nothing is parsed and Prepared::up_to_date is set; nullopt: prepare in full.
  Result<std::optional<Prepared>> up_to_date(const std::string& input_sha256, const Options& options, Deadline by);
  // Taking everything back: a pass with an empty wanted state. After a complete execute() the
  // caller forgets the records, too (store::Store::forget).
  Result<Prepared> prepare_reset(Deadline by);

  // Errors: only those that kept it from beginning; failed steps are in the Summary.
  // The caller holds the lock.
  Result<Summary> execute(const Prepared& prepared, const Options& options, const Hooks& hooks, Deadline by);

 private:
  Result<void> look_and_plan(Prepared& prepared, Deadline by);

  backend::OsBackend& os_;
  backend::ContentSource& content_;
  store::Store& store_;
  desired::ReadSecret read_secret_;
};

}  // namespace gna::apply
