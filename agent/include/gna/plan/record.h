// Edits of `Applied`, as the journal keeps them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "gna/plan/applied.h"

namespace gna::plan {

// What a step makes true of one unit; absent fields stay as they are.
struct UnitRecord {
  std::optional<bool> owns_file = {};
  std::optional<std::string> file_sha256 = {};
  std::map<std::string, std::string> add_drop_ins = {};  // name → SHA-256
  std::set<std::string> remove_drop_ins = {};
  std::optional<bool> enabled = {};
  std::optional<desired::Run> run = {};
  std::optional<bool> expected = {};
  std::optional<std::string> started_with = {};  // "" clears: a restart is owed
  std::optional<std::string> sent_with = {};
  std::optional<std::string> invocation_before = {};
  bool forget = false;  // the unit is no longer ours
  bool operator==(const UnitRecord&) const = default;
};

// Absent fields stay as they are; an absent value of a map's entry removes the entry.
struct Record {
  std::map<std::string, std::optional<AppliedFile>> files = {};
  std::map<std::string, UnitRecord> units = {};
  std::map<std::string, std::optional<AppliedRegistry>> registries = {};
  std::map<std::string, std::optional<std::string>> containerd_originals = {};
  std::optional<desired::Containerd> containerd = {};  // config.toml is patched with this now
  bool containerd_restored = false;                    // ... or with nothing; forgets the originals
  std::optional<std::string> containerd_config_sha256 = {};
  std::optional<std::string> containerd_started_with = {};  // "" clears: a restart is owed; settles what was sent
  std::optional<std::string> containerd_sent_with = {};
  std::optional<std::string> containerd_invocation_before = {};
  std::optional<std::string> cpu_manager_policy = {};
  std::optional<bool> reload_owed = {};
  std::optional<bool> agent_restart_owed = {};
  bool operator==(const Record&) const = default;
  bool empty() const { return *this == Record{}; }
};

// Applies the edits. Doing it twice equals doing it once.
void edit(Applied& applied, const Record& record);

}  // namespace gna::plan
