// Our records on the node, and those of the Go agent beside them.
//
//   /var/lib/gardener-node-agent/last-applied-osc.yaml           the Go agent's names and formats:
//   /var/lib/gardener-node-agent/last-computed-osc-changes.yaml  either program continues the other's run
//   /var/lib/gardener-node-agent/gna/manifest.json   plan::Applied as of the last finished or begun run
//   /var/lib/gardener-node-agent/gna/journal         edits of it since: one JSON record a line
//   /var/lib/gardener-node-agent/gna/index.json      which input was applied wholly: nothing to parse again
//   /var/lib/gardener-node-agent/gna/previous-osc.yaml, last-run.json, lock
//
// All 0600 in a directory of 0700. A crash at any point, and a power cut at any point, leaves
// what load() understands: see begin() and finish() in store.cc for the order of writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/plan/applied.h"
#include "gna/plan/record.h"

namespace gna::fs {
class RootFs;
}

namespace gna::store {

// What is left to do for one checksum, in the Go agent's words.
// Source: gardener operatingsystemconfig/changes.go; fact: order of lists is the OSC's.
struct UnitEntry {
  osc::Unit unit = {};
  std::vector<osc::DropIn> drop_ins_changed = {};
  std::vector<osc::DropIn> drop_ins_deleted = {};
  bool operator==(const UnitEntry&) const = default;
};
struct UnitCommand {
  std::string name = {};
  std::string command = {};  // restart, stop
  bool operator==(const UnitCommand&) const = default;
};
struct InPlaceFlags {
  bool operating_system = false;
  bool service_account_key_rotation = false;
  bool kubelet_minor_version = false;
  bool kubelet_config = false;
  bool kubelet_cpu_manager_policy = false;
  bool ca_rotation_kubelet = false;
  bool ca_rotation_node_agent = false;
  bool operator==(const InPlaceFlags&) const = default;
  bool any() const { return *this != InPlaceFlags{}; }
};
struct ChangesFile {
  std::string checksum = {};
  bool must_restart_node_agent = false;
  std::vector<UnitEntry> units_changed = {};
  std::vector<UnitCommand> unit_commands = {};
  std::vector<osc::Unit> units_deleted = {};
  std::vector<osc::File> files_changed = {};
  std::vector<osc::File> files_deleted = {};
  bool config_file_changed = false;
  std::vector<std::string> upstreams_to_probe = {};
  std::vector<osc::Registry> registries_desired = {};
  std::vector<osc::Registry> registries_deleted = {};
  InPlaceFlags in_place = {};
  bool operator==(const ChangesFile&) const = default;
};

std::string write(const ChangesFile& changes);              // YAML, sorted keys
Result<ChangesFile> parse_changes(std::string_view bytes);  // tolerates empty names, as the Go agent's bug leaves them

// How the last run went, for `gna status`.
struct LastRun {
  std::string checksum = {};
  std::string started = {};  // RFC 3339, UTC
  std::int64_t took_ms = 0;
  struct StepResult {
    std::string id = {};
    std::string result = {};  // done, failed, skipped, pending
    std::string error = {};
    bool operator==(const StepResult&) const = default;
  };
  std::vector<StepResult> steps = {};
  bool finished = false;
  bool operator==(const LastRun&) const = default;
};

// The input of the last complete run, so that the same bytes need not be parsed again.
struct Index {
  std::string input_sha256 = {};  // of the bytes that were given
  std::string checksum = {};      // of the OSC in it
  std::string host_name = {};
  std::string last_applied_sha256 = {};  // binds it to last-applied-osc.yaml as it was then
  std::string facts = {};                // containerd's version and whatever else rendering saw
  bool operator==(const Index&) const = default;
};

// Held while a run changes the node; released by the destructor or by the process' end.
class Lock {
 public:
  Lock(Lock&&) noexcept;
  Lock& operator=(Lock&&) noexcept;
  ~Lock();

  bool is_first() const { return first_; }  // nobody has held it before: what was looked at without it still counts

 private:
  friend class Store;
  Lock(int fd, bool first);
  int fd_ = -1;
  bool first_ = false;
};

struct Loaded {
  std::optional<plan::Applied> manifest = {};  // with the journal's edits; absent: none, or the Go agent ran since
  // Kept even if the Go agent ran since: it knows nothing of them.
  std::map<std::string, plan::AppliedFile> known_images = {};
  std::map<std::string, std::string> containerd_originals = {};
  std::string last_applied_bytes = {};  // empty: no such file
  std::optional<ChangesFile> changes = {};
  std::optional<LastRun> last_run = {};
  // A run did not come to the end of finish(): temp files of it may lie about, and even with
  // nothing left to do the state files want begin() and finish() once more.
  bool interrupted = false;
};

// Threads: one object, one thread at a time.
class Store {
 public:
  static constexpr const char* kBase = "/var/lib/gardener-node-agent";

  explicit Store(const fs::RootFs& root);
  ~Store();

  // Errors: Conflict, with the holder's pid in the message. Makes the directory if need be.
  Result<Lock> lock();
  // Errors: Corrupt, naming the file, if it cannot be read as what it should be (a journal
  // cut short at its end is no error: that is what a crash leaves).
  Result<Loaded> load() const;
  // Only while nothing was begun since and last-applied-osc.yaml is the one it was made for.
  Result<std::optional<Index>> load_index() const;
  Result<std::string> load_previous() const;  // NotFound, if there is none

  // Before the first effect: the changes file and an empty journal upon `applied`, durable.
  Result<void> begin(const plan::Applied& applied, ChangesFile changes);
  // Appends edits. They outlive this process, and with the next write_changes() or finish() a power cut.
  Result<void> append(const plan::Record& record);
  // Between stages.
  Result<void> write_changes(ChangesFile changes);
  // The state stage: last-applied (the one before it is kept as previous), manifest, index,
  // changes; the journal is emptied. All or nothing for a reader.
  struct Finished {
    plan::Applied applied = {};
    std::optional<std::string> last_applied = {};  // absent: the run was not complete, the old one stays
    ChangesFile changes = {};
    std::optional<Index> index = {};
    LastRun last_run = {};
  };
  Result<void> finish(const Finished& finished);
  // Reset: all of the above goes, the Go agent's two files with it.
  Result<void> forget();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The Go agent's knowledge as ours. With a changes file of this checksum: "this OSC, less what
// the file still lists"; otherwise the last-applied OSC. `wanted` and `before` are those two
// rendered for this host.
plan::Applied from_go_files(const desired::State* last_applied, const desired::State& current,
                            const std::string& current_checksum, const std::optional<ChangesFile>& changes,
                            const std::string& host_name);

}  // namespace gna::store
