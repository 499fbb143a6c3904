// A plan is data: ordered stages of steps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gna/base/result.h"
#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/plan/record.h"

namespace gna::plan {

enum class Disruption { none, restartsUnit, restartsContainerd, restartsKubelet, restartsAgent, reboots };
std::string_view to_string(Disruption disruption);

// Kinds and verbs of the command line's documents (CLI.md, `Diff`).
enum class Kind { file, unit, dropIn, containerdConfig, registry, unitState, daemonReload, machineConfig, image };
std::string_view to_string(Kind kind);
enum class Verb { create, update, remove, restart, start, stop, enable, disable, reload, patch, pull };
std::string_view to_string(Verb verb);  // `remove` prints as "delete"

struct WriteFile {
  std::string path = {};
  std::string bytes = {};
  std::uint32_t mode = 0600;
  std::uint32_t directory_mode = 0755;  // of parents that have to be made
};
struct CopyFromImage {
  std::string path = {};
  desired::ImageSource source = {};
  std::uint32_t mode = 0755;
};
struct DeleteFile {
  std::string path = {};
  bool prune_directory = false;  // remove the parent too if nothing is left in it
};
struct MakeDirectory {
  std::string path = {};
  std::uint32_t mode = 0755;
};
// Something stands where a wanted path needs a folder, or the reverse. Only what is ours goes;
// a foreign file in the way is a Conflict.
struct ClearTheWay {
  std::string path = {};
  std::vector<std::string> ours = {};  // the path itself, or files of ours below it
};
struct SetEnablement {
  std::string unit = {};
  bool enabled = true;
};
// A unit that goes. Disable, stop, delete, if the unit file was ours; our drop-ins in any case.
struct RetireUnit {
  std::string unit = {};
  bool owns_file = false;
  std::vector<std::string> drop_ins = {};
};
struct ReloadManager {};
enum class Job { restart, start, stop };
struct RunJob {
  std::string unit = {};
  Job job = Job::restart;
};
// hosts.toml of a registry none of whose mirrors has answered yet: written once one does.
struct AwaitMirror {
  desired::Registry registry = {};
  std::string path = {};
  std::string on_disk = {};  // hosts.toml as it lies there; empty: none
  bool keep_order = false;   // as RegistryWrite::keep_order
  desired::Facts facts = {};
  bool last_chance = false;  // probe once more and say so if nobody answers
};
struct ReplaceDocument {  // Talos: the whole machine config
  std::string bytes = {};
};

using Action = std::variant<WriteFile, CopyFromImage, DeleteFile, MakeDirectory, ClearTheWay, SetEnablement, RetireUnit,
                            ReloadManager, RunJob, AwaitMirror, ReplaceDocument>;

struct Step {
  std::string id = {};  // stable: "file:/etc/x", "restart:kubelet.service"
  Kind kind = Kind::file;
  std::string target = {};  // path, unit or upstream
  Verb verb = Verb::update;
  Action action = {};
  Disruption disruption = Disruption::none;
  std::string reason = {};  // for a person: "content changed", "drifted"
  bool secret = false;      // its bytes are never shown
  // Ids of steps that must not have failed; else this one is skipped.
  std::vector<std::string> needs = {};
  // What becomes true of `Applied`: `before` is on disk before the effect, `after` when it ended well.
  Record before = {};
  Record after = {};
};

struct Stage {
  std::string name = {};
  std::vector<Step> steps = {};  // independent of each other
};

struct Refused {
  std::string field = {};  // of the OSC
  std::string why = {};
  std::string alternative = {};
  // Conflict: the backend could say it, but what lies on the node is in the way, and only a person can mend that.
  Code code = Code::Unsupported;
};

// Not applied by the backend among the others: the agent's own restart comes after the
// state files and the journal are closed.
inline constexpr const char* kOwnUnitStage = "own unit";

struct Plan {
  std::vector<Stage> stages = {};
  std::vector<Refused> refused = {};
  Record settled = {};  // what holds without a step: known once everything else is done
  bool empty() const;
  std::size_t size() const;  // steps
};

}  // namespace gna::plan
