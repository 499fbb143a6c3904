#include "backends/systemd/lower.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/hosts_toml.h"
#include "backends/systemd/paths.h"
#include "gna/base/digest.h"

namespace gna::systemd {

bool is_read_by_manager(std::string_view path) {
  static constexpr std::array<std::string_view, 8> kDirectories = {
      "/etc/systemd/system/", "/etc/systemd/system.control/",   "/etc/systemd/system.attached/",
      "/run/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/",
      "/lib/systemd/system/", "/etc/systemd/system.conf.d/"};
  return path == "/etc/systemd/system.conf" ||
         std::ranges::any_of(kDirectories, [&](std::string_view directory) { return path.starts_with(directory); });
}

namespace {

using observed::FileKind;
using plan::Disruption;
using plan::Kind;
using plan::Record;
using plan::Step;
using plan::UnitRecord;
using plan::Verb;
using plan::Why;

constexpr const char* kContainerdUnit = "containerd.service";
constexpr const char* kCpuManagerState = "/var/lib/kubelet/cpu_manager_state";
constexpr std::array<const char*, 4> kContainerdDirectories = {"/var/bin/containerruntimes", "/etc/containerd",
                                                               "/etc/containerd/conf.d", "/etc/containerd/certs.d"};

// One object for one lowering: what every stage reads, and what later stages need of earlier ones.
class Lowering {
 public:
  Lowering(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
           const desired::Facts& facts)
      : work_(work), wanted_(wanted), now_(now), facts_(facts) {
    for (const auto& [name, unit] : wanted.units)
      for (const auto& path : unit.watches) watchers_[path].insert(name);
  }

  plan::Plan run() && {
    leftovers();
    clear_the_way();
    containerd_base();
    files();
    registries();
    images();
    unit_files();
    enablement();
    retire();
    reload();
    jobs();
    late_mirrors();
    registries_that_go();
    files_that_go();
    own_unit();
    settle();
    std::erase_if(plan_.stages, [](const plan::Stage& stage) { return stage.steps.empty(); });
    return std::move(plan_);
  }

 private:
  const plan::Changes& work_;
  const desired::State& wanted_;
  const observed::State& now_;
  const desired::Facts& facts_;
  plan::Plan plan_;
  std::map<std::string, std::set<std::string>> watchers_;       // path → units
  std::map<std::string, std::vector<std::string>> unit_needs_;  // unit → steps that feed it
  std::set<std::string> cleared_;                               // what of ours went that way
  std::vector<std::string> clearing_;                           // ids of steps that clear the way
  std::vector<std::string> awaited_;                            // upstreams nobody answers for
  std::string containerd_patch_;                                // id of the step, if there is one
  bool reload_needed_ = false;
  bool containerd_restart_ = false;
  bool containerd_refused_ = false;
  bool has_reload_step_ = false;

  plan::Stage& stage(const char* name) {
    plan_.stages.push_back({.name = name});
    return plan_.stages.back();
  }

  observed::FileKind kind_at(const std::string& path) const {
    const auto at = now_.files.find(path);
    return at == now_.files.end() ? FileKind::absent : at->second.kind;
  }

  const observed::Unit* observed_unit(const std::string& name) const {
    const auto at = now_.units.find(name);
    return at == now_.units.end() ? nullptr : &at->second;
  }

  // Offline nothing runs that could be disturbed.
  Disruption disruption_of(desired::Role role) const {
    if (!facts_.live) return Disruption::none;
    switch (role) {
      case desired::Role::containerd: return Disruption::restartsContainerd;
      case desired::Role::kubelet: return Disruption::restartsKubelet;
      case desired::Role::node_agent: return Disruption::restartsAgent;
      default: return Disruption::restartsUnit;
    }
  }

  // Before a unit's text, drop-in or watched file changes, the restart is owed.
  static void owe_restart(Record& before, const std::string& unit) {
    before.units[unit].started_with = "";
    before.units[unit].sent_with = "";
  }

  // systemd has to read `path` again.
  void note_manager_input(Record& before, const std::string& path) {
    if (!is_read_by_manager(path)) return;
    reload_needed_ = true;
    if (facts_.live) before.reload_owed = true;
  }

