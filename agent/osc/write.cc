#include "gna/osc/write.h"

#include <map>
#include <utility>

#include "agent/osc/tree.h"
#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"

namespace gna::osc {

namespace {

using yaml::Node;

// Members in any order: the writers sort. Optional and empty ones are left out, as Go's omitempty does.
class Map {
 public:
  Map& put(std::string_view key, Node value) {
    members_.push_back({std::string(key), std::move(value)});
    return *this;
  }
  Map& text(std::string_view key, const std::string& value) {
    if (!value.empty()) put(key, Node(value));
    return *this;
  }
  template <typename T>
  Map& optional(std::string_view key, const std::optional<T>& value) {
    if (value) put(key, node(*value));
    return *this;
  }
  template <typename T>
  Map& list(std::string_view key, const std::vector<T>& values) {
    if (values.empty()) return *this;
    Node::List items;
    items.reserve(values.size());
    for (const T& value : values) items.push_back(node(value));
    return put(key, Node(std::move(items)));
  }
  Map& texts(std::string_view key, const std::map<std::string, std::string>& values) {
    if (values.empty()) return *this;
    Map out;
    for (const auto& [name, value] : values) out.put(name, Node(value));
    return put(key, std::move(out).take());
  }
  Node take() && { return Node(std::move(members_)); }

  static Node node(const std::string& value) { return Node(value); }
  static Node node(bool value) { return Node(value); }
  static Node node(std::uint32_t value) { return Node(std::int64_t{value}); }
  static Node node(const SecretRef& ref);
  static Node node(const Inline& data);
  static Node node(const ImageRef& ref);
  static Node node(const File& file);
  static Node node(const DropIn& drop_in);
  static Node node(const Unit& unit);
  static Node node(const RegistryHost& host);
  static Node node(const Registry& registry);
  static Node node(const Plugin& plugin);
  static Node node(const Containerd& containerd);
  static Node node(const CriConfig& config);
  static Node node(const Rotation& rotation);
  static Node node(const CredentialsRotation& rotation);
  static Node node(const InPlaceUpdates& updates);
  static Node node(const OsUpdate& update);

