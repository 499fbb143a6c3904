// How the node should be: typed, resolved, for this host, free of verbs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace gna::desired {

// What a file or a unit is for, so that no backend has to guess it from a path.
enum class Role {
  other,
  kubelet,         // kubelet.service, its binary
  kubelet_config,  // /var/lib/kubelet/config/kubelet
  node_agent,      // gardener-node-agent.service, its binary
  agent_config,    // /var/lib/gardener-node-agent/config-*.yaml
  containerd,      // containerd.service
  static_pod,      // below /etc/kubernetes/manifests
  sysctl,          // below /etc/sysctl.d
  trusted_roots,   // system CA bundles
  registry_ca,     // named by a mirror's caCerts
};

// A file inside an image; only its own step resolves it.
struct ImageSource {
  std::string image = {};
  std::string path = {};
  bool operator==(const ImageSource&) const = default;
};

using Content = std::variant<std::string, ImageSource>;

struct File {
  Content content = {};       // bytes, or where they come from
  std::uint32_t mode = 0600;  // at most 0777
  Role role = Role::other;
  bool secret = false;     // never show its bytes: CLI.md, "Secrets"
  std::string field = {};  // where the OSC says so: "spec.files[3]"
  bool operator==(const File&) const = default;
};

enum class Run {
  running,  // restarted when what it runs with changes; started when found dead
  stopped,  // `enable: false`: stopped when found running
  stop,     // `command: stop` of an enabled unit: stopped when it changes, else left alone
};

struct Unit {
  std::optional<std::string> content = {};           // absent: the unit file is not ours
  std::map<std::string, std::string> drop_ins = {};  // name → text
  std::set<std::string> watches = {};                // absolute paths
  bool enabled = true;
  Run run = Run::running;
  bool expected = true;  // counts as "should run" for drift: enable given, or content or drop-ins
  Role role = Role::other;
  std::string field = {};
  bool operator==(const Unit&) const = default;
};

struct RegistryHost {
  std::string url = {};
  std::vector<std::string> capabilities = {};  // never empty: render() filled the default in
  std::vector<std::string> ca_certs = {};      // relative ones: to the upstream's certs.d directory
  bool override_path = false;
  bool operator==(const RegistryHost&) const = default;
};

struct Registry {
  std::string upstream = {};
  std::optional<std::string> server = {};
  std::vector<RegistryHost> hosts = {};
  bool readiness_probe = false;
  std::string field = {};
  bool operator==(const Registry&) const = default;
};

struct PluginPatch {
  bool remove = false;
  std::vector<std::string> path = {};      // below `plugins`
  std::optional<std::string> values = {};  // JSON object, keys sorted
  bool operator==(const PluginPatch&) const = default;
};

struct Containerd {
  std::string sandbox_image = {};
  std::optional<bool> systemd_cgroup = {};
  std::vector<PluginPatch> plugins = {};
  bool operator==(const Containerd&) const = default;
};

struct State {
  std::map<std::string, File> files = {};  // by absolute path
  std::map<std::string, Unit> units = {};  // by name
  std::optional<Containerd> containerd = {};
  std::map<std::string, Registry> registries = {};  // by upstream
  // Typed readings of files above, for backends that have no files.
  std::map<std::string, std::string> sysctl = {};         // key with dots → value
  std::map<std::string, std::string> trusted_roots = {};  // path → PEM
  std::optional<std::string> kubelet_configuration = {};  // YAML
  std::optional<std::string> cpu_manager_policy = {};     // only of in-place pools
  bool operator==(const State&) const = default;
  bool empty() const { return files.empty() && units.empty() && !containerd && registries.empty(); }
};

// What a unit runs with: one line for its text, drop-ins, the names of what it watches and
// whether it runs; one for each watched file that there is (its bytes and mode; of an image:
// its reference).
std::string digest(const Unit& unit, const State& wanted);

// Does what it was started with still hold? A watched file that vanished is no reason to
// restart (the name would have to vanish from `watches` too), so this is not plain equality.
bool runs_with(const std::string& started_with, const Unit& unit, const State& wanted);

// The digest of what containerd runs with; a state without a containerd block has one too.
std::string containerd_digest(const State& wanted);

// Where a mirror's CA lies: relative paths count from the upstream's certs.d directory.
std::string ca_path(const std::string& upstream, const std::string& path);

// The digest of one registry's settings: unchanged settings keep the order on disk.
std::string digest(const Registry& registry);

}  // namespace gna::desired