  // Steps that have to make room for `path`; what stands elsewhere is none of its business.
  std::vector<std::string> clearing_for(const std::string& path) const {
    std::vector<std::string> out;
    for (const auto& id : clearing_) {
      const auto blocked = id.substr(std::string_view("clear:").size());
      if (path == blocked || path.starts_with(blocked + "/")) out.push_back(id);
    }
    return out;
  }

  void feeds(const std::string& unit, const std::string& step) { unit_needs_[unit].push_back(step); }

  // --- stages, in order ---

  // Before the way is cleared: a folder that has to go must be empty.
  void leftovers() {
    auto& out = stage("leftovers");
    for (const auto& path : now_.leftovers)
      out.steps.push_back({.id = "leftover:" + path,
                           .kind = Kind::file,
                           .target = path,
                           .verb = Verb::remove,
                           .action = plan::DeleteFile{path},
                           .reason = "a temporary file of a run that was cut short"});
  }

  void clear_the_way() {
    auto& out = stage("clear the way");
    const auto clear = [&](const std::string& path) {
      const std::string id = "clear:" + path;
      if (std::ranges::find(clearing_, id) != clearing_.end()) return;
      clearing_.push_back(id);
      Step step{.id = id,
                .kind = Kind::file,
                .target = path,
                .verb = Verb::remove,
                .reason = "stands where a wanted path has to be"};
      plan::ClearTheWay action{.path = path};
      for (const auto& [file, ours] : work_.delete_files) {
        if (file != path && !file.starts_with(path + "/")) continue;
        action.ours.push_back(file);
        step.after.files[file] = std::nullopt;
        cleared_.insert(file);
      }
      const auto take = [&](const std::string& ours) {
        if (!ours.starts_with(path + "/")) return false;
        action.ours.push_back(ours);
        cleared_.insert(ours);
        note_manager_input(step.before, ours);
        return true;
      };
      const auto take_drop_in = [&](const std::string& unit, const std::string& drop_in) {
        if (!take(drop_in_path(unit, drop_in))) return;
        owe_restart(step.before, unit);
        step.after.units[unit].remove_drop_ins.insert(drop_in);
      };
      for (const auto& [name, change] : work_.units)
        for (const auto& drop_in : change.delete_drop_ins) take_drop_in(name, drop_in);
      for (const auto& [name, ours] : work_.retire_units)
        for (const auto& [drop_in, sha256] : ours.drop_ins) take_drop_in(name, drop_in);
      for (const auto& [upstream, ours] : work_.drop_registries)
        if (take(containerd::hosts_toml_path(upstream))) step.after.registries[upstream] = std::nullopt;
      step.action = std::move(action);
      out.steps.push_back(std::move(step));
    };
    for (const auto& [path, file] : now_.obstacles) clear(path);
    for (const auto& [path, write] : work_.write_files)
      if (kind_at(path) == FileKind::directory) clear(path);
    // A file of ours that goes, where a folder for drop-ins or a mirror has to be.
    const auto make_room = [&](const std::string& path) {
      for (auto end = path.rfind('/'); end != 0; end = path.rfind('/', end - 1)) {
        const auto folder = path.substr(0, end);
        if (work_.delete_files.contains(folder) && kind_at(folder) == FileKind::regular) clear(folder);
      }
    };
    for (const auto& [name, change] : work_.units)
      for (const auto& [drop_in, text] : change.write_drop_ins) make_room(drop_in_path(name, drop_in));
    for (const auto& [upstream, write] : work_.registries) make_room(containerd::hosts_toml_path(upstream));
    if (wanted_.containerd) make_room(containerd::kConfigPath);
  }

  void containerd_base() {
    auto& out = stage("containerd");
    if (wanted_.containerd) {
      for (const char* path : kContainerdDirectories) {
        if (kind_at(path) == FileKind::directory) continue;
        out.steps.push_back({.id = std::string("directory:") + path,
                             .kind = Kind::file,
                             .target = path,
                             .verb = Verb::create,
                             .action = plan::MakeDirectory{path, 0755},
                             .reason = "containerd needs it"});
      }
    }
    if (wanted_.containerd || work_.containerd_before) patch_containerd(out);
    // With the settings of before it needs none, and the restart stays owed.
    containerd_restart_ = work_.restart_containerd && !containerd_refused_;
  }

