#include "gna/desired/render.h"

#include <algorithm>
#include <string_view>

#include "agent/desired/roles.h"

namespace gna::desired {

namespace {

constexpr const char* kContainerdUnit = "containerd.service";
constexpr const char* kPathDropIn = "30-env_config.conf";
constexpr std::string_view kPathPrefix = "Environment=\"PATH=/var/bin/containerruntimes:";

Result<Content> content_of(const osc::FileContent& content, const std::string& field, const ReadSecret& read_secret) {
  // Inline wins where several are set, as upstream; parse() refuses such documents.
  if (content.inline_data) {
    auto bytes = osc::decode(*content.inline_data);
    if (!bytes) return fail(Code::InvalidArgument, field + ".content.inline: cannot be decoded");
    return Content(std::move(*bytes));
  }
  if (content.secret_ref) {
    const auto& ref = *content.secret_ref;
    auto bytes = read_secret ? read_secret(ref.name, ref.data_key)
                             : Result<std::string>(fail(Code::NotFound, "no Secrets are at hand"));
    if (!bytes)
      return std::unexpected(Error{
          Code::InvalidArgument,
          field + ".content.secretRef: Secret " + ref.name + ", key " + ref.data_key + ": " + bytes.error().message,
          "give the Secret with --secrets FILE"});
    return Content(std::move(*bytes));
  }
  return Content(ImageSource{content.image_ref->image, content.image_ref->file_path_in_image});
}

bool has_content(const osc::FileContent& content) {
  return content.inline_data || content.secret_ref || content.image_ref;
}

Result<void> add_files(State& state, const std::vector<osc::File>& files, const char* list, const Facts& facts,
                       const ReadSecret& read_secret) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    if (file.host_name && *file.host_name != facts.host_name) continue;
    if (!has_content(file.content)) continue;  // upstream skips it; parse() refuses it
    const std::string field = std::string(list) + "[" + std::to_string(i) + "]";
    GNA_LET(content, content_of(file.content, field, read_secret));
    File out;
    out.content = std::move(content);
    out.mode = file.permissions.value_or(0600) & 0777;
    out.role = role_of_file(file.path);
    out.secret = (file.content.secret_ref && !file.content.inline_data) ||
                 is_secret(file.path, out.mode, file.permissions.has_value(), out.role);
    out.field = field;
    state.files.insert_or_assign(file.path, std::move(out));
  }
  return {};
}

Unit unit_of(const osc::Unit& unit) {
  Unit out;
  out.content = unit.content;
  for (const auto& drop_in : unit.drop_ins)
    if (!drop_in.name.empty()) out.drop_ins.insert_or_assign(drop_in.name, drop_in.content);
  out.watches.insert(unit.file_paths.begin(), unit.file_paths.end());
  out.role = role_of_unit(unit.name);
  out.enabled = unit.enable.value_or(true);
  out.expected = unit.enable.value_or(unit.content || !unit.drop_ins.empty());
  if (!out.enabled)
    out.run = Run::stopped;
  else if (unit.command == "stop")
    out.run = Run::stop;
  // The agent can't be switched off by what it applies.
  if (out.role == Role::node_agent) {
    out.enabled = true;
    out.run = Run::running;
  }
  return out;
}

void add_units(State& state, const osc::Osc& osc) {
  const auto field_of = [&](const std::string& name) {
    for (std::size_t i = 0; i < osc.spec.units.size(); ++i)
      if (osc.spec.units[i].name == name) return "spec.units[" + std::to_string(i) + "]";
    for (std::size_t i = 0; i < osc.status.extension_units.size(); ++i)
      if (osc.status.extension_units[i].name == name) return "status.extensionUnits[" + std::to_string(i) + "]";
    return std::string("spec.units");
  };
  for (const auto& unit : osc::merged_units(osc)) {
    auto out = unit_of(unit);
    out.field = field_of(unit.name);
    state.units.insert_or_assign(unit.name, std::move(out));
  }
}

Registry registry_of(const osc::Registry& registry, const std::string& field) {
  Registry out{.upstream = registry.upstream,
               .server = registry.server,
               .readiness_probe = registry.readiness_probe.value_or(false),
               .field = field};
  if (out.server && out.server->empty()) out.server.reset();
  for (const auto& host : registry.hosts) {
    RegistryHost mirror{.url = host.url,
                        .capabilities = host.capabilities,
                        .ca_certs = host.ca_certs,
                        .override_path = host.override_path.value_or(false)};
    if (mirror.capabilities.empty()) mirror.capabilities = {"pull", "resolve"};
    out.hosts.push_back(std::move(mirror));
  }
  return out;
}

