#include "gna/osc/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "agent/osc/fields.h"
#include "agent/osc/rules.h"
#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"
#include "gna/base/digest.h"

namespace gna::osc {

namespace {

constexpr std::string_view kApiVersion = "extensions.gardener.cloud/v1alpha1";
constexpr std::string_view kKind = "OperatingSystemConfig";
constexpr std::string_view kOscKey = "osc.yaml";
constexpr std::string_view kChecksumAnnotation = "checksum/data-script";
constexpr std::string_view kSerialAnnotation = "reconciliation.osc.node-agent.gardener.cloud/serial";
constexpr std::string_view kUnitDirectory = "/etc/systemd/system/";
constexpr std::string_view kContainerdConfig = "/etc/containerd/config.toml";
constexpr std::int64_t kModeBits = 0777;
constexpr std::int64_t kAllModeBits = 07777;

bool one_of(std::string_view value, std::initializer_list<std::string_view> allowed) {
  return std::ranges::find(allowed, value) != allowed.end();
}

// Which file systems entries end up on the node, and where the document says so.
struct Entry {
  std::string_view path;  // into `own` or into the Osc
  const std::string* host = nullptr;
  yaml::Mark at;
  std::string_view list;  // "files", "extensionFiles"; empty for what units and containerd own
  std::size_t index = 0;
  bool is_owned() const { return list.empty(); }
};

// '/' before everything else: what lies below a path follows it.
bool path_less(std::string_view a, std::string_view b) {
  const auto [in_a, in_b] = std::ranges::mismatch(a, b);
  if (in_b == b.end()) return false;
  if (in_a == a.end()) return true;
  if (*in_a == '/' || *in_b == '/') return *in_a == '/';
  return static_cast<unsigned char>(*in_a) < static_cast<unsigned char>(*in_b);
}

class Reader {
 public:
  explicit Reader(Findings& findings) : findings_(findings) {}

  // `needs_kind`: a document on its own should say what it is, the value of osc.yaml need not.
  Osc read(yaml::Node& root, bool needs_kind) {
    const Path path;
    Object object(findings_, &root, path);
    if (!object.is_map()) return std::move(osc_);
    if (!read_kind(object, path, needs_kind)) return std::move(osc_);
    const Path metadata = path / "metadata";
    if (auto* node = object.member("metadata")) read_metadata(*node, metadata);
    const Path spec = path / "spec";
    if (auto* node = object.member("spec"))
      read_spec(*node, spec);
    else
      findings_.warn(object.at("spec"), spec, "no-spec", "there is no spec: this asks for an empty node");
    const Path status = path / "status";
    if (auto* node = object.member("status")) read_status(*node, status);
    object.finish();
    check_paths();
    check_watched_paths();
    return std::move(osc_);
  }

 private:
  struct FilePath {
    yaml::Mark at;
    std::string_view list;  // "spec.units", "status.extensionUnits"
    std::size_t unit = 0;
    std::size_t index = 0;
  };

  void judge(const rules::WhyNot& reason, yaml::Mark at, const Path& path, std::string_view subject) {
    if (reason) findings_.refuse(at, path, reason->code, fmt::format("{} {}", subject, reason->message));
  }

  // false: the document is something else.
  bool read_kind(Object& object, const Path& path, bool needed) {
    if (!object.text("apiVersion", osc_.api_version) || !object.text("kind", osc_.kind)) return false;
    if (!osc_.kind.empty() && osc_.kind != kKind)
      findings_.refuse(object.at("kind"), path / "kind", "wrong-kind",
                       fmt::format("expected {}, found {}", kKind, rules::shown(osc_.kind)));
    if (!osc_.api_version.empty() && osc_.api_version != kApiVersion)
      findings_.refuse(object.at("apiVersion"), path / "apiVersion", "wrong-api-version",
                       fmt::format("expected {}, found {}", kApiVersion, rules::shown(osc_.api_version)));
    if (needed && (osc_.kind.empty() || osc_.api_version.empty()))
      findings_.warn(object.at(), path, "no-kind", fmt::format("no apiVersion or kind; taken for an {}", kKind));
    return !findings_.any_error();
  }

  void read_metadata(yaml::Node& node, const Path& path) {
    Object object(findings_, &node, path);
    Metadata& metadata = osc_.metadata;
    object.text("name", metadata.name);
    object.text("namespace", metadata.namespace_);
    if (!metadata.name.empty() && !rules::is_dns_subdomain(metadata.name))
      findings_.complain(object.at("name"), path / "name", "invalid", "the name is no DNS subdomain");
    if (!metadata.namespace_.empty() && !rules::is_dns_label(metadata.namespace_))
      findings_.complain(object.at("namespace"), path / "namespace", "invalid", "the namespace is no DNS label");
    read_labels(object, path, "labels", metadata.labels);
    read_labels(object, path, "annotations", metadata.annotations);
    object.known({"generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
                  "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields"});
    object.finish();
  }

