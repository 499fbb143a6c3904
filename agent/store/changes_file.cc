// last-computed-osc-changes.yaml, in the Go agent's words.
//
// Source: gardener pkg/nodeagent/controller/operatingsystemconfig/changes.go, the JSON tags of
// `operatingSystemConfigChanges`.
#include <algorithm>

#include "agent/osc/tree.h"
#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"
#include "gna/store/store.h"

namespace gna::store {

namespace {

using yaml::Node;

// It may hold an old and a new OSC's worth of content.
constexpr yaml::Limits kLimits = {.bytes = 16u << 20, .depth = 64, .nodes = 400'000};

// --- out ---

template <typename T, typename Make>
void add_list(Node::Map& map, const char* key, const std::vector<T>& list, Make make) {
  if (list.empty()) return;
  Node::List nodes;
  for (const auto& element : list) nodes.push_back(make(element));
  map.push_back({.key = key, .value = Node(std::move(nodes))});
}

template <typename T>
Node part(const T& value) {
  return osc::tree(value);
}

Node unit_entry(const UnitEntry& entry) {
  Node node = osc::tree(entry.unit);
  Node::Map changes;
  add_list(changes, "changed", entry.drop_ins_changed, part<osc::DropIn>);
  add_list(changes, "deleted", entry.drop_ins_deleted, part<osc::DropIn>);
  node.map()->push_back({.key = "dropInsChanges", .value = Node(std::move(changes))});
  return node;
}

Node unit_command(const UnitCommand& command) {
  return Node(Node::Map{{.key = "command", .value = command.command}, {.key = "name", .value = command.name}});
}

// --- in ---

// Reads what is there and of the right kind; notes the first that is of another.
class Reader {
 public:
  std::optional<std::string> problem;

  const Node* at(const Node* map, const char* key) {
    if (map == nullptr) return nullptr;
    const Node* found = map->find(key);
    return found != nullptr && found->kind() == yaml::Kind::null ? nullptr : found;
  }
  void text(const Node* map, const char* key, std::string& out) {
    if (const Node* node = at(map, key)) {
      if (const auto* value = node->text())
        out = *value;
      else
        wrong(*node, key);
    }
  }
  void text(const Node* map, const char* key, std::optional<std::string>& out) {
    if (at(map, key) != nullptr) text(map, key, out.emplace());
  }
  void flag(const Node* map, const char* key, bool& out) {
    if (const Node* node = at(map, key)) {
      if (const auto* value = std::get_if<bool>(&node->value))
        out = *value;
      else
        wrong(*node, key);
    }
  }
  void flag(const Node* map, const char* key, std::optional<bool>& out) {
    if (at(map, key) != nullptr) flag(map, key, out.emplace());
  }
  template <typename T, typename Read>
  void list(const Node* map, const char* key, std::vector<T>& out, Read read) {
    if (const Node* node = at(map, key)) {
      if (const auto* nodes = node->list())
        for (const auto& element : *nodes) read(element, out.emplace_back());
      else
        wrong(*node, key);
    }
  }
  void texts(const Node* map, const char* key, std::vector<std::string>& out) {
    list(map, key, out, [&](const Node& node, std::string& value) {
      if (const auto* found = node.text())
        value = *found;
      else
        wrong(node, key);
    });
  }
  // A map that may be missing.
  const Node* map(const Node* above, const char* key) {
    const Node* node = at(above, key);
    if (node != nullptr && node->map() == nullptr) wrong(*node, key);
    return node;
  }
  // What becomes part of a path must not lead elsewhere.
  void file_name(const Node& node, const std::string& name) {
    if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name == "." || name == "..")
      note(node, "a name that is none");
  }
  void path(const Node& node, const std::string& value) {
    const std::string slashed = value + "/";
    if (!value.starts_with('/') || value.find('\0') != std::string::npos || slashed.find("/../") != std::string::npos)
      note(node, "a path that is not absolute or climbs");
  }
  void permissions(const Node* above, std::optional<std::uint32_t>& out) {
    const Node* node = at(above, "permissions");
    if (node == nullptr) return;
    const auto* value = std::get_if<std::int64_t>(&node->value);
    if (value == nullptr || *value < 0 || *value > INT32_MAX)
      wrong(*node, "permissions");
    else
      out = static_cast<std::uint32_t>(*value) & 0777;
  }

 private:
  void wrong(const Node& node, const char* key) {
    note(node, std::string(key) + " is " + std::string(yaml::describe(node.kind())));
  }
  void note(const Node& node, const std::string& what) {
    if (!problem) problem = "line " + std::to_string(node.at.line) + ": " + what;
  }
};

void read_drop_in(Reader& in, const Node& node, osc::DropIn& out) {
  in.text(&node, "name", out.name);
  in.text(&node, "content", out.content);
  in.file_name(node, out.name);
}

void read_unit(Reader& in, const Node& node, osc::Unit& out) {
  in.text(&node, "name", out.name);
  in.text(&node, "command", out.command);
  in.flag(&node, "enable", out.enable);
  in.text(&node, "content", out.content);
  in.list(&node, "dropIns", out.drop_ins, [&](const Node& n, osc::DropIn& d) { read_drop_in(in, n, d); });
  in.texts(&node, "filePaths", out.file_paths);
  in.file_name(node, out.name);
}

void read_entry(Reader& in, const Node& node, UnitEntry& out) {
  read_unit(in, node, out.unit);
  const Node* changes = in.map(&node, "dropInsChanges");
  const auto read = [&](const Node& n, osc::DropIn& d) { read_drop_in(in, n, d); };
  in.list(changes, "changed", out.drop_ins_changed, read);
  in.list(changes, "deleted", out.drop_ins_deleted, read);
}

void read_file(Reader& in, const Node& node, osc::File& out) {
  in.text(&node, "path", out.path);
  in.permissions(&node, out.permissions);
  in.text(&node, "hostName", out.host_name);
  in.path(node, out.path);
  const Node* content = in.map(&node, "content");
  if (const Node* inline_data = in.map(content, "inline")) {
    auto& data = out.content.inline_data.emplace();
    in.text(inline_data, "encoding", data.encoding);
    in.text(inline_data, "data", data.data);
  }
  if (const Node* secret = in.map(content, "secretRef")) {
    auto& reference = out.content.secret_ref.emplace();
    in.text(secret, "name", reference.name);
    in.text(secret, "dataKey", reference.data_key);
  }
  if (const Node* image = in.map(content, "imageRef")) {
    auto& reference = out.content.image_ref.emplace();
    in.text(image, "image", reference.image);
    in.text(image, "filePathInImage", reference.file_path_in_image);
  }
  in.flag(content, "transmitUnencoded", out.content.transmit_unencoded);
}

void read_registry(Reader& in, const Node& node, osc::Registry& out) {
  in.text(&node, "upstream", out.upstream);
  in.text(&node, "server", out.server);
  in.flag(&node, "readinessProbe", out.readiness_probe);
  in.file_name(node, out.upstream);
  in.list(&node, "hosts", out.hosts, [&](const Node& n, osc::RegistryHost& host) {
    in.text(&n, "url", host.url);
    in.texts(&n, "capabilities", host.capabilities);
    in.texts(&n, "caCerts", host.ca_certs);
    in.flag(&n, "overridePath", host.override_path);
  });
}

}  // namespace

std::string write(const ChangesFile& changes) {
  Node::Map units;
  add_list(units, "changed", changes.units_changed, unit_entry);
  add_list(units, "commands", changes.unit_commands, unit_command);
  add_list(units, "deleted", changes.units_deleted, part<osc::Unit>);
  Node::Map files;
  add_list(files, "changed", changes.files_changed, part<osc::File>);
  add_list(files, "deleted", changes.files_deleted, part<osc::File>);
  Node::Map registries;
  add_list(registries, "upstreamsToProbe", changes.upstreams_to_probe,
           [](const std::string& name) { return Node(name); });
  add_list(registries, "desired", changes.registries_desired, part<osc::Registry>);
  add_list(registries, "deleted", changes.registries_deleted, part<osc::Registry>);
  const auto& flags = changes.in_place;
  Node::Map kubelet = {{.key = "config", .value = flags.kubelet_config},
                       {.key = "cpuManagerPolicy", .value = flags.kubelet_cpu_manager_policy},
                       {.key = "minorVersion", .value = flags.kubelet_minor_version}};
  Node::Map rotation = {{.key = "kubelet", .value = flags.ca_rotation_kubelet},
                        {.key = "nodeAgent", .value = flags.ca_rotation_node_agent}};
  Node::Map in_place = {{.key = "certificateAuthoritiesRotation", .value = Node(std::move(rotation))},
                        {.key = "kubelet", .value = Node(std::move(kubelet))},
                        {.key = "operatingSystem", .value = flags.operating_system},
                        {.key = "serviceAccountKeyRotation", .value = flags.service_account_key_rotation}};
  Node::Map containerd = {{.key = "configFileChanged", .value = changes.config_file_changed},
                          {.key = "registries", .value = Node(std::move(registries))}};
  return yaml::write(Node(Node::Map{{.key = "containerd", .value = Node(std::move(containerd))},
                                    {.key = "files", .value = Node(std::move(files))},
                                    {.key = "inPlaceUpdates", .value = Node(std::move(in_place))},
                                    {.key = "mustRestartNodeAgent", .value = changes.must_restart_node_agent},
                                    {.key = "operatingSystemConfigChecksum", .value = changes.checksum},
                                    {.key = "units", .value = Node(std::move(units))}}));
}

Result<ChangesFile> parse_changes(std::string_view bytes) {
  const auto read = yaml::read(bytes, kLimits);
  if (!read) return fail(Code::Corrupt, yaml::to_error(read.error()).message);
  const Node* root = &read->root;
  // The Go agent truncates it before it writes: one that was killed between the two leaves nothing in it, and
  // takes that for no changes file.
  if (root->kind() == yaml::Kind::null) return ChangesFile{};
  if (root->map() == nullptr) return fail(Code::Corrupt, "is " + std::string(yaml::describe(root->kind())));
  Reader in;
  ChangesFile out;
  in.text(root, "operatingSystemConfigChecksum", out.checksum);
  in.flag(root, "mustRestartNodeAgent", out.must_restart_node_agent);
  const Node* units = in.map(root, "units");
  in.list(units, "changed", out.units_changed, [&](const Node& n, UnitEntry& entry) { read_entry(in, n, entry); });
  in.list(units, "commands", out.unit_commands, [&](const Node& n, UnitCommand& command) {
    in.text(&n, "name", command.name);
    in.text(&n, "command", command.command);
  });
  in.list(units, "deleted", out.units_deleted, [&](const Node& n, osc::Unit& unit) { read_unit(in, n, unit); });
  const Node* files = in.map(root, "files");
  const auto read_one_file = [&](const Node& n, osc::File& file) { read_file(in, n, file); };
  in.list(files, "changed", out.files_changed, read_one_file);
  in.list(files, "deleted", out.files_deleted, read_one_file);
  const Node* containerd = in.map(root, "containerd");
  in.flag(containerd, "configFileChanged", out.config_file_changed);
  const Node* registries = in.map(containerd, "registries");
  const auto read_one_registry = [&](const Node& n, osc::Registry& registry) { read_registry(in, n, registry); };
  in.texts(registries, "upstreamsToProbe", out.upstreams_to_probe);
  in.list(registries, "desired", out.registries_desired, read_one_registry);
  in.list(registries, "deleted", out.registries_deleted, read_one_registry);
  const Node* in_place = in.map(root, "inPlaceUpdates");
  in.flag(in_place, "operatingSystem", out.in_place.operating_system);
  in.flag(in_place, "serviceAccountKeyRotation", out.in_place.service_account_key_rotation);
  const Node* kubelet = in.map(in_place, "kubelet");
  in.flag(kubelet, "minorVersion", out.in_place.kubelet_minor_version);
  in.flag(kubelet, "config", out.in_place.kubelet_config);
  in.flag(kubelet, "cpuManagerPolicy", out.in_place.kubelet_cpu_manager_policy);
  const Node* rotation = in.map(in_place, "certificateAuthoritiesRotation");
  in.flag(rotation, "kubelet", out.in_place.ca_rotation_kubelet);
  in.flag(rotation, "nodeAgent", out.in_place.ca_rotation_node_agent);
  if (in.problem) return fail(Code::Corrupt, *in.problem);
  return out;
}

}  // namespace gna::store