void add_containerd(State& state, const osc::Osc& osc) {
  if (!osc::has_containerd(osc)) return;
  const auto& cri = *osc.spec.cri_config;
  Containerd out;
  out.sandbox_image = cri.containerd->sandbox_image;
  if (cri.cgroup_driver) out.systemd_cgroup = *cri.cgroup_driver == "systemd";
  for (const auto& plugin : cri.containerd->plugins)
    out.plugins.push_back({.remove = plugin.op == "remove", .path = plugin.path, .values = plugin.values});
  state.containerd = std::move(out);
  const auto& registries = cri.containerd->registries;
  for (std::size_t i = 0; i < registries.size(); ++i) {
    auto registry = registry_of(registries[i], "spec.criConfig.containerd.registries[" + std::to_string(i) + "]");
    for (const auto& host : registry.hosts)
      for (const auto& path : host.ca_certs)
        if (const auto file = state.files.find(ca_path(registry.upstream, path));
            file != state.files.end() && file->second.role == Role::other)
          file->second.role = Role::registry_ca;
    state.registries.insert_or_assign(registry.upstream, std::move(registry));
  }
}

// One path, one owner: what units and containerd own is written after the files, so upstream's end of it is theirs.
void leave_to_their_owners(State& state) {
  const auto leave = [&state](const std::string& path) { state.files.erase(path); };
  for (const auto& [name, unit] : state.units) {
    const std::string path = "/etc/systemd/system/" + name;
    if (unit.content) leave(path);
    for (const auto& [drop_in, text] : unit.drop_ins) leave(std::string(path).append(".d/").append(drop_in));
  }
  for (const auto& [upstream, registry] : state.registries) leave(ca_path(upstream, "hosts.toml"));
  if (state.containerd) leave("/etc/containerd/config.toml");
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

template <typename Line>
void for_each_line(std::string_view text, const Line& line) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// man 5 sysctl.d: "key = value", keys with dots or slashes, a leading '-' ignores failures.
void add_sysctl(State& state, std::string_view text) {
  for_each_line(text, [&](std::string_view raw) {
    auto line = trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') return;
    if (line[0] == '-') line.remove_prefix(1);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return;
    std::string key(trim(line.substr(0, equals)));
    // The first separator decides which of the two is the separator.
    const auto separator = key.find_first_of("./");
    if (separator != std::string::npos && key[separator] == '/') {
      for (auto& c : key) c = c == '/' ? '.' : c == '.' ? '/' : c;
    }
    state.sysctl.insert_or_assign(key, std::string(trim(line.substr(equals + 1))));
  });
}

std::string cpu_manager_policy_of(std::string_view kubelet_configuration) {
  constexpr std::string_view kKey = "cpuManagerPolicy:";
  std::string policy;
  for_each_line(kubelet_configuration, [&](std::string_view line) {
    if (!line.starts_with(kKey)) return;
    auto value = trim(line.substr(kKey.size()));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) value = value.substr(1, value.size() - 2);
    policy = value;
  });
  return policy;
}

void add_readings(State& state, const osc::Osc& osc) {
  for (const auto& [path, file] : state.files) {
    const auto* bytes = std::get_if<std::string>(&file.content);
    if (bytes == nullptr) continue;
    if (file.role == Role::sysctl) add_sysctl(state, *bytes);
    if (file.role == Role::trusted_roots) state.trusted_roots.emplace(path, *bytes);
    if (file.role == Role::kubelet_config) state.kubelet_configuration = *bytes;
  }
  if (osc.spec.in_place_updates && state.kubelet_configuration)
    state.cpu_manager_policy = cpu_manager_policy_of(*state.kubelet_configuration);
}

}  // namespace

Result<State> render(const osc::Osc& osc, const Facts& facts, const ReadSecret& read_secret) {
  State state;
  GNA_TRY(add_files(state, osc.spec.files, "spec.files", facts, read_secret));
  GNA_TRY(add_files(state, osc.status.extension_files, "status.extensionFiles", facts, read_secret));
  add_units(state, osc);
  add_containerd(state, osc);
  leave_to_their_owners(state);
  add_readings(state, osc);
  return state;
}

void inject_path_drop_in(osc::Osc& osc, const std::string& path) {
  if (!osc::has_containerd(osc)) return;
  auto& units = osc.spec.units;
  auto unit = std::ranges::find(units, kContainerdUnit, &osc::Unit::name);
  if (unit == units.end()) unit = units.insert(units.end(), osc::Unit{.name = kContainerdUnit});
  // An OSC that was last applied has it already.
  std::erase_if(unit->drop_ins, [](const osc::DropIn& drop_in) { return drop_in.name == kPathDropIn; });
  unit->drop_ins.push_back({kPathDropIn, "[Service]\n" + std::string(kPathPrefix) + path + "\"\n"});
}

std::string injected_path(const osc::Osc* last_applied) {
  if (last_applied == nullptr) return kDefaultPath;
  for (const auto& unit : last_applied->spec.units) {
    if (unit.name != kContainerdUnit) continue;
    for (const auto& drop_in : unit.drop_ins) {
      if (drop_in.name != kPathDropIn) continue;
      const auto begin = drop_in.content.find(kPathPrefix);
      if (begin == std::string::npos) continue;
      const auto from = begin + kPathPrefix.size();
      const auto end = drop_in.content.find("\"\n", from);
      if (end != std::string::npos) return drop_in.content.substr(from, end - from);
    }
  }
  return kDefaultPath;
}

}  // namespace gna::desired