 private:
  Node::Map members_ = {};
};

// JSON text that parse() has made, so it is JSON.
Node parsed(const std::string& json) {
  auto document = yaml::read(json);
  return document ? std::move(document->root) : Node();
}

Node Map::node(const SecretRef& ref) {
  Map out;
  out.put("name", ref.name).put("dataKey", ref.data_key);
  return std::move(out).take();
}

Node Map::node(const Inline& data) {
  Map out;
  out.put("encoding", data.encoding).put("data", data.data);
  return std::move(out).take();
}

Node Map::node(const ImageRef& ref) {
  Map out;
  out.put("image", ref.image).put("filePathInImage", ref.file_path_in_image);
  return std::move(out).take();
}

Node Map::node(const File& file) {
  Map content;
  content.optional("secretRef", file.content.secret_ref)
      .optional("inline", file.content.inline_data)
      .optional("imageRef", file.content.image_ref)
      .optional("transmitUnencoded", file.content.transmit_unencoded);
  Map out;
  out.put("path", file.path)
      .optional("permissions", file.permissions)
      .put("content", std::move(content).take())
      .optional("hostName", file.host_name);
  return std::move(out).take();
}

Node Map::node(const DropIn& drop_in) {
  Map out;
  out.put("name", drop_in.name).put("content", drop_in.content);
  return std::move(out).take();
}

Node Map::node(const Unit& unit) {
  Map out;
  out.put("name", unit.name)
      .optional("command", unit.command)
      .optional("enable", unit.enable)
      .optional("content", unit.content)
      .list("dropIns", unit.drop_ins)
      .list("filePaths", unit.file_paths);
  return std::move(out).take();
}

Node Map::node(const RegistryHost& host) {
  Map out;
  out.put("url", host.url)
      .list("capabilities", host.capabilities)
      .list("caCerts", host.ca_certs)
      .optional("overridePath", host.override_path);
  return std::move(out).take();
}

Node Map::node(const Registry& registry) {
  Map out;
  out.put("upstream", registry.upstream)
      .optional("server", registry.server)
      .list("hosts", registry.hosts)
      .optional("readinessProbe", registry.readiness_probe);
  return std::move(out).take();
}

Node Map::node(const Plugin& plugin) {
  Map out;
  Node::List path;
  for (const std::string& element : plugin.path) path.emplace_back(element);
  out.optional("op", plugin.op).put("path", Node(std::move(path)));
  if (plugin.values) out.put("values", parsed(*plugin.values));
  return std::move(out).take();
}

Node Map::node(const Containerd& containerd) {
  Map out;
  out.list("registries", containerd.registries)
      .put("sandboxImage", containerd.sandbox_image)
      .list("plugins", containerd.plugins);
  return std::move(out).take();
}

Node Map::node(const CriConfig& config) {
  Map out;
  out.put("name", config.name).optional("cgroupDriver", config.cgroup_driver).optional("containerd", config.containerd);
  return std::move(out).take();
}

Node Map::node(const Rotation& rotation) {
  Map out;
  out.optional("lastInitiationTime", rotation.last_initiation_time);
  return std::move(out).take();
}

Node Map::node(const CredentialsRotation& rotation) {
  Map out;
  out.optional("certificateAuthorities", rotation.certificate_authorities)
      .optional("serviceAccountKey", rotation.service_account_key);
  return std::move(out).take();
}

Node Map::node(const InPlaceUpdates& updates) {
  Map out;
  out.put("operatingSystemVersion", updates.operating_system_version)
      .put("kubelet", updates.kubelet_version)
      .optional("credentialsRotation", updates.credentials_rotation);
  return std::move(out).take();
}

Node Map::node(const OsUpdate& update) {
  Map out;
  out.put("command", update.command).list("args", update.args);
  return std::move(out).take();
}

Node node(const Metadata& metadata) {
  Map out;
  out.text("name", metadata.name)
      .text("namespace", metadata.namespace_)
      .texts("labels", metadata.labels)
      .texts("annotations", metadata.annotations);
  return std::move(out).take();
}

Node node(const Spec& spec) {
  Map out;
  out.put("type", spec.type).optional("class", spec.class_).put("purpose", spec.purpose);
  if (spec.provider_config) out.put("providerConfig", parsed(*spec.provider_config));
  out.optional("criConfig", spec.cri_config)
      .list("units", spec.units)
      .list("files", spec.files)
      .optional("inPlaceUpdates", spec.in_place_updates);
  return std::move(out).take();
}

Node node(const Status& status) {
  Map out;
  out.list("extensionUnits", status.extension_units).list("extensionFiles", status.extension_files);
  if (status.in_place_updates_present || status.os_update) {
    Map updates;
    updates.optional("osUpdate", status.os_update);
    out.put("inPlaceUpdates", std::move(updates).take());
  }
  return std::move(out).take();
}

// The encoder names the type whether or not the document did.
Node node(const Osc& osc) {
  Map out;
  out.put("apiVersion", "extensions.gardener.cloud/v1alpha1")
      .put("kind", "OperatingSystemConfig")
      .put("metadata", node(osc.metadata))
      .put("spec", node(osc.spec))
      .put("status", node(osc.status));
  return std::move(out).take();
}

}  // namespace

std::string write(const Osc& osc) { return yaml::write(node(osc)); }

std::string write_json(const Osc& osc) { return yaml::to_json(node(osc)); }

yaml::Node tree(const File& file) { return Map::node(file); }
yaml::Node tree(const Unit& unit) { return Map::node(unit); }
yaml::Node tree(const DropIn& drop_in) { return Map::node(drop_in); }
yaml::Node tree(const Registry& registry) { return Map::node(registry); }

}  // namespace gna::osc