  void read_labels(Object& object, const Path& parent, std::string_view name,
                   std::map<std::string, std::string>& into) {
    auto* node = object.member(name);
    if (!node) return;
    const Path path = parent / name;
    auto* map = node->map();
    if (!map) return refuse_type(findings_, *node, path, "a map");
    for (yaml::Member& member : *map) {
      if (auto* text = member.value.text())
        into.emplace(member.key, std::move(*text));
      else if (member.value.kind() != yaml::Kind::null)
        refuse_type(findings_, member.value, path.key(member.key), "a string");
    }
  }

  void read_spec(yaml::Node& node, const Path& path) {
    Object object(findings_, &node, path);
    Spec& spec = osc_.spec;
    object.text("type", spec.type);
    object.text("class", spec.class_);
    if (spec.class_ && !one_of(*spec.class_, {"garden", "seed", "shoot"}))
      findings_.warn(object.at("class"), path / "class", "unsupported", "none of garden, seed and shoot");
    if (const auto* config = object.member("providerConfig")) spec.provider_config = yaml::to_json(*config);
    object.text("purpose", spec.purpose);
    if (!one_of(spec.purpose, {"", "provision", "reconcile"}))
      findings_.complain(object.at("purpose"), path / "purpose", "unsupported",
                         "the purpose is neither provision nor reconcile");
    if (auto* config = object.member("criConfig")) read_cri(*config, path / "criConfig");
    object.items("units", [&](yaml::Node& item, const Path& at) { read_unit(item, at, "spec.units", spec.units); });
    object.items("files", [&](yaml::Node& item, const Path& at) { read_file(item, at, "spec.files", spec.files); });
    if (auto* updates = object.member("inPlaceUpdates")) read_in_place(*updates, path / "inPlaceUpdates");
    object.finish();
    warn_of_twins(spec.units, path / "units", spec_unit_marks_);
  }

  void read_status(yaml::Node& node, const Path& path) {
    Object object(findings_, &node, path);
    Status& status = osc_.status;
    object.items("extensionUnits", [&](yaml::Node& item, const Path& at) {
      read_unit(item, at, "status.extensionUnits", status.extension_units);
    });
    object.items("extensionFiles", [&](yaml::Node& item, const Path& at) {
      read_file(item, at, "status.extensionFiles", status.extension_files);
    });
    const Path updates_path = path / "inPlaceUpdates";
    if (auto* updates = object.member("inPlaceUpdates")) {
      Object in_place(findings_, updates, updates_path);
      status.in_place_updates_present = true;
      if (auto* update = in_place.member("osUpdate")) read_os_update(*update, updates_path / "osUpdate");
      in_place.finish();
    }
    object.known({"cloudConfig", "providerStatus", "state", "conditions", "lastError", "lastOperation",
                  "observedGeneration", "resources"});
    object.finish();
    warn_of_twins(status.extension_units, path / "extensionUnits", extension_unit_marks_);
  }

  void read_os_update(yaml::Node& node, const Path& path) {
    Object object(findings_, &node, path);
    OsUpdate& update = osc_.status.os_update.emplace();
    object.text("command", update.command);
    object.texts("args", update.args);
    if (object.is_map() && update.command.empty())
      findings_.complain(object.at("command"), path / "command", "required", "the command is empty");
    object.finish();
  }

  void read_in_place(yaml::Node& node, const Path& path) {
    Object object(findings_, &node, path);
    InPlaceUpdates& updates = osc_.spec.in_place_updates.emplace();
    read_version(object, path, "operatingSystemVersion", updates.operating_system_version);
    read_version(object, path, "kubelet", updates.kubelet_version);
    const Path rotation_path = path / "credentialsRotation";
    if (auto* rotation = object.member("credentialsRotation")) {
      CredentialsRotation& credentials = updates.credentials_rotation.emplace();
      Object inner(findings_, rotation, rotation_path);
      read_rotation(inner, rotation_path, "certificateAuthorities", credentials.certificate_authorities);
      read_rotation(inner, rotation_path, "serviceAccountKey", credentials.service_account_key);
      inner.finish();
    }
    object.finish();
  }

  void read_version(Object& object, const Path& path, std::string_view name, std::string& into) {
    if (!object.text(name, into) || !object.is_map()) return;
    if (into.empty())
      findings_.complain(object.at(name), path / name, "required", "the version is empty");
    else if (!rules::is_version(into))
      findings_.complain(object.at(name), path / name, "invalid", "not a version such as 1.34.1");
  }