  void patch_containerd(plan::Stage& out) {
    const auto document = now_.documents.find(containerd::kConfigPath);
    const bool on_disk = kind_at(containerd::kConfigPath) == FileKind::regular;
    if (!wanted_.containerd && !on_disk) {  // nothing to take back from
      plan_.settled.containerd_restored = true;
      return;
    }
    const std::string bytes = document == now_.documents.end() ? std::string() : document->second;
    auto patched = wanted_.containerd
                       ? containerd::patch_config(bytes, *wanted_.containerd, facts_.containerd,
                                                  work_.containerd_before, work_.containerd_originals)
                       : containerd::restore_config(bytes, *work_.containerd_before, work_.containerd_originals);
    if (!patched) {
      refuse_containerd(patched.error());
      return;
    }
    Record done;
    done.containerd_config_sha256 = sha256_hex(patched->toml);
    done.containerd_originals = patched->originals_after;
    if (!wanted_.containerd) done.containerd_restored = true;
    if (on_disk && !patched->changed) {
      if (wanted_.containerd) done.containerd = wanted_.containerd;
      plan_.settled.containerd = done.containerd;
      plan_.settled.containerd_originals = patched->originals;
      for (const auto& [key, value] : patched->originals_after) plan_.settled.containerd_originals[key] = value;
      plan_.settled.containerd_restored = done.containerd_restored;
      plan_.settled.containerd_config_sha256 = done.containerd_config_sha256;
      return;
    }
    // Whoever keeps it from others' eyes has registries' passwords in it.
    const std::uint32_t mode = on_disk ? now_.files.at(containerd::kConfigPath).mode : 0644;
    Step step{.id = "containerd-config",
              .kind = Kind::containerdConfig,
              .target = containerd::kConfigPath,
              .verb = on_disk ? Verb::patch : Verb::create,
              .action = plan::WriteFile{containerd::kConfigPath, patched->toml, mode},
              .disruption = work_.restart_containerd ? disruption_of(desired::Role::containerd) : Disruption::none,
              .reason = !wanted_.containerd        ? "its settings are no longer wanted"
                        : !on_disk                 ? "new"
                        : work_.restart_containerd ? "settings changed"
                                                   : "drifted"};
    step.before.containerd = wanted_.containerd;
    step.before.containerd_originals = patched->originals;
    if (work_.restart_containerd) step.before.containerd_started_with = "";
    step.after = std::move(done);
    containerd_patch_ = step.id;
    out.steps.push_back(std::move(step));
  }

  // Settings that no file can hold are the OSC's own fault, others that of the file that they meet.
  void refuse_containerd(const Error& error) {
    containerd_refused_ = true;
    const bool possible =
        !wanted_.containerd || containerd::patch_config(containerd::minimal_config(3), *wanted_.containerd,
                                                        facts_.containerd, std::nullopt, {});
    plan::Refused part{.field = "spec.criConfig.containerd", .why = error.message};
    if (possible) {
      part.why = std::string(containerd::kConfigPath) + ": " + error.message;
      part.alternative = "repair the file, or move it away";
      part.code = Code::Conflict;
    }
    plan_.refused.push_back(std::move(part));
  }

  Step file_step(const std::string& path, const plan::FileWrite& write) {
    Step step{.id = "file:" + path,
              .kind = Kind::file,
              .target = path,
              .verb = write.exists ? Verb::update : Verb::create,
              .reason = std::string(to_string(write.why)),
              .secret = write.file.secret,
              .needs = clearing_for(path)};
    plan::AppliedFile claim{.mode = write.file.mode, .overwrote = write.overwrites};
    step.before.files[path] = claim;
    note_manager_input(step.before, path);
    if (const auto watching = watchers_.find(path); watching != watchers_.end()) {
      for (const auto& unit : watching->second) {
        owe_restart(step.before, unit);
        feeds(unit, step.id);
        step.disruption = std::max(step.disruption, disruption_of(wanted_.units.at(unit).role));
      }
    }
    return step;
  }

