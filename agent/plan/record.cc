#include "gna/plan/record.h"

namespace gna::plan {

namespace {

template <typename Value>
void edit_entries(std::map<std::string, Value>& entries, const std::map<std::string, std::optional<Value>>& edits) {
  for (const auto& [key, value] : edits) {
    if (value)
      entries.insert_or_assign(key, *value);
    else
      entries.erase(key);
  }
}

void edit_unit(AppliedUnit& unit, const UnitRecord& record) {
  if (record.owns_file) unit.owns_file = *record.owns_file;
  if (record.file_sha256) unit.file_sha256 = *record.file_sha256;
  for (const auto& [name, sha256] : record.add_drop_ins) unit.drop_ins.insert_or_assign(name, sha256);
  for (const auto& name : record.remove_drop_ins) unit.drop_ins.erase(name);
  if (record.enabled) unit.enabled = *record.enabled;
  if (record.run) unit.run = *record.run;
  if (record.expected) unit.expected = *record.expected;
  if (record.started_with) unit.started_with = *record.started_with;
  if (record.sent_with) unit.sent_with = *record.sent_with;
  if (record.invocation_before) unit.invocation_before = *record.invocation_before;
}

}  // namespace

void edit(Applied& applied, const Record& record) {
  edit_entries(applied.files, record.files);
  edit_entries(applied.registries, record.registries);
  for (const auto& [name, unit] : record.units) {
    if (unit.forget)
      applied.units.erase(name);
    else
      edit_unit(applied.units[name], unit);
  }
  edit_entries(applied.containerd_originals, record.containerd_originals);
  if (record.containerd) applied.containerd = record.containerd;
  if (record.containerd_restored) {
    applied.containerd.reset();
    applied.containerd_originals.clear();
  }
  if (record.containerd_config_sha256) applied.containerd_config_sha256 = *record.containerd_config_sha256;
  if (record.cpu_manager_policy) applied.cpu_manager_policy = record.cpu_manager_policy;
  if (record.containerd_started_with) {
    applied.containerd_started_with = *record.containerd_started_with;
    applied.containerd_sent_with.clear();
    applied.containerd_invocation_before.clear();
  }
  if (record.containerd_sent_with) applied.containerd_sent_with = *record.containerd_sent_with;
  if (record.containerd_invocation_before) applied.containerd_invocation_before = *record.containerd_invocation_before;
  if (record.reload_owed) applied.reload_owed = *record.reload_owed;
  if (record.agent_restart_owed) applied.agent_restart_owed = *record.agent_restart_owed;
}

}  // namespace gna::plan
