#include <algorithm>

#include "agent/plan/unit_health.h"
#include "gna/base/digest.h"
#include "gna/plan/changes.h"

namespace gna::plan {

namespace {

bool is_as_left(const AppliedUnit& ours, const observed::Unit& seen) {
  if (ours.started_with.empty() || seen.need_reload || seen.job_queued) return false;
  if (missed_restart(ours, seen)) return false;
  if (ours.owns_file && !holds(seen.unit_file, kUnitMode, ours.file_sha256)) return false;
  for (const auto& [name, sha256] : ours.drop_ins) {
    const auto on_disk = seen.drop_ins.find(name);
    if (on_disk == seen.drop_ins.end() || !holds(on_disk->second, kUnitMode, sha256)) return false;
  }
  if (ours.enabled ? !needs_no_enabling(seen) && !bears_no_enabling(seen, ours.owns_file) : is_enabled(seen))
    return false;
  if (ours.run == desired::Run::running) return !(ours.expected && found_dead(seen));
  return !(ours.run == desired::Run::stopped && found_running(seen));
}

}  // namespace

bool undisturbed(const Applied& applied, const observed::State& now) {
  if (applied.reload_owed || applied.agent_restart_owed) return false;
  if (applied.containerd &&
      (applied.containerd_started_with.empty() || applied.containerd_config_sha256 != now.containerd_config_sha256))
    return false;
  const bool files = std::ranges::all_of(applied.files, [&](const auto& entry) {
    const auto seen = now.files.find(entry.first);
    return seen != now.files.end() && holds(seen->second, entry.second.mode, entry.second.sha256);
  });
  if (!files || !now.obstacles.empty()) return false;
  const bool units = std::ranges::all_of(applied.units, [&](const auto& entry) {
    const auto seen = now.units.find(entry.first);
    return seen != now.units.end() && is_as_left(entry.second, seen->second);
  });
  if (!units) return false;
  return std::ranges::all_of(applied.registries, [&](const auto& entry) {
    const auto seen = now.registries.find(entry.first);
    return seen != now.registries.end() && seen->second == entry.second.sha256;
  });
}

}  // namespace gna::plan