  void files() {
    auto& out = stage("files");
    for (const auto& [path, write] : work_.write_files) {
      const auto* bytes = std::get_if<std::string>(&write.file.content);
      if (bytes == nullptr) continue;
      auto step = file_step(path, write);
      step.action = plan::WriteFile{path, *bytes, write.file.mode};
      step.after.files[path] =
          plan::AppliedFile{.mode = write.file.mode, .sha256 = sha256_hex(*bytes), .overwrote = write.overwrites};
      out.steps.push_back(std::move(step));
    }
  }

  bool answered(const desired::Registry& registry) const {
    return std::ranges::any_of(registry.hosts, [&](const desired::RegistryHost& host) {
      const auto mirror = now_.mirrors.find(observed::mirror_key(registry.upstream, host.url));
      return mirror != now_.mirrors.end() && mirror->second.reachable;
    });
  }

  plan::AwaitMirror await(const std::string& upstream, bool last_chance) const {
    const auto& write = work_.registries.at(upstream);
    const auto path = containerd::hosts_toml_path(upstream);
    const auto document = now_.documents.find(path);
    return {.registry = write.registry,
            .path = path,
            .on_disk = document == now_.documents.end() ? std::string() : document->second,
            .keep_order = write.keep_order,
            .facts = facts_,
            .last_chance = last_chance};
  }

  void registries() {
    auto& out = stage("registries");
    for (const auto& [upstream, write] : work_.registries) {
      const auto path = containerd::hosts_toml_path(upstream);
      const auto document = now_.documents.find(path);
      const bool on_disk = document != now_.documents.end();
      const std::string bytes = on_disk ? document->second : std::string();
      const auto wanted = containerd::wanted_hosts_toml(write.registry, bytes, write.keep_order, now_, facts_);
      const plan::AppliedRegistry done{.digest = desired::digest(write.registry), .sha256 = sha256_hex(wanted)};
      if (on_disk && bytes == wanted) {
        plan_.settled.registries[upstream] = done;
        continue;
      }
      Step step{.id = "registry:" + upstream,
                .kind = Kind::registry,
                .target = upstream,
                .verb = on_disk ? Verb::update : Verb::create,
                .reason = std::string(to_string(write.why)),
                .needs = clearing_for(path)};
      step.before.registries[upstream] = plan::AppliedRegistry{};
      // Offline nobody can be asked, and the file is for a node that will be elsewhere.
      const bool wait =
          write.registry.readiness_probe && !write.registry.hosts.empty() && facts_.live && !answered(write.registry);
      if (wait) {
        step.action = await(upstream, false);
        step.reason += ", once a mirror answers";
        awaited_.push_back(upstream);
        step.before = {};
      } else {
        step.action = plan::WriteFile{path, wanted, 0644};
        step.after.registries[upstream] = done;
      }
      out.steps.push_back(std::move(step));
    }
  }

  void images() {
    auto& out = stage("images");
    for (const auto& [path, write] : work_.write_files) {
      const auto* source = std::get_if<desired::ImageSource>(&write.file.content);
      if (source == nullptr) continue;
      auto step = file_step(path, write);
      step.kind = Kind::image;
      step.verb = Verb::pull;
      step.action = plan::CopyFromImage{path, *source, write.file.mode};
      step.reason += ", " + source->path + " of " + source->image;
      // The claim names no image: an image without a SHA-256 means that its file is there, copied by
      // the Go agent. Here the SHA-256 is what the copy turns out to have: Outcome::learned.
      step.after.files[path] = step.before.files[path];
      step.after.files[path]->image = *source;
      out.steps.push_back(std::move(step));
    }
  }

  Step unit_step(const std::string& unit, const plan::UnitChange& change, Kind kind, const std::string& path) {
    Step step{.id = std::string(to_string(kind)) + ":" + path.substr(std::string(kUnitDirectory).size() + 1),
              .kind = kind,
              .target = kind == Kind::unit ? unit : path.substr(std::string(kUnitDirectory).size() + 1),
              .reason = std::string(to_string(change.why)),
              .needs = clearing_for(path)};
    owe_restart(step.before, unit);
    note_manager_input(step.before, path);
    if (change.job != plan::UnitChange::Job::none) step.disruption = disruption_of(wanted_.units.at(unit).role);
    feeds(unit, step.id);
    return step;
  }

