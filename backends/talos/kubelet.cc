#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/desired/unit_file.h"
#include "agent/yaml/reader.h"
#include "backends/talos/sections.h"

namespace gna::talos {

namespace {

using yaml::Node;

// Talos sets these itself; given all the same, it does not start the kubelet.
// Source: Talos, machine configuration reference, KubeletConfig.
constexpr std::array<std::string_view, 11> kProtectedFields = {
    "authentication",        "authorization", "cgroupRoot",         "kubeletCgroups", "systemCgroups", "port",
    "protectKernelDefaults", "resolvConf",    "rotateCertificates", "staticPodPath",  "seccompDefault"};
constexpr std::array<std::string_view, 6> kProtectedFlags = {
    "bootstrap-kubeconfig", "kubeconfig", "container-runtime", "container-runtime-endpoint", "config", "cert-dir"};

template <typename List>
bool is_in(std::string_view text, const List& list) {
  return std::ranges::find(list, text) != list.end();
}

struct Service {
  std::vector<std::string> command = {};
  std::vector<std::string> environment = {};  // names of variables, paths of files
};

Service service_of(const std::string& text) {
  Service out;
  for (const auto& [section, key, value] : desired::read_unit_file(text)) {
    if (section != "Service") continue;
    auto words = desired::unit_words(value);
    if (key == "ExecStart") {
      out.command = std::move(words);  // the last one counts
    } else if (key == "Environment") {
      for (const auto& word : words) out.environment.push_back(word.substr(0, word.find('=')));
    } else if (key == "EnvironmentFile") {
      for (auto& word : words) out.environment.push_back(word.starts_with('-') ? word.substr(1) : word);
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

class Kubelet {
 public:
  Kubelet(Drafts& out, const desired::State& wanted) : out_(out), wanted_(wanted) {}

  void image() {
    for (const auto& [path, file] : wanted_.files) {
      if (file.role != desired::Role::kubelet) continue;
      const auto* source = std::get_if<desired::ImageSource>(&file.content);
      const auto version = source == nullptr ? std::nullopt : tag_of(source->image);
      if (version)
        at(kubelet(file.field).fields, "image") = "ghcr.io/siderolabs/kubelet:" + *version;
      else
        out_.refuse(file.field, path + ": which version of the kubelet this is, its image does not tell",
                    "KubeletConfig.image");
    }
  }

  void configuration() {
    for (const auto& [path, file] : wanted_.files) {
      if (file.role != desired::Role::kubelet_config) continue;
      const auto* bytes = std::get_if<std::string>(&file.content);
      const auto document = bytes == nullptr ? std::nullopt : read(*bytes);
      if (!document) {
        out_.refuse(file.field, path + " is no readable KubeletConfiguration", "KubeletConfig.config");
        continue;
      }
      Node::Map config;
      for (const auto& member : *document->map()) field(member, file.field, config);
      if (!config.empty()) at(kubelet(file.field).fields, "config") = std::move(config);
    }
  }

  void unit() {
    for (const auto& [name, unit] : wanted_.units) {
      if (unit.role != desired::Role::kubelet) continue;
      if (unit.content) service(service_of(*unit.content), unit.field);
      for (const auto& [drop_in, text] : unit.drop_ins)
        out_.refuse(unit.field, "the kubelet on Talos is no unit, drop-in " + drop_in + " has no form there",
                    "KubeletConfig.config or KubeletConfig.extraArgs");
    }
  }

 private:
  static std::optional<Node> read(const std::string& bytes) {
    auto document = yaml::read(bytes);
    if (!document || document->root.map() == nullptr) return std::nullopt;
    return std::move(document->root);
  }

  // v1.34.1 of registry/hyperkube:v1.34.1@sha256:...
  static std::optional<std::string> tag_of(std::string_view image) {
    image = image.substr(0, image.find('@'));
    const auto colon = image.rfind(':');
    if (colon == std::string_view::npos || image.substr(colon).contains('/')) return std::nullopt;
    const auto tag = image.substr(colon + 1);
    const auto version = desired::parse_version(tag);
    if (!tag.starts_with('v') || !version || version->parts.size() != 3) return std::nullopt;
    return std::string(tag);
  }

  Draft& kubelet(const std::string& from) { return out_.document("KubeletConfig", "", from); }

  void field(const yaml::Member& member, const std::string& from, Node::Map& config) {
    if (member.key == "apiVersion" || member.key == "kind") return;  // Talos writes the same
    if (is_in(member.key, kProtectedFields)) {
      out_.refuse(from, "kubelet configuration: Talos sets " + member.key + " itself", "");
    } else if (member.key == "cgroupDriver") {
      if (member.value.text() == nullptr || *member.value.text() != "cgroupfs")
        out_.refuse(from, "kubelet configuration: the cgroupDriver on Talos is cgroupfs", "cgroupfs");
    } else if (member.key == "clusterDNS") {
      at(kubelet(from).fields, "clusterDNS") = member.value;
    } else {
      config.push_back(member);
    }
  }

  void service(const Service& service, const std::string& field) {
    if (!service.environment.empty())
      out_.refuse(field, "the kubelet on Talos has no environment of its own: " + joined(service.environment),
                  "an EnvironmentConfig, which counts for all of Talos' services");
    if (service.command.empty()) return;
    if (!service.command[0].ends_with("/kubelet")) {
      out_.refuse(field, "runs " + service.command[0] + ", Talos runs its own kubelet", "");
      return;
    }
    std::map<std::string, Node::List> flags;
    const auto& words = service.command;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!words[i].starts_with("--")) {
        out_.refuse(field, "the kubelet's argument " + words[i] + " is no flag", "KubeletConfig.extraArgs");
        continue;
      }
      const auto equals = words[i].find('=');
      const std::string name = words[i].substr(2, equals == std::string::npos ? equals : equals - 2);
      std::string value = "true";
      if (equals != std::string::npos)
        value = words[i].substr(equals + 1);
      else if (i + 1 < words.size() && !words[i + 1].starts_with('-') && !words[i + 1].starts_with('$'))
        value = words[++i];
      flags[name].emplace_back(std::move(value));
    }
    for (auto& [name, values] : flags) flag(name, std::move(values), field);
  }

  void flag(const std::string& name, Node::List values, const std::string& field) {
    if (is_in(name, kProtectedFlags)) return;  // how the two start a kubelet differs, not what it is
    if (name == "node-labels") return labels(values, field);
    if (name == "runtime-cgroups") {
      out_.refuse(field, "--runtime-cgroups names a slice of systemd", "");
      return;
    }
    auto& arguments = at(kubelet(field).fields, "extraArgs");
    if (arguments.map() == nullptr) arguments = Node::Map{};
    at(*arguments.map(), name) = values.size() == 1 ? std::move(values[0]) : Node(std::move(values));
  }

  void labels(const Node::List& values, const std::string& field) {
    Node::Map labels;
    for (const auto& value : values) {
      std::string_view rest = *value.text();
      while (!rest.empty()) {
        const auto end = std::min(rest.find(','), rest.size());
        const auto label = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = std::min(label.find('='), label.size());
        at(labels, std::string(label.substr(0, equals))) =
            std::string(label.substr(std::min(equals + 1, label.size())));
      }
    }
    at(out_.document("KubeNodeConfig", "", field).fields, "labels") = std::move(labels);
  }

  Drafts& out_;
  const desired::State& wanted_;
};

}  // namespace

void draft_kubelet(Drafts& out, const desired::State& wanted) {
  Kubelet kubelet(out, wanted);
  kubelet.image();
  kubelet.configuration();
  kubelet.unit();
}

}  // namespace gna::talos
