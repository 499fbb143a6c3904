// The OperatingSystemConfig as a type: what the document says, nothing resolved.
//
// Absent and zero are different values where the API says so (std::optional), and
// no default is applied here: render() does that.
//
// Source: extensions.gardener.cloud/v1alpha1, OperatingSystemConfig (gardener
// v1.150, pkg/apis/extensions/v1alpha1/types_operatingsystemconfig.go).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gna::osc {

struct SecretRef {
  std::string name = {};
  std::string data_key = {};
  bool operator==(const SecretRef&) const = default;
};

struct Inline {
  std::string encoding = {};  // "" or "b64"
  std::string data = {};      // as written, not decoded: see decode()
  bool operator==(const Inline&) const = default;
};

struct ImageRef {
  std::string image = {};
  std::string file_path_in_image = {};
  bool operator==(const ImageRef&) const = default;
};

struct FileContent {
  std::optional<SecretRef> secret_ref = {};
  std::optional<Inline> inline_data = {};
  std::optional<ImageRef> image_ref = {};
  std::optional<bool> transmit_unencoded = {};
  bool operator==(const FileContent&) const = default;
};

struct File {
  std::string path = {};
  std::optional<std::uint32_t> permissions = {};  // POSIX mode bits; setuid, setgid, sticky already dropped
  FileContent content = {};
  std::optional<std::string> host_name = {};
  bool operator==(const File&) const = default;
};

struct DropIn {
  std::string name = {};
  std::string content = {};
  bool operator==(const DropIn&) const = default;
};

struct Unit {
  std::string name = {};
  std::optional<std::string> command = {};  // start, restart, stop
  std::optional<bool> enable = {};
  std::optional<std::string> content = {};
  std::vector<DropIn> drop_ins = {};
  std::vector<std::string> file_paths = {};
  bool operator==(const Unit&) const = default;
};

struct RegistryHost {
  std::string url = {};
  std::vector<std::string> capabilities = {};  // empty: pull and resolve
  std::vector<std::string> ca_certs = {};
  std::optional<bool> override_path = {};
  bool operator==(const RegistryHost&) const = default;
};

struct Registry {
  std::string upstream = {};
  std::optional<std::string> server = {};
  std::vector<RegistryHost> hosts = {};
  std::optional<bool> readiness_probe = {};
  bool operator==(const Registry&) const = default;
};

struct Plugin {
  std::optional<std::string> op = {};  // add, remove
  std::vector<std::string> path = {};
  std::optional<std::string> values = {};  // JSON text, keys sorted, no blanks
  bool operator==(const Plugin&) const = default;
};

struct Containerd {
  std::vector<Registry> registries = {};
  std::string sandbox_image = {};
  std::vector<Plugin> plugins = {};
  bool operator==(const Containerd&) const = default;
};

struct CriConfig {
  std::string name = {};
  std::optional<std::string> cgroup_driver = {};  // cgroupfs, systemd
  std::optional<Containerd> containerd = {};
  bool operator==(const CriConfig&) const = default;
};

struct Rotation {
  std::optional<std::string> last_initiation_time = {};  // RFC 3339, UTC, seconds
  bool operator==(const Rotation&) const = default;
};

struct CredentialsRotation {
  std::optional<Rotation> certificate_authorities = {};
  std::optional<Rotation> service_account_key = {};
  bool operator==(const CredentialsRotation&) const = default;
};

struct InPlaceUpdates {
  std::string operating_system_version = {};
  std::string kubelet_version = {};  // JSON key `kubelet`
  std::optional<CredentialsRotation> credentials_rotation = {};
  bool operator==(const InPlaceUpdates&) const = default;
};

struct OsUpdate {
  std::string command = {};
  std::vector<std::string> args = {};
  bool operator==(const OsUpdate&) const = default;
};

struct Metadata {
  std::string name = {};
  std::string namespace_ = {};
  std::map<std::string, std::string> labels = {};
  std::map<std::string, std::string> annotations = {};
  bool operator==(const Metadata&) const = default;
};

struct Spec {
  std::string type = {};
  std::optional<std::string> class_ = {};
  std::optional<std::string> provider_config = {};  // JSON text
  std::optional<CriConfig> cri_config = {};
  std::string purpose = {};  // provision, reconcile, or "" in a node's Secret
  std::vector<Unit> units = {};
  std::vector<File> files = {};
  std::optional<InPlaceUpdates> in_place_updates = {};
  bool operator==(const Spec&) const = default;
};

// Of the status only what a node acts upon; the rest is dropped like unknown fields.
struct Status {
  std::vector<Unit> extension_units = {};
  std::vector<File> extension_files = {};
  std::optional<OsUpdate> os_update = {};  // inPlaceUpdates.osUpdate
  bool in_place_updates_present = false;   // `inPlaceUpdates: {}` without osUpdate
  bool operator==(const Status&) const = default;
};

struct Osc {
  std::string api_version = {};  // empty if the document had none
  std::string kind = {};
  Metadata metadata = {};
  Spec spec = {};
  Status status = {};
  bool operator==(const Osc&) const = default;
};

// criConfig present, named containerd, with a containerd block: what upstream
// everywhere calls "has containerd configuration".
bool has_containerd(const Osc& osc);

// The bytes of inline data. nullopt: base64 that is none, or an unknown encoding
// (parse() has reported both).
std::optional<std::string> decode(const Inline& data);

// spec.units, then status.extensionUnits, same names collapsed into the first
// place: enable, command and content overwritten when set, drop-ins and filePaths
// concatenated (of drop-ins with one name the last one wins on disk).
std::vector<Unit> merged_units(const Osc& osc);

// spec.files, then status.extensionFiles, less those meant for other hosts.
// `host_name` is compared as given: lower-case it first.
std::vector<File> files_for_host(const Osc& osc, const std::string& host_name);

}  // namespace gna::osc