  void unit_files() {
    auto& out = stage("units");
    for (const auto& [name, change] : work_.units) {
      const auto* seen = observed_unit(name);
      if (change.write_content) {
        auto step = unit_step(name, change, Kind::unit, unit_path(name));
        step.verb = seen != nullptr && seen->unit_file.kind != FileKind::absent ? Verb::update : Verb::create;
        step.action = plan::WriteFile{unit_path(name), *change.write_content, 0600};
        step.before.units[name].owns_file = true;
        step.before.units[name].file_sha256 = "";
        step.after.units[name].file_sha256 = sha256_hex(*change.write_content);
        out.steps.push_back(std::move(step));
      }
      // What the OSC now lists under spec.files stays on the disk, and is ours no longer as a unit's.
      if (change.delete_file && !wanted_.files.contains(unit_path(name))) {
        auto step = unit_step(name, change, Kind::unit, unit_path(name));
        step.verb = Verb::remove;
        step.action = plan::DeleteFile{unit_path(name)};
        step.after.units[name].owns_file = false;
        step.after.units[name].file_sha256 = "";
        out.steps.push_back(std::move(step));
      }
      for (const auto& [drop_in, text] : change.write_drop_ins) {
        const auto path = drop_in_path(name, drop_in);
        auto step = unit_step(name, change, Kind::dropIn, path);
        step.verb = seen != nullptr && seen->drop_ins.contains(drop_in) ? Verb::update : Verb::create;
        step.action = plan::WriteFile{path, text, 0600};
        step.before.units[name].add_drop_ins[drop_in] = "";
        step.after.units[name].add_drop_ins[drop_in] = sha256_hex(text);
        out.steps.push_back(std::move(step));
      }
      for (const auto& drop_in : change.delete_drop_ins) {
        if (cleared_.contains(drop_in_path(name, drop_in))) continue;
        if (wanted_.files.contains(drop_in_path(name, drop_in))) {
          plan_.settled.units[name].remove_drop_ins.insert(drop_in);
          continue;
        }
        auto step = unit_step(name, change, Kind::dropIn, drop_in_path(name, drop_in));
        step.verb = Verb::remove;
        step.action = plan::DeleteFile{drop_in_path(name, drop_in), true};
        step.after.units[name].remove_drop_ins.insert(drop_in);
        out.steps.push_back(std::move(step));
      }
    }
    if (work_.forget_cpu_manager_state) {
      Step step{.id = std::string("file:") + kCpuManagerState,
                .kind = Kind::file,
                .target = kCpuManagerState,
                .verb = Verb::remove,
                .action = plan::DeleteFile{kCpuManagerState},
                .disruption = disruption_of(desired::Role::kubelet),
                .reason = "cpuManagerPolicy changed"};
      step.after.cpu_manager_policy = wanted_.cpu_manager_policy;
      feeds("kubelet.service", step.id);
      out.steps.push_back(std::move(step));
    }
  }

  void enablement() {
    auto& out = stage("enablement");
    for (const auto& [name, change] : work_.units) {
      if (!change.set_enabled) continue;
      const bool enabled = *change.set_enabled;
      Step step{.id = std::string(enabled ? "enable:" : "disable:") + name,
                .kind = Kind::unitState,
                .target = name,
                .verb = enabled ? Verb::enable : Verb::disable,
                .action = plan::SetEnablement{name, enabled},
                .reason = std::string(to_string(change.why)),
                .needs = unit_needs_[name]};
      reload_needed_ = true;
      if (facts_.live) step.before.reload_owed = true;
      step.after.units[name].enabled = enabled;
      out.steps.push_back(std::move(step));
    }
  }

