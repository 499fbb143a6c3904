#include "backends/talos/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "agent/yaml/writer.h"

namespace gna::talos {

namespace {

struct Since {
  std::string_view kind;
  int minor;  // of Talos 1.x
};

// Source: Talos release notes; the documents that this room writes.
constexpr std::array<Since, 10> kSince = {{{"CRICustomizationConfig", 14},
                                           {"EtcFileConfig", 14},
                                           {"KernelModuleConfig", 14},
                                           {"KubeNodeConfig", 14},
                                           {"KubeStaticPodConfig", 14},
                                           {"KubeletConfig", 14},
                                           {"RegistryMirrorConfig", 12},
                                           {"RegistryTLSConfig", 12},
                                           {"SysctlConfig", 14},
                                           {"TrustedRootsConfig", 8}}};

std::optional<int> missing_until(const std::string& kind, const std::optional<desired::Version>& talos) {
  const auto since = std::ranges::find(kSince, kind, &Since::kind);
  if (!talos || since == kSince.end() || *talos >= desired::Version{{1, since->minor}}) return std::nullopt;
  return since->minor;
}

}  // namespace

Draft& Drafts::document(const std::string& kind, const std::string& name, const std::string& from) {
  Draft& draft = drafts_[{kind, name}];
  draft.from.insert(from);
  return draft;
}

void Drafts::refuse(std::string field, std::string why, std::string alternative) {
  refused_.push_back({std::move(field), std::move(why), std::move(alternative)});
}

Documents Drafts::finish(const desired::Facts& facts) && {
  const auto talos = facts.os_version ? desired::parse_version(*facts.os_version) : std::nullopt;
  Documents out{.refused = std::move(refused_)};
  for (auto& [key, draft] : drafts_) {
    const auto& [kind, name] = key;
    if (const auto minor = missing_until(kind, talos)) {
      for (const auto& field : draft.from)
        out.refused.push_back({field, fmt::format("Talos {} has no {} document", *facts.os_version, kind),
                               fmt::format("Talos 1.{} or later", *minor)});
      continue;
    }
    yaml::Node::Map members = {{.key = "apiVersion", .value = "v1alpha1"}, {.key = "kind", .value = kind}};
    if (!name.empty()) members.push_back({.key = "name", .value = name});
    std::ranges::move(draft.fields, std::back_inserter(members));
    out.documents.push_back({kind, name, print(members), draft.secret, std::move(draft.from)});
  }
  return out;
}

yaml::Node& at(yaml::Node::Map& map, const std::string& key) {
  const auto member = std::ranges::find(map, key, &yaml::Member::key);
  if (member != map.end()) return member->value;
  return map.emplace_back(yaml::Member{.key = key}).value;
}

std::string print(const yaml::Node::Map& document) {
  std::string out;
  for (const auto& member : document) {
    const auto* number = std::get_if<std::int64_t>(&member.value.value);
    if (member.key == "mode" && number != nullptr)
      out += fmt::format("mode: 0o{:o}\n", *number);
    else
      out += yaml::write(yaml::Node(yaml::Node::Map{member}));
  }
  return out;
}

}  // namespace gna::talos