  void read_rotation(Object& parent, const Path& parent_path, std::string_view name, std::optional<Rotation>& into) {
    auto* node = parent.member(name);
    if (!node) return;
    const Path path = parent_path / name;
    Object object(findings_, node, path);
    Rotation& rotation = into.emplace();
    object.text("lastInitiationTime", rotation.last_initiation_time);
    if (rotation.last_initiation_time) {
      if (auto utc = rules::utc_time(*rotation.last_initiation_time))
        rotation.last_initiation_time = std::move(*utc);
      else
        findings_.refuse(object.at("lastInitiationTime"), path / "lastInitiationTime", "invalid",
                         "not a time in RFC 3339, such as 2026-08-01T10:00:00Z");
    }
    object.finish();
  }

  void read_unit(yaml::Node& node, const Path& path, std::string_view list, std::vector<Unit>& into) {
    Unit unit;
    Object object(findings_, &node, path);
    const bool named = object.text("name", unit.name);
    object.text("command", unit.command);
    object.flag("enable", unit.enable);
    object.text("content", unit.content);
    if (object.is_map() && named) {
      judge(rules::why_not_unit_name(unit.name), object.at("name"), path / "name", "the unit's name");
      if (rules::is_template(unit.name) && unit.enable.value_or(true))
        findings_.warn(object.at("name"), path / "name", "template-unit", "systemd cannot start a template");
    }
    if (unit.command && !one_of(*unit.command, {"start", "restart", "stop"}))
      findings_.complain(object.at("command"), path / "command", "unsupported",
                         "the command is none of start, restart and stop");
    if (unit.content && unit.content->contains('\0'))
      findings_.refuse(object.at("content"), path / "content", "nul", "the content has a NUL byte");
    std::set<std::string, std::less<>> names;
    object.items("dropIns", [&](yaml::Node& item, const Path& at) { read_drop_in(item, at, names, unit.drop_ins); });
    std::vector<yaml::Mark> marks;
    object.texts("filePaths", unit.file_paths, &marks);
    object.finish();
    const bool in_spec = list == "spec.units";
    for (std::size_t i = 0; i < marks.size(); ++i) watched_.push_back({marks[i], list, into.size(), i});
    (in_spec ? spec_unit_marks_ : extension_unit_marks_).push_back(object.at("name"));
    into.push_back(std::move(unit));
  }

  void read_drop_in(yaml::Node& node, const Path& path, std::set<std::string, std::less<>>& names,
                    std::vector<DropIn>& into) {
    DropIn drop_in;
    Object object(findings_, &node, path);
    const bool named = object.text("name", drop_in.name);
    const bool filled = object.text("content", drop_in.content);
    object.finish();
    if (!object.is_map() || !named || !filled) return;
    // The Go agent's bookkeeping leaves entries without a name; they stand for nothing.
    if (findings_.lenient() && drop_in.name.empty())
      return findings_.warn(object.at(), path, "required", "a drop-in without a name, left out");
    judge(rules::why_not_drop_in_name(drop_in.name), object.at("name"), path / "name", "the drop-in's name");
    if (!drop_in.name.empty() && !drop_in.name.ends_with(".conf"))
      findings_.warn(object.at("name"), path / "name", "not-conf", "systemd ignores drop-ins that do not end in .conf");
    if (drop_in.content.empty())
      findings_.warn(object.at("content"), path / "content", "empty", "the drop-in is empty");
    if (drop_in.content.contains('\0'))
      findings_.refuse(object.at("content"), path / "content", "nul", "the content has a NUL byte");
    if (!drop_in.name.empty() && !names.insert(drop_in.name).second)
      findings_.warn(object.at("name"), path / "name", "duplicate", "this drop-in is given twice; the last one counts");
    into.push_back(std::move(drop_in));
  }

  void read_file(yaml::Node& node, const Path& path, std::string_view list, std::vector<File>& into) {
    File file;
    Object object(findings_, &node, path);
    const bool placed = object.text("path", file.path);
    object.text("hostName", file.host_name);
    if (const auto* permissions = object.member("permissions"))
      file.permissions = read_permissions(*permissions, path / "permissions");
    auto* content = object.member("content");
    object.finish();
    if (!object.is_map()) return;
    if (placed) judge(rules::why_not_file_path(file.path), object.at("path"), path / "path", "the path");
    if (file.host_name && !rules::is_dns_subdomain(*file.host_name))
      findings_.complain(object.at("hostName"), path / "hostName", "invalid", "the host name is no DNS subdomain");
    if (!read_content(content, path / "content", object.at("content"), file.content)) return;
    (list == "spec.files" ? spec_file_marks_ : extension_file_marks_).push_back(object.at("path"));
    into.push_back(std::move(file));
  }

