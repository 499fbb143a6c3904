#include <algorithm>
#include <array>
#include <string_view>

#include "agent/yaml/reader.h"
#include "backends/talos/sections.h"
#include "gna/base/digest.h"
#include "gna/base/utf8.h"

namespace gna::talos {

namespace {

using desired::Role;
using yaml::Node;

constexpr std::string_view kEtc = "/etc/";

// Source: Talos, EtcFileConfig: names and folders that Talos keeps for itself.
constexpr std::array<std::string_view, 7> kReservedFiles = {
    "resolv.conf", "hosts", "machine-id", "extensions.yaml", "localtime", "os-release", "xattr.conf"};
constexpr std::array<std::string_view, 12> kReservedFolders = {"apparmor", "apparmor.d", "ca-certificates", "cni",
                                                               "cri",      "iscsi",      "kubernetes",      "lvm",
                                                               "nvme",     "pki",        "selinux",         "ssl"};
// What nothing on Talos reads.
constexpr std::array<std::string_view, 3> kUselessFolders = {"systemd", "logrotate.d", "containerd"};

template <typename List>
bool is_in(std::string_view text, const List& list) {
  return std::ranges::find(list, text) != list.end();
}

std::string_view stem_of(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

template <typename Line>
void for_each_line(std::string_view text, const Line& line) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin < end) line(text.substr(begin, text.find_last_not_of(" \t\r", end - 1) + 1 - begin));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

class Files {
 public:
  Files(Drafts& out, const desired::State& wanted) : out_(out), wanted_(wanted) {}

  void file(const std::string& path, const desired::File& file) {
    if (file.role == Role::kubelet || file.role == Role::kubelet_config) return;  // draft_kubelet()
    if (is_the_agents(path, file)) return;
    const auto* bytes = std::get_if<std::string>(&file.content);
    if (bytes == nullptr) {
      out_.refuse(file.field, path + ": Talos copies no file out of an image",
                  "a system extension, or a pod with that image");
      return;
    }
    switch (file.role) {
      case Role::registry_ca: return;  // draft_registries()
      case Role::sysctl: return sysctl(file);
      case Role::trusted_roots: return trusted_roots(path, file, *bytes);
      case Role::static_pod: return static_pod(path, file, *bytes);
      default: break;
    }
    if (path.starts_with("/etc/modules-load.d/")) return modules(file, *bytes);
    if (!path.starts_with(kEtc)) return elsewhere(path, file);
    etc(path, file, *bytes);
  }

 private:
  // Gna is not installed on Talos: it works from elsewhere.
  bool is_the_agents(const std::string& path, const desired::File& file) const {
    if (file.role == Role::node_agent || file.role == Role::agent_config) return true;
    bool watched = false;
    for (const auto& [name, unit] : wanted_.units) {
      if (!unit.watches.contains(path)) continue;
      if (unit.role != Role::node_agent) return false;
      watched = true;
    }
    return watched;
  }

  void sysctl(const desired::File& file) {
    auto& params = at(out_.document("SysctlConfig", "", file.field).fields, "params");
    if (params.map() == nullptr) params = Node::Map{};
    for (const auto& [key, value] : wanted_.sysctl) at(*params.map(), key) = value;
  }

  void trusted_roots(const std::string& path, const desired::File& file, const std::string& pem) {
    if (!is_pem(pem)) {
      out_.refuse(file.field, path + " holds no certificate", "certificates in PEM form");
      return;
    }
    // One bundle often lies in several folders, for several distributions. The prefix keeps
    // clear of what others have named.
    std::string name = "gardener-" + std::string(stem_of(path));
    const auto& first = roots_.try_emplace(name, pem).first->second;
    if (first != pem) name += "-" + sha256_hex(pem).substr(0, 8);
    out_.document("TrustedRootsConfig", name, file.field).fields = {{.key = "certificates", .value = pem}};
  }

  void static_pod(const std::string& path, const desired::File& file, const std::string& manifest) {
    auto document = yaml::read(manifest);
    const auto* kind = document ? document->root.find("kind") : nullptr;
    const auto* text = kind == nullptr ? nullptr : kind->text();
    const std::string name(stem_of(path));
    if (text == nullptr || *text != "Pod" || out_.has("KubeStaticPodConfig", name)) {
      out_.refuse(file.field, path + (text != nullptr && *text == "Pod" ? ": another pod has that name" : " is no pod"),
                  "KubeStaticPodConfig");
      return;
    }
    auto& draft = out_.document("KubeStaticPodConfig", name, file.field);
    draft.fields = {{.key = "pod", .value = std::move(document->root)}};
    draft.secret = file.secret;
  }

  // man 5 modules-load.d: a module a line.
  void modules(const desired::File& file, std::string_view text) {
    for_each_line(text, [&](std::string_view line) {
      if (line[0] != '#' && line[0] != ';') out_.document("KernelModuleConfig", std::string(line), file.field);
    });
  }

  void elsewhere(const std::string& path, const desired::File& file) {
    if (path.starts_with("/var/lib/kubelet/"))
      out_.refuse(file.field, path + ": Talos writes the kubelet's files itself",
                  "nothing, if it holds the cluster's CA: KubeAPIServerCAConfig does");
    else if (path.starts_with("/var/"))
      out_.refuse(file.field, path + ": Talos writes below /var only when it boots", "a DaemonSet with a hostPath");
    else
      out_.refuse(file.field, path + " lies on Talos' read-only root", "a system extension, or a DaemonSet");
  }

  void etc(const std::string& path, const desired::File& file, const std::string& bytes) {
    const auto name = path.substr(kEtc.size());
    const auto folder = name.substr(0, name.find('/'));
    const bool hidden = name.starts_with('.') || name.contains("/.");
    if (hidden || is_in(name, kReservedFiles) || (folder != name && is_in(folder, kReservedFolders))) {
      out_.refuse(file.field, path + (hidden ? ": Talos takes no hidden files" : " belongs to Talos itself"),
                  "the document that Talos has for it");
      return;
    }
    if ((folder != name && is_in(folder, kUselessFolders)) || name == "logrotate.conf") {
      out_.refuse(file.field, path + ": nothing on Talos reads it",
                  folder == "systemd" ? "KmsgLogConfig for logs" : "");
      return;
    }
    if (!is_utf8(bytes)) {
      out_.refuse(file.field, path + ": its bytes are no text in UTF-8", "a DaemonSet with a hostPath");
      return;
    }
    auto& draft = out_.document("EtcFileConfig", name, file.field);
    draft.fields = {{.key = "mode", .value = static_cast<std::int64_t>(file.mode)},
                    {.key = "contents", .value = bytes}};
    draft.secret = file.secret;
  }

  Drafts& out_;
  const desired::State& wanted_;
  std::map<std::string, std::string> roots_;  // name → PEM
};

}  // namespace

void draft_files(Drafts& out, const desired::State& wanted) {
  Files files(out, wanted);
  for (const auto& [path, file] : wanted.files) files.file(path, file);
}

}  // namespace gna::talos