  // Ours: disable, stop, delete. Others' units: only our drop-ins go; see jobs() for the restart.
  void retire() {
    auto& out = stage("units that go");
    for (const auto& [name, ours] : work_.retire_units) {
      Step step{.id = "retire:" + name,
                .kind = Kind::unit,
                .target = name,
                .verb = Verb::remove,
                .action = plan::RetireUnit{.unit = name, .owns_file = ours.owns_file, .drop_ins = {}},
                .disruption = ours.owns_file ? disruption_of(desired::Role::other) : Disruption::none,
                .reason = std::string(to_string(Why::removed))};
      // What the OSC now lists under spec.files stays on the disk.
      auto& action = std::get<plan::RetireUnit>(step.action);
      if (wanted_.files.contains(unit_path(name))) action.owns_file = false;
      for (const auto& [drop_in, sha256] : ours.drop_ins)
        if (const auto path = drop_in_path(name, drop_in); !wanted_.files.contains(path) && !cleared_.contains(path))
          action.drop_ins.push_back(drop_in);
      if (ours.owns_file || !ours.drop_ins.empty()) note_manager_input(step.before, unit_path(name));
      if (restarts_without_ours(name, ours)) {  // forgotten before that, it would lose its restart to a crash
        owe_restart(step.before, name);
        step.after.units[name].remove_drop_ins.insert(action.drop_ins.begin(), action.drop_ins.end());
      } else {
        step.after.units[name].forget = true;
      }
      out.steps.push_back(std::move(step));
    }
    // Before the reload that has to see it, not among the files that go at the end.
    delete_files(out, is_read_by_manager);
  }

  void reload() {
    auto& out = stage("reload");
    const bool asked_for = std::ranges::any_of(wanted_.units, [&](const auto& entry) {
      const auto* seen = observed_unit(entry.first);
      return seen != nullptr && seen->need_reload;
    });
    if (!facts_.live || !(reload_needed_ || work_.reload_owed || asked_for)) return;
    has_reload_step_ = true;
    Step step{.id = "daemon-reload",
              .kind = Kind::daemonReload,
              .target = "systemd",
              .verb = Verb::reload,
              .action = plan::ReloadManager{},
              .reason = reload_needed_ ? "unit files or links changed"
                        : asked_for    ? "a unit's files changed since systemd read them"
                                       : std::string(to_string(Why::owed))};
    step.after.reload_owed = false;
    out.steps.push_back(std::move(step));
  }

  std::vector<std::string> needs_of(const std::string& unit) {
    auto needs = unit_needs_[unit];
    if (has_reload_step_) needs.push_back("daemon-reload");
    if (unit == kContainerdUnit && !containerd_patch_.empty()) needs.push_back(containerd_patch_);
    return needs;
  }

  static UnitRecord started(const desired::Unit& unit, const desired::State& wanted) {
    return {.started_with = desired::digest(unit, wanted), .sent_with = ""};
  }

  void jobs() {
    auto& out = stage("jobs");
    if (!facts_.live) return;
    for (const auto& [name, change] : work_.units) {
      const auto& unit = wanted_.units.at(name);
      if (change.job == plan::UnitChange::Job::none) continue;
      // A containerd that failed to start with other settings gets its restart, not just a start.
      const bool new_settings = unit.role == desired::Role::containerd && containerd_restart_;
      const bool start = change.job == plan::UnitChange::Job::start && !new_settings;
      const bool restart =
          change.job == plan::UnitChange::Job::restart || (change.job != plan::UnitChange::Job::stop && !start);
      const plan::Job job = restart ? plan::Job::restart : start ? plan::Job::start : plan::Job::stop;
      const Verb verb = restart ? Verb::restart : start ? Verb::start : Verb::stop;
      Step step{.id = std::string(to_string(verb)) + ":" + name,
                .kind = Kind::unitState,
                .target = name,
                .verb = verb,
                .action = plan::RunJob{name, job},
                .disruption = disruption_of(unit.role),
                .reason = std::string(to_string(change.why)),
                .needs = needs_of(name)};
      if (!start) owe_restart(step.before, name);
      step.after.units[name] = started(unit, wanted_);
      if (unit.role == desired::Role::containerd && containerd_restart_) {
        step.after.containerd_started_with = desired::containerd_digest(wanted_);
        containerd_restart_ = false;
      }
      out.steps.push_back(std::move(step));
    }
    restart_containerd(out);
    restart_others(out);
  }