  std::optional<std::uint32_t> read_permissions(const yaml::Node& node, const Path& path) {
    std::optional<std::int64_t> number;
    if (const auto* integer = std::get_if<std::int64_t>(&node.value)) number = *integer;
    // JSON has 4.2e2 for 420.
    if (const auto* real = std::get_if<double>(&node.value);
        real && std::trunc(*real) == *real && std::fabs(*real) < 1e15)
      number = static_cast<std::int64_t>(*real);
    if (!number) {
      if (node.kind() == yaml::Kind::real || node.kind() == yaml::Kind::natural)
        findings_.refuse(node.at, path, "out-of-range", "no whole number from 0 to 511 (0777)");
      else
        refuse_type(findings_, node, path, "a number");
      return std::nullopt;
    }
    if (*number < 0 || *number > std::numeric_limits<std::uint32_t>::max()) {
      findings_.refuse(node.at, path, "out-of-range", "no whole number from 0 to 511 (0777)");
      return std::nullopt;
    }
    const auto mode = static_cast<std::uint32_t>(*number & kModeBits);
    if (*number > kAllModeBits) {
      findings_.complain(node.at, path, "out-of-range",
                         fmt::format("{} is 0{:o}, more than permissions have bits", *number, *number));
    } else if (*number > kModeBits) {
      const bool octal_meant = fmt::format("{}", *number).find_first_of("89") == std::string::npos && *number < 1000;
      findings_.warn(
          node.at, path, "special-bits",
          fmt::format("{} is 0{:o}; setuid, setgid and sticky bits are dropped, which leaves 0{:o}{}", *number, *number,
                      mode, octal_meant ? fmt::format("; was 0{} meant?", *number) : std::string()));
    }
    return mode;
  }

  // false: the file stands for nothing and is left out.
  bool read_content(yaml::Node* node, const Path& path, yaml::Mark at, FileContent& content) {
    int kinds = 0;
    if (node) {
      Object object(findings_, node, path);
      if (auto* ref = object.member("secretRef")) {
        ++kinds;
        read_secret_ref(*ref, path / "secretRef", content.secret_ref.emplace());
      }
      if (auto* data = object.member("inline")) {
        ++kinds;
        read_inline(*data, path / "inline", content.inline_data.emplace());
      }
      if (auto* ref = object.member("imageRef")) {
        ++kinds;
        read_image_ref(*ref, path / "imageRef", content.image_ref.emplace());
      }
      object.flag("transmitUnencoded", content.transmit_unencoded);
      object.finish();
      if (!object.is_map()) return true;
    }
    if (kinds == 0) {
      findings_.complain(at, path, "required", "none of inline, secretRef and imageRef");
      return !findings_.lenient();
    }
    if (kinds > 1) {
      findings_.complain(at, path, "conflict", "more than one of inline, secretRef and imageRef");
      if (content.inline_data) content.secret_ref.reset();
      if (content.inline_data || content.secret_ref) content.image_ref.reset();
    }
    return true;
  }

  void read_secret_ref(yaml::Node& node, const Path& path, SecretRef& ref) {
    Object object(findings_, &node, path);
    const bool named = object.text("name", ref.name);
    const bool keyed = object.text("dataKey", ref.data_key);
    object.finish();
    if (!object.is_map() || !named || !keyed) return;
    if (ref.name.empty())
      findings_.refuse(object.at("name"), path / "name", "required", "the Secret's name is empty");
    else if (!rules::is_dns_subdomain(ref.name))
      findings_.refuse(object.at("name"), path / "name", "invalid", "the Secret's name is no DNS subdomain");
    if (ref.data_key.empty())
      findings_.refuse(object.at("dataKey"), path / "dataKey", "required", "the key is empty");
    else if (!rules::is_secret_key(ref.data_key))
      findings_.refuse(object.at("dataKey"), path / "dataKey", "invalid", "no Secret can have this key");
  }

  void read_inline(yaml::Node& node, const Path& path, Inline& data) {
    Object object(findings_, &node, path);
    const bool encoded = object.text("encoding", data.encoding);
    const bool given = object.member("data") != nullptr;
    const bool filled = object.text("data", data.data);
    object.finish();
    if (!object.is_map() || !encoded || !filled) return;
    if (!given) {
      findings_.complain(object.at("data"), path / "data", "required", "there is no data");
    } else if (data.data.empty()) {
      findings_.warn(object.at("data"), path / "data", "empty", "the file is empty");
    }
    if (!data.encoding.empty() && data.encoding != "b64")
      findings_.refuse(object.at("encoding"), path / "encoding", "unsupported",
                       "the encoding is neither empty nor b64");
    else if (!decode(data))
      findings_.refuse(object.at("data"), path / "data", "not-base64",
                       "not base64 with padding in the standard alphabet");
  }

