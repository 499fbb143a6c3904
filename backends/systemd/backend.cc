#include "gna/systemd/backend.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include <unistd.h>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/hosts_toml.h"
#include "agent/fs/root_fs.h"
#include "backends/systemd/backend_impl.h"
#include "backends/systemd/bus.h"
#include "backends/systemd/lower.h"
#include "backends/systemd/node_environment.h"
#include "backends/systemd/offline.h"
#include "backends/systemd/os_release.h"
#include "backends/systemd/paths.h"
#include "backends/systemd/steps/steps.h"
#include "backends/systemd/unit_manager.h"
#include "gna/base/digest.h"

namespace gna::systemd {

namespace {

std::string own_host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  std::string out = name;
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// Also where a file stands in place of a folder above.
bool is_absent(const fs::RootFs& root, const std::string& path, const Error& error) {
  if (error.code != Code::Conflict) return error.code == Code::NotFound;
  const auto obstacle = root.obstacle(path);
  return obstacle && !obstacle->empty();
}

// Directories and files that containerd's settings need: lower() makes the ones that are missing.
constexpr std::array<const char*, 5> kContainerdPaths = {"/var/bin/containerruntimes", "/etc/containerd",
                                                         "/etc/containerd/conf.d", "/etc/containerd/certs.d",
                                                         containerd::kConfigPath};

}  // namespace

Backend::Backend(const fs::RootFs& root, std::unique_ptr<UnitManager> units, Environment environment, Options options)
    : root_(root),
      units_(std::move(units)),
      environment_(std::move(environment)),
      mirrors_(environment_),
      options_(std::move(options)) {}

Backend::~Backend() = default;

backend::Capabilities Backend::capabilities() const {
  return {.name = "systemd", .units = true, .files_anywhere = true, .path_drop_in = true, .live = units_->live()};
}

Result<desired::Facts> Backend::facts(Deadline by) {
  desired::Facts facts{.live = units_->live()};
  facts.host_name = options_.host_name.empty() ? own_host_name() : options_.host_name;
  if (const auto release = root_.read("/etc/os-release"); release) facts.os_version = os_version(*release);
  if (options_.containerd_version) {
    facts.containerd = desired::parse_version(*options_.containerd_version);
  } else if (facts.live) {
    if (auto version = environment_.containerd_version(by)) facts.containerd = *version;
  } else {
    facts.containerd = offline_containerd_version();
  }
  return facts;
}

desired::Version Backend::offline_containerd_version() const {
  const auto config = root_.read(containerd::kConfigPath);
  // One that cannot be read is lower()'s to refuse, where the OSC has settings for it at all.
  if (config)
    if (const auto version = containerd::version_of_config(*config)) return *version;
  return containerd::version_of_config(options_.offline_config_version);
}

Result<observed::State> Backend::observe(const backend::Scope& scope, Deadline by) {
  observed::State now;
  GNA_TRY(observe_files(scope, now));
  GNA_TRY(observe_containerd(scope, now, by));
  GNA_TRY(observe_units(scope, now, by));
  if (scope.leftovers) GNA_TRY(observe_leftovers(scope, now));
  if (!scope.mirrors.empty() && units_->live()) now.mirrors = environment_.probe(scope.mirrors, by);
  return now;
}

Result<void> Backend::observe_files(const backend::Scope& scope, observed::State& now) const {
  for (const auto& path : scope.files) {
    auto file = root_.look(path, true);
    // A file where a folder should be: the path itself is absent then.
    if (!file && file.error().code == Code::Conflict) file = observed::File{};
    if (!file) return std::unexpected(std::move(file).error());
    if (file->kind == observed::FileKind::absent) {
      GNA_LET(obstacle, root_.obstacle(path));
      if (!obstacle.empty()) {
        GNA_LET(standing, root_.look(obstacle, false));
        now.obstacles.emplace(obstacle, standing);
      }
    }
    now.files.emplace(path, std::move(*file));
  }
  return {};
}

Result<void> Backend::observe_leftovers(const backend::Scope& scope, observed::State& now) const {
  std::set<std::string> directories = {kUnitDirectory, "/etc/containerd"};
  for (const auto& path : scope.files) directories.insert(path.substr(0, path.rfind('/')));
  for (const auto& unit : scope.units) directories.insert(drop_in_directory(unit));
  for (const auto& upstream : scope.upstreams) {
    const auto path = containerd::hosts_toml_path(upstream);
    directories.insert(path.substr(0, path.rfind('/')));
  }
  // Where an offline tree's units are enabled.
  if (const auto entries = root_.list(kUnitDirectory))
    for (const auto& entry : *entries)
      for (const auto* kind : {".wants", ".requires", ".upholds"})
        if (entry.ends_with(kind)) directories.insert(std::string(kUnitDirectory) + "/" + entry);
  for (const auto& directory : directories) {
    const auto entries = root_.list(directory.empty() ? "/" : directory);
    if (!entries) continue;  // not there yet
    for (const auto& entry : *entries)
      if (entry.starts_with(fs::kTempPrefix) && entry.ends_with(fs::kTempSuffix))
        now.leftovers.insert(path_in(directory, entry));
  }
  return {};
}

Result<void> Backend::observe_containerd(const backend::Scope& scope, observed::State& now, Deadline by) const {
  for (const auto& upstream : scope.upstreams) {
    const auto path = containerd::hosts_toml_path(upstream);
    auto bytes = root_.read(path);
    if (bytes) {
      now.registries.emplace(upstream, sha256_hex(*bytes));
      now.documents.emplace(path, std::move(*bytes));
    } else if (!is_absent(root_, path, bytes.error())) {
      return std::unexpected(std::move(bytes).error());
    }
  }
  if (!scope.containerd_config) return {};
  for (const char* path : kContainerdPaths) {
    auto file = root_.look(path, true);
    if (!file && is_absent(root_, path, file.error())) file = observed::File{};
    if (!file) return std::unexpected(std::move(file).error());
    now.files.insert_or_assign(path, std::move(*file));
  }
  now.containerd_config_sha256 = now.files.at(containerd::kConfigPath).sha256;
  auto config = root_.read(containerd::kConfigPath);
  if (!config && !is_absent(root_, containerd::kConfigPath, config.error()))
    return std::unexpected(std::move(config).error());
  if (!config && !scope.containerd_default) return {};
  if (!config && units_->live()) {
    config = environment_.containerd_default_config(by);
    if (!config) return std::unexpected(std::move(config).error().with("there is no config.toml; its default"));
  }
  now.documents.emplace(containerd::kConfigPath,
                        config ? std::move(*config) : containerd::minimal_config(options_.offline_config_version));
  return {};
}

Result<observed::Unit> Backend::observe_unit_files(const std::string& name) const {
  observed::Unit unit;
  GNA_LET(file, root_.look(unit_path(name), true));
  unit.unit_file = std::move(file);
  const auto directory = drop_in_directory(name);
  const auto entries = root_.list(directory);
  if (!entries && entries.error().code != Code::NotFound && entries.error().code != Code::Conflict)
    return std::unexpected(entries.error());
  if (!entries) return unit;
  for (const auto& entry : *entries) {
    if (entry.starts_with(fs::kTempPrefix)) continue;
    GNA_LET(drop_in, root_.look(path_in(directory, entry), true));
    unit.drop_ins.emplace(entry, std::move(drop_in));
  }
  return unit;
}

Result<void> Backend::observe_units(const backend::Scope& scope, observed::State& now, Deadline by) {
  // Jobs of a run that was cut short: sent again, they would restart a unit twice.
  for (auto pause = std::chrono::milliseconds(5); !scope.jobs_to_end.empty(); pause *= 2) {
    GNA_LET(status, units_->status(scope.jobs_to_end, by));
    const bool queued = std::ranges::any_of(status, [](const auto& entry) { return entry.second.job_queued; });
    if (!queued || std::chrono::steady_clock::now() + pause > by) break;
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(pause, std::chrono::seconds(1)));
  }
  auto names = scope.units;
  names.insert("containerd.service");
  GNA_LET(status, units_->status(names, by));
  for (const auto& name : names) {
    GNA_LET(unit, observe_unit_files(name));
    if (const auto at = status.find(name); at != status.end()) {
      const auto& word = at->second;
      unit.enablement = word.enablement;
      unit.load = word.load;
      unit.active = word.active;
      unit.sub = word.sub;
      unit.type = word.type;
      unit.triggered = word.triggered;
      unit.need_reload = word.need_reload;
      unit.job_queued = word.job_queued;
      unit.invocation = word.invocation;
    }
    now.units.emplace(name, std::move(unit));
  }
  return {};
}

plan::Plan Backend::lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                          const desired::Facts& facts) const {
  return systemd::lower(work, wanted, now, facts);
}

void Backend::apply(std::span<const plan::Step> stage, backend::ContentSource& bytes, backend::StepSink& done,
                    Deadline by) {
  apply_stage({root_, *units_, mirrors_, bytes, done, by}, stage);
}

std::unique_ptr<backend::OsBackend> make_backend(const fs::RootFs& root, Options options) {
  auto environment = node_environment(root, options);
  return std::make_unique<Backend>(root, make_bus_unit_manager({.unit_files = &root}), std::move(environment),
                                   std::move(options));
}

std::unique_ptr<backend::OsBackend> make_offline_backend(const fs::RootFs& root, Options options) {
  return std::make_unique<Backend>(root, make_offline_unit_manager(root), Environment{}, std::move(options));
}

std::unique_ptr<backend::OsBackend> make_backend(const fs::RootFs& root, std::unique_ptr<UnitManager> units,
                                                 Environment environment, Options options) {
  return std::make_unique<Backend>(root, std::move(units), std::move(environment), std::move(options));
}

}  // namespace gna::systemd