  // Its settings changed, and no unit change restarts it already.
  void restart_containerd(plan::Stage& out) {
    if (!containerd_restart_) return;
    const auto* seen = observed_unit(kContainerdUnit);
    if (seen != nullptr && seen->load == "not-found" && !wanted_.units.contains(kContainerdUnit)) {
      plan_.settled.containerd_started_with = desired::containerd_digest(wanted_);
      return;
    }
    Step step{.id = std::string("restart:") + kContainerdUnit,
              .kind = Kind::unitState,
              .target = kContainerdUnit,
              .verb = Verb::restart,
              .action = plan::RunJob{kContainerdUnit, plan::Job::restart},
              .disruption = Disruption::restartsContainerd,
              .reason = "containerd's settings changed",
              .needs = needs_of(kContainerdUnit)};
    step.after.containerd_started_with = desired::containerd_digest(wanted_);
    if (const auto unit = wanted_.units.find(kContainerdUnit); unit != wanted_.units.end())
      step.after.units[kContainerdUnit] = started(unit->second, wanted_);
    out.steps.push_back(std::move(step));
  }

  // Not ours, but it ran with a drop-in of ours. A vendor's unit is left running as it is.
  bool restarts_without_ours(const std::string& name, const plan::AppliedUnit& ours) const {
    const auto* seen = observed_unit(name);
    const bool in_etc = seen != nullptr && seen->unit_file.kind == FileKind::regular;
    const bool restarted_anyway = name == kContainerdUnit && work_.restart_containerd;
    return facts_.live && !ours.owns_file && in_etc && !restarted_anyway && !work_.proven_units.contains(name);
  }

  void restart_others(plan::Stage& out) {
    for (const auto& [name, ours] : work_.retire_units) {
      if (!restarts_without_ours(name, ours)) continue;
      Step step{.id = "restart:" + name,
                .kind = Kind::unitState,
                .target = name,
                .verb = Verb::restart,
                .action = plan::RunJob{name, plan::Job::restart},
                .disruption = Disruption::restartsUnit,
                .reason = "ran with a drop-in that is gone",
                .needs = {"retire:" + name, "daemon-reload"}};
      step.after.units[name] = {.started_with = plan::kWithoutOurs, .forget = true};
      out.steps.push_back(std::move(step));
    }
  }

  void late_mirrors() {
    auto& out = stage("mirrors");
    for (const auto& upstream : awaited_) {
      const auto& write = work_.registries.at(upstream);
      Step step{.id = "await:" + upstream,
                .kind = Kind::registry,
                .target = upstream,
                .verb = Verb::update,
                .action = await(upstream, true),
                .reason = "no mirror had answered"};
      // What lies there already is ours, or somebody else's until it is written. As a file of spec.files it was ours,
      // too.
      const auto& awaited = std::get<plan::AwaitMirror>(step.action);
      if (awaited.on_disk.empty() || work_.delete_files.contains(awaited.path))
        step.before.registries[upstream] = plan::AppliedRegistry{};
      step.after.registries[upstream] = plan::AppliedRegistry{.digest = desired::digest(write.registry)};
      out.steps.push_back(std::move(step));
    }
  }

  void registries_that_go() {
    auto& out = stage("registries that go");
    for (const auto& [upstream, ours] : work_.drop_registries) {
      if (cleared_.contains(containerd::hosts_toml_path(upstream))) continue;
      if (wanted_.files.contains(containerd::hosts_toml_path(upstream))) {
        plan_.settled.registries[upstream] = std::nullopt;
        continue;
      }
      Step step{.id = "registry:" + upstream,
                .kind = Kind::registry,
                .target = upstream,
                .verb = Verb::remove,
                .action = plan::DeleteFile{containerd::hosts_toml_path(upstream), true},
                .reason = std::string(to_string(Why::removed))};
      step.after.registries[upstream] = std::nullopt;
      out.steps.push_back(std::move(step));
    }
  }