  void read_image_ref(yaml::Node& node, const Path& path, ImageRef& ref) {
    Object object(findings_, &node, path);
    const bool named = object.text("image", ref.image);
    const bool placed = object.text("filePathInImage", ref.file_path_in_image);
    object.finish();
    if (!object.is_map() || !named || !placed) return;
    judge(rules::why_not_image(ref.image), object.at("image"), path / "image", "the image");
    judge(rules::why_not_path_in_image(ref.file_path_in_image), object.at("filePathInImage"), path / "filePathInImage",
          "the path in the image");
  }

  void read_cri(yaml::Node& node, const Path& path) {
    CriConfig& config = osc_.spec.cri_config.emplace();
    Object object(findings_, &node, path);
    const bool named = object.text("name", config.name);
    object.text("cgroupDriver", config.cgroup_driver);
    auto* containerd = object.member("containerd");
    object.finish();
    if (!object.is_map()) return;
    if (config.name.empty() && named)
      findings_.complain(object.at("name"), path / "name", "required", "the name is empty");
    else if (named && config.name != "containerd")
      findings_.complain(object.at("name"), path / "name", "unsupported", "only containerd is known");
    if (config.cgroup_driver && !one_of(*config.cgroup_driver, {"cgroupfs", "systemd"}))
      findings_.complain(object.at("cgroupDriver"), path / "cgroupDriver", "unsupported",
                         "the driver is neither cgroupfs nor systemd");
    if (!containerd) return;
    if (osc_.spec.purpose == "provision")
      findings_.complain(containerd->at, path / "containerd", "forbidden",
                         "not allowed in a document with purpose provision");
    read_containerd(*containerd, path / "containerd", config.containerd.emplace());
  }

  void read_containerd(yaml::Node& node, const Path& path, Containerd& containerd) {
    Object object(findings_, &node, path);
    const bool sandboxed = object.text("sandboxImage", containerd.sandbox_image);
    std::set<std::string, std::less<>> upstreams;
    object.items("registries",
                 [&](yaml::Node& item, const Path& at) { read_registry(item, at, upstreams, containerd.registries); });
    object.items("plugins", [&](yaml::Node& item, const Path& at) { read_plugin(item, at, containerd.plugins); });
    object.finish();
    if (!object.is_map() || !sandboxed) return;
    if (containerd.sandbox_image.empty())
      findings_.complain(object.at("sandboxImage"), path / "sandboxImage", "required", "the sandbox image is empty");
    else
      judge(rules::why_not_image(containerd.sandbox_image), object.at("sandboxImage"), path / "sandboxImage",
            "the sandbox image");
  }

  void read_registry(yaml::Node& node, const Path& path, std::set<std::string, std::less<>>& upstreams,
                     std::vector<Registry>& into) {
    Registry registry;
    Object object(findings_, &node, path);
    const bool named = object.text("upstream", registry.upstream);
    object.text("server", registry.server);
    object.flag("readinessProbe", registry.readiness_probe);
    std::set<std::string, std::less<>> urls;
    object.items("hosts", [&](yaml::Node& item, const Path& at) { read_host(item, at, urls, registry.hosts); });
    object.finish();
    if (!object.is_map()) return;
    if (named)
      judge(rules::why_not_upstream(registry.upstream), object.at("upstream"), path / "upstream", "the upstream");
    if (!registry.upstream.empty() && !upstreams.insert(registry.upstream).second)
      findings_.complain(object.at("upstream"), path / "upstream", "duplicate", "this upstream is given twice");
    if (registry.server) check_url(*registry.server, object.at("server"), path / "server");
    into.push_back(std::move(registry));
  }

  void check_url(const std::string& url, yaml::Mark at, const Path& path) {
    judge(rules::why_not_url(url), at, path, "the URL");
    if (rules::has_user_info(url)) findings_.warn(at, path, "credentials", "the URL holds a user name or password");
  }

  void read_host(yaml::Node& node, const Path& path, std::set<std::string, std::less<>>& urls,
                 std::vector<RegistryHost>& into) {
    RegistryHost host;
    Object object(findings_, &node, path);
    const bool addressed = object.text("url", host.url);
    std::vector<yaml::Mark> capability_marks;
    object.texts("capabilities", host.capabilities, &capability_marks);
    std::vector<yaml::Mark> ca_marks;
    object.texts("caCerts", host.ca_certs, &ca_marks);
    object.flag("overridePath", host.override_path);
    object.finish();
    if (!object.is_map()) return;
    if (addressed) check_url(host.url, object.at("url"), path / "url");
    if (!host.url.empty() && !urls.insert(host.url).second)
      findings_.refuse(object.at("url"), path / "url", "duplicate", "this host is given twice");
    const Path capabilities = path / "capabilities";
    for (std::size_t i = 0; i < capability_marks.size(); ++i)
      if (!one_of(host.capabilities[i], {"pull", "resolve", "push"}))
        findings_.refuse(capability_marks[i], capabilities[i], "unsupported", "none of pull, resolve and push");
    const Path ca_certs = path / "caCerts";
    for (std::size_t i = 0; i < ca_marks.size(); ++i)
      judge(rules::why_not_ca_path(host.ca_certs[i]), ca_marks[i], ca_certs[i], "the path");
    into.push_back(std::move(host));
  }

