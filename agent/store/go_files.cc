// The Go agent's knowledge as ours.
#include <algorithm>
#include <string_view>

#include "gna/base/digest.h"
#include "gna/osc/osc.h"
#include "gna/store/store.h"

namespace gna::store {

namespace {

constexpr std::string_view kAgentUnit = "gardener-node-agent.service";
constexpr std::string_view kContainerdUnit = "containerd.service";
constexpr std::uint32_t kDefaultMode = 0600;

plan::AppliedFile applied(const desired::File& file) {
  plan::AppliedFile out{.mode = file.mode};
  if (const auto* bytes = std::get_if<std::string>(&file.content))
    out.sha256 = sha256_hex(*bytes);
  else
    out.image = std::get<desired::ImageSource>(file.content);  // whose bytes the Go agent did not record
  return out;
}

plan::AppliedUnit applied(const desired::Unit& unit, const desired::State& state) {
  plan::AppliedUnit out{.owns_file = unit.content.has_value(),
                        .enabled = unit.enabled,
                        .run = unit.run,
                        .expected = unit.expected,
                        .started_with = desired::digest(unit, state)};
  if (unit.content) out.file_sha256 = sha256_hex(*unit.content);
  for (const auto& [name, text] : unit.drop_ins) out.drop_ins.emplace(name, sha256_hex(text));
  return out;
}

plan::AppliedRegistry applied(const desired::Registry& registry) { return {.digest = desired::digest(registry)}; }

plan::Applied all_of(const desired::State& state) {
  plan::Applied out;
  for (const auto& [path, file] : state.files) out.files.emplace(path, applied(file));
  for (const auto& [name, unit] : state.units) out.units.emplace(name, applied(unit, state));
  for (const auto& [upstream, registry] : state.registries) out.registries.emplace(upstream, applied(registry));
  out.containerd = state.containerd;
  out.containerd_started_with = desired::containerd_digest(state);
  out.cpu_manager_policy = state.cpu_manager_policy;
  return out;
}

template <typename T>
const T* find(const std::map<std::string, T>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

// An entry of a list as what was applied before; none if it was not.
template <typename T>
void put_back(std::map<std::string, T>& now, const std::map<std::string, T>& before, const std::string& key) {
  if (const auto* old = find(before, key))
    now[key] = *old;
  else
    now.erase(key);
}

bool for_this_host(const osc::File& file, const std::string& host_name) {
  return !file.host_name || *file.host_name == host_name;
}

plan::AppliedFile unknown_file(const osc::File& file) {
  plan::AppliedFile out{.mode = file.permissions.value_or(kDefaultMode)};
  if (file.content.image_ref)
    out.image = {.image = file.content.image_ref->image, .path = file.content.image_ref->file_path_in_image};
  else if (file.content.inline_data)
    if (const auto bytes = osc::decode(*file.content.inline_data)) out.sha256 = sha256_hex(*bytes);
  return out;
}

bool lists_command(const ChangesFile& changes, std::string_view unit) {
  return std::ranges::find(changes.unit_commands, unit, &UnitCommand::name) != changes.unit_commands.end();
}

bool anything_left(const ChangesFile& changes) {
  ChangesFile none;
  none.checksum = changes.checksum;
  none.upstreams_to_probe = changes.upstreams_to_probe;  // the Go agent never clears these
  return changes != none;
}

// A unit that the file still lists as changed: some of its parts may be on disk already, and
// because the Go agent loses the names of those that are, all that may be count as ours.
void claim(plan::AppliedUnit& unit, const UnitEntry& entry, const plan::AppliedUnit* before) {
  unit.started_with.clear();
  unit.file_sha256.clear();
  for (auto& [name, sha256] : unit.drop_ins) sha256.clear();
  if (before != nullptr) {
    unit.owns_file = unit.owns_file || before->owns_file;
    for (const auto& [name, sha256] : before->drop_ins) unit.drop_ins.emplace(name, "");
  }
  for (const auto* list : {&entry.unit.drop_ins, &entry.drop_ins_changed, &entry.drop_ins_deleted})
    for (const auto& drop_in : *list)
      if (!drop_in.name.empty()) unit.drop_ins.emplace(drop_in.name, "");
}

// `current` less what the file still lists.
plan::Applied half_done(const plan::Applied& before, const desired::State& current, const ChangesFile& changes,
                        const std::string& host_name) {
  plan::Applied out = all_of(current);
  for (const auto& file : changes.files_changed) put_back(out.files, before.files, file.path);
  for (const auto& file : changes.files_deleted) {
    if (!for_this_host(file, host_name) || current.files.contains(file.path)) continue;
    const auto* old = find(before.files, file.path);
    out.files[file.path] = old != nullptr ? *old : unknown_file(file);
  }

  for (const auto& entry : changes.units_changed)
    if (const auto unit = out.units.find(entry.unit.name); unit != out.units.end())
      claim(unit->second, entry, find(before.units, entry.unit.name));
  for (const auto& command : changes.unit_commands)
    if (const auto unit = out.units.find(command.name); unit != out.units.end()) unit->second.started_with.clear();
  for (const auto& unit : changes.units_deleted) {
    if (unit.name.empty() || current.units.contains(unit.name)) continue;
    if (const auto* old = find(before.units, unit.name)) {
      out.units[unit.name] = *old;
      continue;
    }
    auto& gone = out.units[unit.name] = {.owns_file = unit.content.has_value(), .enabled = unit.enable.value_or(true)};
    for (const auto& drop_in : unit.drop_ins)
      if (!drop_in.name.empty()) gone.drop_ins.emplace(drop_in.name, "");
  }

  for (const auto& registry : changes.registries_desired)
    put_back(out.registries, before.registries, registry.upstream);
  for (const auto& registry : changes.registries_deleted) {
    if (registry.upstream.empty() || current.registries.contains(registry.upstream)) continue;
    const auto* old = find(before.registries, registry.upstream);
    out.registries[registry.upstream] = old != nullptr ? *old : plan::AppliedRegistry{};
  }

  // config.toml is patched before the file is computed; what may be missing is the restart.
  const bool restart_listed = lists_command(changes, kContainerdUnit);
  if (changes.config_file_changed || restart_listed) out.containerd_started_with.clear();
  if (changes.in_place.kubelet_cpu_manager_policy) out.cpu_manager_policy = before.cpu_manager_policy;
  if (!anything_left(changes)) out.checksum = changes.checksum;
  return out;
}

}  // namespace

plan::Applied from_go_files(const desired::State* last_applied, const desired::State& current,
                            const std::string& current_checksum, const std::optional<ChangesFile>& changes,
                            const std::string& host_name) {
  plan::Applied out;
  if (last_applied != nullptr) out = all_of(*last_applied);
  if (!changes) return out;
  if (changes->checksum == current_checksum) {
    out = half_done(out, current, *changes, host_name);
  } else if (last_applied != nullptr && !anything_left(*changes)) {
    out.checksum = changes->checksum;
  } else if (changes->config_file_changed) {
    // Another OSC's run was cut short after it had patched config.toml.
    out.containerd_started_with.clear();
  }
  // The reload comes after all unit files, each time; whether the last one came nobody wrote down.
  out.reload_owed = changes->must_restart_node_agent || !changes->units_changed.empty() ||
                    !changes->units_deleted.empty() || !changes->unit_commands.empty();
  out.agent_restart_owed = changes->must_restart_node_agent || lists_command(*changes, kAgentUnit);
  return out;
}

}  // namespace gna::store