  void files_that_go() {
    auto& out = stage("files that go");
    delete_files(out, [](const std::string& path) { return !is_read_by_manager(path); });
  }

  template <typename Which>
  void delete_files(plan::Stage& out, const Which& which) {
    for (const auto& [path, ours] : work_.delete_files) {
      if (cleared_.contains(path) || !which(path)) continue;
      // What a unit, a mirror or containerd's settings own now is no longer a file of spec.files; and
      // where a folder stands, or will stand, a run that was cut short has removed ours already.
      if (belongs_to_unit(path) || belongs_to_containerd(path) || kind_at(path) == FileKind::directory ||
          becomes_folder(path)) {
        plan_.settled.files[path] = std::nullopt;
        continue;
      }
      Step step{.id = "file:" + path,
                .kind = Kind::file,
                .target = path,
                .verb = Verb::remove,
                .action = plan::DeleteFile{path},
                .reason = std::string(to_string(Why::removed)),
                .secret = true};
      note_manager_input(step.before, path);
      step.after.files[path] = std::nullopt;
      out.steps.push_back(std::move(step));
    }
  }

  bool belongs_to_containerd(const std::string& path) const {
    if (wanted_.containerd && path == containerd::kConfigPath) return true;
    return std::ranges::any_of(wanted_.registries,
                               [&](const auto& entry) { return path == containerd::hosts_toml_path(entry.first); });
  }

  bool becomes_folder(const std::string& path) const {
    const auto below = wanted_.files.lower_bound(path + "/");
    return below != wanted_.files.end() && below->first.starts_with(path + "/");
  }

  bool belongs_to_unit(const std::string& path) const {
    return std::ranges::any_of(wanted_.units, [&](const auto& entry) {
      const auto& [name, unit] = entry;
      if (unit.content && path == unit_path(name)) return true;
      return std::ranges::any_of(unit.drop_ins,
                                 [&](const auto& drop_in) { return path == drop_in_path(name, drop_in.first); });
    });
  }

  void own_unit() {
    auto& out = stage(plan::kOwnUnitStage);
    if (!work_.restart_agent || !facts_.live) return;
    for (const auto& [name, unit] : wanted_.units) {
      if (unit.role != desired::Role::node_agent) continue;
      Step step{.id = "restart:" + name,
                .kind = Kind::unitState,
                .target = name,
                .verb = Verb::restart,
                .action = plan::RunJob{name, plan::Job::restart},
                .disruption = Disruption::restartsAgent,
                .reason = "its unit, binary or configuration changed",
                .needs = needs_of(name)};
      step.after.units[name] = started(unit, wanted_);
      step.after.agent_restart_owed = false;
      out.steps.push_back(std::move(step));
    }
  }

  // What is true once everything is done, without a step of its own.
  void settle() {
    auto& record = plan_.settled;
    for (const auto& [path, ours] : work_.adopt_files) record.files[path] = ours;
    for (const auto& [name, unit] : wanted_.units) {
      auto& entry = record.units[name];
      entry.run = unit.run;
      entry.expected = unit.expected;
      entry.enabled = unit.enabled;
      entry.owns_file = unit.content.has_value();
      if (unit.content) entry.file_sha256 = sha256_hex(*unit.content);
      for (const auto& [drop_in, text] : unit.drop_ins) entry.add_drop_ins[drop_in] = sha256_hex(text);
      // Offline nothing runs yet: the unit starts with what lies on the disk.
      if (!facts_.live || work_.proven_units.contains(name)) {
        entry.started_with = desired::digest(unit, wanted_);
      }
      // A complete run has seen the end of every job but the agent's own restart.
      if (unit.role != desired::Role::node_agent) entry.sent_with = "";
    }
    if ((!facts_.live && work_.restart_containerd && !containerd_refused_) || work_.containerd_proven)
      record.containerd_started_with = desired::containerd_digest(wanted_);
    if (!work_.forget_cpu_manager_state) record.cpu_manager_policy = wanted_.cpu_manager_policy;
  }
};

}  // namespace

plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                 const desired::Facts& facts) {
  return Lowering(work, wanted, now, facts).run();
}

}  // namespace gna::systemd
