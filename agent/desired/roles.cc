#include "agent/desired/roles.h"

#include <string_view>

namespace gna::desired {

namespace {

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool below_folder(std::string_view path, std::string_view folder) {
  const std::string needle = "/" + std::string(folder) + "/";
  return path.find(needle) != std::string_view::npos;
}

bool is_kubeconfig(std::string_view path) {
  const auto name = base_name(path);
  return name.starts_with("kubeconfig") || name.ends_with("kubeconfig") || name.ends_with(".kubeconfig.yaml");
}

}  // namespace

Role role_of_file(const std::string& path) {
  const std::string_view p = path;
  if (p == "/opt/bin/kubelet") return Role::kubelet;
  if (p == "/var/lib/kubelet/config/kubelet") return Role::kubelet_config;
  if (p == "/opt/bin/gardener-node-agent") return Role::node_agent;
  if (p.starts_with("/var/lib/gardener-node-agent/config-") && p.ends_with(".yaml")) return Role::agent_config;
  if (p.starts_with("/etc/kubernetes/manifests")) return Role::static_pod;  // upstream tests the prefix without a slash
  if (p.starts_with("/etc/sysctl.d/") && p.ends_with(".conf")) return Role::sysctl;
  if (p.starts_with("/var/lib/ca-certificates-local/") || p.starts_with("/etc/pki/trust/anchors/") ||
      p.starts_with("/usr/local/share/ca-certificates/"))
    return Role::trusted_roots;
  return Role::other;
}

Role role_of_unit(const std::string& name) {
  if (name == "kubelet.service") return Role::kubelet;
  if (name == "gardener-node-agent.service") return Role::node_agent;
  if (name == "containerd.service") return Role::containerd;
  return Role::other;
}

bool is_secret(const std::string& path, std::uint32_t mode, bool permissions_given, Role role) {
  // People debug with the diff of these two, and they hold no secret.
  if (role == Role::kubelet_config || role == Role::agent_config) return false;
  if (permissions_given && (mode == 0600 || mode == 0400)) return true;
  if (role == Role::trusted_roots) return false;
  return below_folder(path, "credentials") || below_folder(path, "pki") || is_kubeconfig(path);
}

}  // namespace gna::desired