  void read_plugin(yaml::Node& node, const Path& path, std::vector<Plugin>& into) {
    Plugin plugin;
    Object object(findings_, &node, path);
    object.text("op", plugin.op);
    std::vector<yaml::Mark> marks;
    const bool placed = object.texts("path", plugin.path, &marks);
    const auto* values = object.member("values");
    object.finish();
    if (!object.is_map()) return;
    const bool known_op = !plugin.op || one_of(*plugin.op, {"add", "remove"});
    if (!known_op)
      findings_.refuse(object.at("op"), path / "op", "unsupported", "the operation is neither add nor remove");
    const Path elements = path / "path";
    if (placed && plugin.path.empty())
      findings_.refuse(object.at("path"), elements, "required", "the path has no element");
    for (std::size_t i = 0; i < marks.size(); ++i) {
      const std::string& element = plugin.path[i];
      if (element.empty())
        findings_.refuse(marks[i], elements[i], "required", "the element is empty");
      else if (element.contains('\0'))
        findings_.refuse(marks[i], elements[i], "nul", "the element has a NUL byte");
      else if (element.find_first_of("\"'\\[]{}=#\n\r\t") != std::string::npos)
        findings_.warn(marks[i], elements[i], "odd-key",
                       "has characters that no plugin's name has; written as a quoted key");
    }
    if (values && plugin.op == "remove") {
      findings_.complain(values->at, path / "values", "forbidden", "not allowed with the operation remove");
    } else if (values && !values->map()) {
      refuse_type(findings_, *values, path / "values", "a map");
    } else if (values) {
      plugin.values = yaml::to_json(*values);
    }
    into.push_back(std::move(plugin));
  }

  void warn_of_twins(const std::vector<Unit>& units, const Path& path, const std::vector<yaml::Mark>& marks) {
    std::unordered_set<std::string_view> names;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (units[i].name.empty() || names.insert(units[i].name).second) continue;
      const Path unit = path[i];
      findings_.warn(marks[i], unit / "name", "duplicate", "this unit is given twice; the entries are merged");
    }
  }

  // Files of units and of containerd too: a file may stand where one of them or its directory belongs.
  void check_paths() {
    std::vector<std::string> owned_paths;
    std::vector<Entry> entries;
    const auto add_files = [&](const std::vector<File>& files, const std::vector<yaml::Mark>& marks,
                               std::string_view list) {
      for (std::size_t i = 0; i < files.size(); ++i)
        if (files[i].path.starts_with('/'))
          entries.push_back({files[i].path, files[i].host_name ? &*files[i].host_name : nullptr, marks[i], list, i});
    };
    add_files(osc_.spec.files, spec_file_marks_, "spec.files");
    add_files(osc_.status.extension_files, extension_file_marks_, "status.extensionFiles");
    const auto add_units = [&](const std::vector<Unit>& units) {
      for (const Unit& unit : units) {
        const std::string file = std::string(kUnitDirectory) + unit.name;
        if (unit.content) owned_paths.push_back(file);
        for (const DropIn& drop_in : unit.drop_ins) owned_paths.push_back(file + ".d/" + drop_in.name);
      }
    };
    add_units(osc_.spec.units);
    add_units(osc_.status.extension_units);
    if (has_containerd(osc_)) {
      owned_paths.emplace_back(kContainerdConfig);
      for (const Registry& registry : osc_.spec.cri_config->containerd->registries)
        owned_paths.push_back(fmt::format("/etc/containerd/certs.d/{}/hosts.toml", registry.upstream));
    }
    for (const std::string& path : owned_paths) entries.push_back({path, nullptr, {}, {}, 0});
    std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) { return path_less(a.path, b.path); });

