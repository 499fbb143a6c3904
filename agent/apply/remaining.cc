#include "agent/apply/remaining.h"

#include <algorithm>
#include <vector>

namespace gna::apply {

namespace {

constexpr const char* kContainerdUnit = "containerd.service";
constexpr const char* kOwnUnit = "gardener-node-agent.service";

std::string drop_in_id(const std::string& unit, const std::string& drop_in) {
  return "dropIn:" + unit + ".d/" + drop_in;
}

class Remaining {
 public:
  Remaining(const Prepared& prepared, const std::set<std::string>& done) : prepared_(prepared) {
    for (const auto& stage : prepared.plan.stages)
      for (const auto& step : stage.steps)
        if (!done.contains(step.id)) open_.insert(step.id);
    if (prepared.last_applied) old_units_ = osc::merged_units(*prepared.last_applied);
  }

  store::ChangesFile file() const {
    store::ChangesFile out{.checksum = prepared_.checksum};
    out.must_restart_node_agent = open_.contains(std::string("restart:") + kOwnUnit);
    add_units(out);
    add_files(out);
    add_containerd(out);
    out.in_place = prepared_.in_place;
    if (open_.empty()) {  // the kubelet's part is done with its unit
      out.in_place.kubelet_minor_version = false;
      out.in_place.kubelet_config = false;
      out.in_place.kubelet_cpu_manager_policy = false;
    }
    return out;
  }

 private:
  const Prepared& prepared_;
  std::set<std::string> open_;
  std::vector<osc::Unit> old_units_;

  bool open(const std::string& id) const { return open_.contains(id); }

  const osc::Unit* old_unit(const std::string& name) const {
    const auto at = std::ranges::find(old_units_, name, &osc::Unit::name);
    return at == old_units_.end() ? nullptr : &*at;
  }

  osc::DropIn old_drop_in(const std::string& unit, const std::string& name) const {
    if (const auto* old = old_unit(unit)) {
      const auto at = std::ranges::find(old->drop_ins, name, &osc::DropIn::name);
      if (at != old->drop_ins.end()) return *at;
    }
    return {.name = name};
  }

  void add_units(store::ChangesFile& out) const {
    for (const auto& unit : osc::merged_units(prepared_.osc)) {
      const auto change = prepared_.changes.units.find(unit.name);
      if (change == prepared_.changes.units.end()) continue;
      store::UnitEntry entry{.unit = unit};
      for (const auto& drop_in : unit.drop_ins)
        if (open(drop_in_id(unit.name, drop_in.name))) entry.drop_ins_changed.push_back(drop_in);
      for (const auto& name : change->second.delete_drop_ins)
        if (open(drop_in_id(unit.name, name))) entry.drop_ins_deleted.push_back(old_drop_in(unit.name, name));
      const bool unfinished = open("unit:" + unit.name) || open("enable:" + unit.name) ||
                              open("disable:" + unit.name) || !entry.drop_ins_changed.empty() ||
                              !entry.drop_ins_deleted.empty();
      if (unfinished) out.units_changed.push_back(std::move(entry));
      if (unit.name == kOwnUnit) continue;
      if (open("restart:" + unit.name) || open("start:" + unit.name))
        out.unit_commands.push_back({unit.name, "restart"});
      else if (open("stop:" + unit.name))
        out.unit_commands.push_back({unit.name, "stop"});
    }
    for (const auto& [name, ours] : prepared_.changes.retire_units)
      if (open("retire:" + name)) out.units_deleted.push_back(retired(name, ours));
  }

  osc::Unit retired(const std::string& name, const plan::AppliedUnit& ours) const {
    if (const auto* old = old_unit(name)) return *old;
    osc::Unit unit{.name = name};
    if (ours.owns_file) unit.content = "";
    for (const auto& [drop_in, sha256] : ours.drop_ins) unit.drop_ins.push_back({.name = drop_in});
    return unit;
  }

  void add_files(store::ChangesFile& out) const {
    for (const auto& file : osc::files_for_host(prepared_.osc, prepared_.facts.host_name))
      if (prepared_.changes.write_files.contains(file.path) && open("file:" + file.path))
        out.files_changed.push_back(file);
    std::vector<osc::File> old_files;
    if (prepared_.last_applied) old_files = osc::files_for_host(*prepared_.last_applied, prepared_.facts.host_name);
    for (const auto& [path, ours] : prepared_.changes.delete_files) {
      if (!open("file:" + path)) continue;
      const auto at = std::ranges::find(old_files, path, &osc::File::path);
      out.files_deleted.push_back(at != old_files.end() ? *at : osc::File{.path = path});
    }
  }

  void add_containerd(store::ChangesFile& out) const {
    out.config_file_changed = prepared_.changes.restart_containerd && open(std::string("restart:") + kContainerdUnit);
    if (osc::has_containerd(prepared_.osc)) {
      for (const auto& registry : prepared_.osc.spec.cri_config->containerd->registries) {
        const bool awaited = open("await:" + registry.upstream);
        if (!awaited && !open("registry:" + registry.upstream)) continue;
        out.registries_desired.push_back(registry);
        if (awaited) out.upstreams_to_probe.push_back(registry.upstream);
      }
    }
    for (const auto& [upstream, ours] : prepared_.changes.drop_registries)
      if (open("registry:" + upstream)) out.registries_deleted.push_back(old_registry(upstream));
  }

  osc::Registry old_registry(const std::string& upstream) const {
    if (prepared_.last_applied && osc::has_containerd(*prepared_.last_applied)) {
      const auto& registries = prepared_.last_applied->spec.cri_config->containerd->registries;
      const auto at = std::ranges::find(registries, upstream, &osc::Registry::upstream);
      if (at != registries.end()) return *at;
    }
    return {.upstream = upstream};
  }
};

}  // namespace

store::ChangesFile remaining(const Prepared& prepared, const std::set<std::string>& done) {
  return Remaining(prepared, done).file();
}

}  // namespace gna::apply
