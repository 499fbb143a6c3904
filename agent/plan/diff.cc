#include <algorithm>
#include <array>
#include <string_view>

#include "agent/plan/unit_health.h"
#include "gna/base/digest.h"
#include "gna/plan/changes.h"

namespace gna::plan {

namespace {

using observed::FileKind;

template <typename Map>
const typename Map::mapped_type* find(const Map& map, const std::string& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : &at->second;
}

// --- files ---

// Is the copy of an image's file on disk the one that we made from this reference?
bool image_holds(const observed::File& now, const desired::File& file, const AppliedFile* ours) {
  return ours != nullptr && ours->image == std::get<desired::ImageSource>(file.content) && !ours->sha256.empty() &&
         holds(now, file.mode, ours->sha256);
}

// The Go agent copied it and keeps no digest: what lies there is recorded once.
bool image_adoptable(const observed::File& now, const desired::File& file, const AppliedFile* ours) {
  return ours != nullptr && ours->image == std::get<desired::ImageSource>(file.content) && ours->sha256.empty() &&
         now.kind == FileKind::regular && now.mode == file.mode;
}

bool says_the_same(const AppliedFile& ours, const desired::File& file) {
  if (ours.mode != file.mode) return false;
  if (const auto* image = std::get_if<desired::ImageSource>(&file.content)) return ours.image == *image;
  return !ours.image && ours.sha256 == sha256_hex(std::get<std::string>(file.content));
}

// What we claimed before a write that a crash then hid is no file of somebody else's.
AppliedFile adopted(const desired::File& file, const std::string& sha256, const AppliedFile* ours) {
  AppliedFile out{.mode = file.mode, .sha256 = sha256, .overwrote = ours == nullptr || ours->overwrote};
  if (const auto* image = std::get_if<desired::ImageSource>(&file.content)) out.image = *image;
  return out;
}

Why why_write(const AppliedFile* ours, const desired::File& file) {
  if (ours == nullptr) return Why::created;
  if (ours->sha256.empty() && !ours->image) return Why::owed;  // claimed before a write that never ended
  return says_the_same(*ours, file) ? Why::drifted : Why::changed;
}

void diff_files(const Applied& applied, const observed::State& now, const desired::State& wanted, Changes& out) {
  static const observed::File kAbsent;
  for (const auto& [path, file] : wanted.files) {
    const auto* ours = find(applied.files, path);
    const auto* seen = find(now.files, path);
    if (seen == nullptr) seen = &kAbsent;
    if (const auto* bytes = std::get_if<std::string>(&file.content)) {
      const auto sha256 = sha256_hex(*bytes);
      if (holds(*seen, file.mode, sha256)) {
        if (ours == nullptr || ours->sha256 != sha256 || ours->mode != file.mode || ours->image)
          out.adopt_files.emplace(path, adopted(file, sha256, ours));
        continue;
      }
    } else if (image_holds(*seen, file, ours)) {
      continue;
    } else if (image_adoptable(*seen, file, ours)) {
      out.adopt_files.emplace(path, adopted(file, seen->sha256, ours));
      continue;
    }
    const bool exists = seen->kind != FileKind::absent;
    out.write_files.emplace(path, FileWrite{.file = file,
                                            .why = why_write(ours, file),
                                            .exists = exists,
                                            .overwrites = ours != nullptr ? ours->overwrote : exists});
  }
  for (const auto& [path, ours] : applied.files)
    if (!wanted.files.contains(path)) out.delete_files.emplace(path, ours);
}

// --- units ---

bool was_started_since(const AppliedUnit& ours, const observed::Unit& seen) {
  return !seen.invocation.empty() && seen.invocation != ours.invocation_before && !seen.need_reload;
}

// A job was sent for exactly this, its end is not on record, and the unit was started since.
bool evidently_started(const AppliedUnit& ours, const observed::Unit& seen, const desired::Unit& unit,
                       const desired::State& wanted) {
  return !ours.sent_with.empty() && desired::runs_with(ours.sent_with, unit, wanted) && was_started_since(ours, seen);
}

void diff_unit_files(const desired::Unit& unit, const observed::Unit& seen, const AppliedUnit* ours,
                     UnitChange& change) {
  if (unit.content) {
    if (!holds(seen.unit_file, kUnitMode, sha256_hex(*unit.content))) change.write_content = unit.content;
  } else if (ours != nullptr && ours->owns_file) {
    change.delete_file = true;
  }
  for (const auto& [name, text] : unit.drop_ins) {
    const auto* on_disk = find(seen.drop_ins, name);
    if (on_disk == nullptr || !holds(*on_disk, kUnitMode, sha256_hex(text))) change.write_drop_ins.emplace(name, text);
  }
  if (ours == nullptr) return;
  for (const auto& [name, sha256] : ours->drop_ins)
    if (!unit.drop_ins.contains(name)) change.delete_drop_ins.insert(name);
}

bool touches_files(const UnitChange& change) {
  return change.write_content || change.delete_file || !change.write_drop_ins.empty() ||
         !change.delete_drop_ins.empty();
}

void diff_enablement(const desired::Unit& unit, const observed::Unit& seen, const AppliedUnit* ours,
                     UnitChange& change) {
  // New text may have another [Install]; a unit that is new may have links of an earlier life.
  const bool text_changes = change.write_content.has_value() || change.delete_file;
  const bool decided_anew = ours == nullptr || ours->enabled != unit.enabled;
  if (unit.enabled) {
    const bool tried = !decided_anew && bears_no_enabling(seen, unit.content.has_value());
    if (text_changes || !(needs_no_enabling(seen) || tried)) change.set_enabled = true;
  } else if (is_enabled(seen) || text_changes || (decided_anew && seen.enablement.empty())) {
    change.set_enabled = false;
  }
}

UnitChange::Job job_for(const desired::Unit& unit, const observed::Unit& seen, bool current) {
  if (unit.run == desired::Run::running) {
    if (!current) return UnitChange::Job::restart;
    return unit.expected && found_dead(seen) ? UnitChange::Job::start : UnitChange::Job::none;
  }
  if (!current) return UnitChange::Job::stop;
  return unit.run == desired::Run::stopped && found_running(seen) ? UnitChange::Job::stop : UnitChange::Job::none;
}

Why why_unit(const AppliedUnit* ours, bool current) {
  if (ours == nullptr) return Why::created;
  if (current) return Why::drifted;
  return ours->started_with.empty() ? Why::owed : Why::changed;
}

void diff_units(const Applied& applied, const observed::State& now, const desired::State& wanted, Changes& out) {
  static const observed::Unit kUnknown;
  for (const auto& [name, unit] : wanted.units) {
    const auto* ours = find(applied.units, name);
    const auto* seen = find(now.units, name);
    if (seen == nullptr) seen = &kUnknown;

    // Ask what the unit was started with, not what lies on the disk: after a crash between
    // write and restart the disk is right and the process is not.
    const bool on_record = ours != nullptr && !ours->started_with.empty() && !missed_restart(*ours, *seen) &&
                           desired::runs_with(ours->started_with, unit, wanted);
    const bool proven = ours != nullptr && ours->started_with.empty() && evidently_started(*ours, *seen, unit, wanted);
    UnitChange change{.why = why_unit(ours, on_record || proven)};
    diff_unit_files(unit, *seen, ours, change);
    diff_enablement(unit, *seen, ours, change);
    // What it may have read while it was wrong it has to read again.
    const bool fed_anew =
        std::ranges::any_of(unit.watches, [&](const std::string& path) { return out.write_files.contains(path); });
    const bool current = (on_record || proven) && !fed_anew && !touches_files(change);
    change.job = job_for(unit, *seen, current);
    if (unit.role == desired::Role::node_agent) {
      // Its own restart is no job among others: it comes when everything is on record.
      if (!current) out.restart_agent = true;
      change.job = UnitChange::Job::none;
    }
    if (proven && current) out.proven_units.insert(name);
    if (change.job != UnitChange::Job::none || change.set_enabled || touches_files(change))
      out.units.emplace(name, std::move(change));
  }
  for (const auto& [name, ours] : applied.units) {
    if (wanted.units.contains(name)) continue;
    out.retire_units.emplace(name, ours);
    const auto* seen = find(now.units, name);
    if (seen != nullptr && ours.sent_with == kWithoutOurs && was_started_since(ours, *seen))
      out.proven_units.insert(name);
  }
}

// --- containerd ---

// The same of containerd's settings.
bool containerd_evidently_restarted(const Applied& applied, const observed::State& now, const desired::State& wanted,
                                    const std::string& digest) {
  if (applied.containerd_sent_with != digest) return false;
  return std::ranges::any_of(wanted.units, [&](const auto& entry) {
    const auto* seen = find(now.units, entry.first);
    return entry.second.role == desired::Role::containerd && seen != nullptr && !seen->invocation.empty() &&
           seen->invocation != applied.containerd_invocation_before;
  });
}

void diff_containerd(const Applied& applied, const observed::State& now, const desired::State& wanted, Changes& out) {
  const auto digest = desired::containerd_digest(wanted);
  // Nothing applied and nothing wanted: leave containerd alone.
  const bool concerned = !wanted.empty() || applied.containerd;
  const bool stale = concerned && applied.containerd_started_with != digest;
  out.containerd_proven = stale && containerd_evidently_restarted(applied, now, wanted, digest);
  out.restart_containerd = stale && !out.containerd_proven;
  out.containerd_before = applied.containerd;
  out.containerd_originals = applied.containerd_originals;
  for (const auto& [upstream, registry] : wanted.registries) {
    const auto* ours = find(applied.registries, upstream);
    const bool same = ours != nullptr && ours->digest == desired::digest(registry);
    out.registries.emplace(upstream, RegistryWrite{.registry = registry,
                                                   .why = ours == nullptr ? Why::created
                                                          : same          ? Why::drifted
                                                                          : Why::changed,
                                                   .keep_order = ours == nullptr || same});
  }
  for (const auto& [upstream, ours] : applied.registries)
    if (!wanted.registries.contains(upstream)) out.drop_registries.emplace(upstream, ours);
}

}  // namespace

Changes diff(const Applied& applied, const observed::State& now, const desired::State& wanted) {
  Changes out;
  diff_files(applied, now, wanted, out);
  diff_units(applied, now, wanted, out);
  diff_containerd(applied, now, wanted, out);
  out.reload_owed = applied.reload_owed;
  out.restart_agent = out.restart_agent || applied.agent_restart_owed;
  out.forget_cpu_manager_state = applied.cpu_manager_policy && wanted.cpu_manager_policy &&
                                 *applied.cpu_manager_policy != *wanted.cpu_manager_policy;
  return out;
}

Changes everything(const desired::State& wanted) { return diff({}, {}, wanted); }

}  // namespace gna::plan