    // Who owns a path: files by host, or a unit or containerd.
    struct Level {
      std::string_view path;
      const Entry* file = nullptr;  // the first of them
      std::set<std::string_view> hosts = {};
      bool everywhere = false;  // a file without hostName
      bool owned = false;
      bool has_file_for(const std::string* host) const {
        return everywhere || (host ? hosts.contains(*host) : !hosts.empty());
      }
    };
    std::vector<Level> above;
    for (const Entry& entry : entries) {
      while (!above.empty() && above.back().path != entry.path &&
             !(entry.path.starts_with(above.back().path) && entry.path[above.back().path.size()] == '/'))
        above.pop_back();
      const bool same = !above.empty() && above.back().path == entry.path;
      const std::size_t parents = above.size() - (same ? 1 : 0);
      for (std::size_t i = 0; i < parents; ++i) {
        if (!above[i].owned && !above[i].has_file_for(entry.host)) continue;
        if (entry.is_owned() && !above[i].file) continue;  // names of units that are refused anyway
        // What is owned is right; the file in its way is what has to go.
        const bool in_the_way = entry.is_owned();
        complain(in_the_way ? *above[i].file : entry, "parent-is-file",
                 in_the_way ? fmt::format("{} lies below it", rules::shown(entry.path))
                            : fmt::format("lies below {}, which is a file", rules::shown(above[i].path)));
        break;
      }
      if (!same) above.push_back({.path = entry.path});
      Level& here = above.back();
      if (entry.is_owned()) {
        here.owned = true;
        continue;
      }
      if (!here.file) here.file = &entry;
      if (here.has_file_for(entry.host)) {
        complain(entry, "duplicate", "this path is given twice for one host");
      }
      if (entry.host)
        here.hosts.insert(*entry.host);
      else
        here.everywhere = true;
    }
    // Units of the same name come last: see whom they meet. desired::render() leaves such files out.
    const std::unordered_set<std::string_view> owners(owned_paths.begin(), owned_paths.end());
    for (const Entry& entry : entries) {
      if (entry.is_owned() || !owners.contains(entry.path)) continue;
      if (entry.path == kContainerdConfig)
        complain(entry, "conflict", "the containerd block of this document is patched into this file");
      else if (entry.path.starts_with(kUnitDirectory))
        warn(entry, "conflict", "a unit of this document owns this path; the file is left out");
      else
        warn(entry, "conflict", "a registry of this document owns this path; the file is left out");
    }
  }

  template <typename Report>
  void at_entry(const Entry& entry, Report report) {
    const Path root;
    const bool in_spec = entry.list == "spec.files";
    const Path parent = root / (in_spec ? "spec" : "status");
    const Path list = parent / (in_spec ? "files" : "extensionFiles");
    const Path item = list[entry.index];
    report(item / "path");
  }
  void complain(const Entry& entry, std::string code, std::string message) {
    at_entry(entry, [&](const Path& path) { findings_.complain(entry.at, path, std::move(code), std::move(message)); });
  }
  void warn(const Entry& entry, std::string code, std::string message) {
    at_entry(entry, [&](const Path& path) { findings_.warn(entry.at, path, std::move(code), std::move(message)); });
  }

  void check_watched_paths() {
    std::unordered_set<std::string_view> paths;
    for (const File& file : osc_.spec.files) paths.insert(file.path);
    for (const File& file : osc_.status.extension_files) paths.insert(file.path);
    for (const FilePath& watched : watched_) {
      const bool in_spec = watched.list == "spec.units";
      const Unit& unit = in_spec ? osc_.spec.units[watched.unit] : osc_.status.extension_units[watched.unit];
      if (watched.index >= unit.file_paths.size() || paths.contains(unit.file_paths[watched.index])) continue;
      const Path root;
      const Path parent = root / (in_spec ? "spec" : "status");
      const Path list = parent / (in_spec ? "units" : "extensionUnits");
      const Path item = list[watched.unit];
      const Path file_paths = item / "filePaths";
      findings_.warn(
          watched.at, file_paths[watched.index], "no-such-file",
          fmt::format("no file of this document has the path {}", rules::shown(unit.file_paths[watched.index])));
    }
  }

  Findings& findings_;
  Osc osc_ = {};
  std::vector<yaml::Mark> spec_file_marks_ = {};
  std::vector<yaml::Mark> extension_file_marks_ = {};
  std::vector<yaml::Mark> spec_unit_marks_ = {};
  std::vector<yaml::Mark> extension_unit_marks_ = {};
  std::vector<FilePath> watched_ = {};
};

void add(Findings& findings, Severity severity, const yaml::Problem& problem) {
  findings.add({severity, problem.at.line, problem.at.column, problem.field, problem.code, problem.message});
}

// The tree of one document, with all that its text alone can tell.
std::optional<yaml::Node> read_tree(Findings& findings, std::string_view bytes) {
  auto document = yaml::read(bytes, {.bytes = kMaxDocumentBytes});
  if (!document) {
    add(findings, Severity::error, document.error());
    return std::nullopt;
  }
  for (const yaml::Problem& warning : document->warnings) add(findings, Severity::warning, warning);
  const yaml::Node& root = document->root;
  if (root.kind() == yaml::Kind::null) {
    findings.refuse(root.at, {}, "empty", "the document is empty");
    return std::nullopt;
  }
  if (!root.map()) {
    refuse_type(findings, root, {}, "a map");
    return std::nullopt;
  }
  return std::move(document->root);
}

bool is_secret(const yaml::Node& root) {
  const auto* kind = root.find("kind");
  const auto* version = root.find("apiVersion");
  return kind && kind->text() && *kind->text() == "Secret" && version && version->text() && *version->text() == "v1";
}

Parsed finish(Findings& findings, std::optional<Document> document) {
  Parsed out;
  if (!findings.any_error()) out.document = std::move(document);
  out.findings = findings.take();
  return out;
}

// As it stands in the text: a checksum of digits alone, without quotes, is a number for YAML.
std::optional<std::string> annotation(const yaml::Node& secret, std::string_view bytes, std::string_view name) {
  const auto* metadata = secret.find("metadata");
  const auto* annotations = metadata ? metadata->find("annotations") : nullptr;
  const auto* value = annotations ? annotations->find(name) : nullptr;
  if (!value || value->kind() == yaml::Kind::null) return std::nullopt;
  if (value->text()) return *value->text();
  for (int line = 1; line < value->at.line; ++line)
    bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
  bytes.remove_prefix(std::min(static_cast<std::size_t>(value->at.column - 1), bytes.size()));
  return std::string(bytes.substr(0, bytes.find_first_of(" \t\r\n,}")));
}

// The bytes under osc.yaml; of stringData and data the API server lets the former win.
std::optional<std::string> inner_bytes(Findings& findings, const yaml::Node& secret) {
  const Path root;
  const Path string_data = root / "stringData";
  const Path data = root / "data";
  const auto* plain = secret.find("stringData");
  if (const auto* value = plain ? plain->find(kOscKey) : nullptr) {
    if (value->text()) return *value->text();
    refuse_type(findings, *value, string_data.key(kOscKey), "a string");
    return std::nullopt;
  }
  const auto* encoded = secret.find("data");
  const auto* value = encoded ? encoded->find(kOscKey) : nullptr;
  if (!value) {
    findings.refuse(encoded ? encoded->at : secret.at, data, "required", "this Secret has no key osc.yaml");
    return std::nullopt;
  }
  if (!value->text()) {
    refuse_type(findings, *value, data.key(kOscKey), "a string");
    return std::nullopt;
  }
  auto bytes = base64_decode(*value->text());
  if (!bytes) findings.refuse(value->at, data.key(kOscKey), "not-base64", "the value is not base64");
  return bytes;
}

Parsed parse_secret(Findings& findings, const yaml::Node& secret, std::string_view text) {
  auto bytes = inner_bytes(findings, secret);
  if (!bytes) return finish(findings, std::nullopt);

  Document document;
  document.origin.secret = true;
  const auto* metadata = secret.find("metadata");
  const auto* name = metadata ? metadata->find("name") : nullptr;
  if (name && name->text()) document.origin.secret_name = *name->text();
  document.origin.serial = annotation(secret, text, kSerialAnnotation) == "true";

  // From here on findings are about the inner document.
  Findings inner(Trust::cluster);
  const Path root;
  const Path outer_metadata = root / "metadata";
  const Path annotations = outer_metadata / "annotations";
  const std::string sum = sha256_hex(*bytes);
  const auto given = annotation(secret, text, kChecksumAnnotation);
  document.checksum = given.value_or(sum);
  if (!given)
    inner.warn({}, annotations.key(kChecksumAnnotation), "no-checksum",
               "the Secret has no checksum; computed from its data");
  else if (*given != sum)
    inner.warn({}, annotations.key(kChecksumAnnotation), "checksum-mismatch",
               "the Secret's checksum is not that of its data; taken as it stands");

  std::optional<Document> result;
  if (auto tree = read_tree(inner, *bytes)) {
    document.osc = Reader(inner).read(*tree, false);
    result = std::move(document);
  }
  Parsed out = finish(inner, std::move(result));
  out.from_secret = true;
  return out;
}

}  // namespace

Parsed parse(std::string_view bytes) {
  Findings findings(Trust::cluster);
  auto tree = read_tree(findings, bytes);
  if (!tree) return finish(findings, std::nullopt);
  if (is_secret(*tree)) return parse_secret(findings, *tree, bytes);
  Document document;
  document.osc = Reader(findings).read(*tree, true);
  document.checksum = sha256_hex(bytes);
  return finish(findings, std::move(document));
}

Parsed parse_applied(std::string_view bytes) {
  Findings findings(Trust::own);
  auto tree = read_tree(findings, bytes);
  if (!tree) return finish(findings, std::nullopt);
  Document document;
  document.osc = Reader(findings).read(*tree, false);
  document.checksum = sha256_hex(bytes);
  return finish(findings, std::move(document));
}

}  // namespace gna::osc
