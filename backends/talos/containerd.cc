#include <algorithm>
#include <array>
#include <string_view>

#include "agent/yaml/reader.h"
#include "backends/talos/sections.h"
#include "backends/talos/toml.h"

namespace gna::talos {

namespace {

constexpr const char* kField = "spec.criConfig.containerd";
constexpr const char* kOldCri = "io.containerd.grpc.v1.cri";
constexpr const char* kRuntime = "io.containerd.cri.v1.runtime";
constexpr const char* kImages = "io.containerd.cri.v1.images";

using yaml::Node;

// Whatever is no table on the way becomes one, as upstream does at the end of a path.
Node::Map& table_at(Node::Map& root, const std::vector<std::string>& path) {
  auto* map = &root;
  for (const auto& key : path) {
    auto& node = at(*map, key);
    if (node.map() == nullptr) node = Node::Map{};
    map = node.map();
  }
  return *map;
}

// Talos runs containerd 2. Of the old plugin's settings only the runtimes moved as they are.
bool translate(std::vector<std::string>& path) {
  static constexpr std::array<std::string_view, 3> kRuntimes = {kOldCri, "containerd", "runtimes"};
  if (path.empty() || path[0] != kOldCri) return true;
  if (path.size() < kRuntimes.size() || !std::equal(kRuntimes.begin(), kRuntimes.end(), path.begin())) return false;
  path[0] = kRuntime;
  return true;
}

class Plugins {
 public:
  explicit Plugins(Drafts& out) : out_(out) {}

  void add(const desired::PluginPatch& patch, const std::string& field) {
    auto path = patch.path;
    if (!translate(path)) {
      out_.refuse(field, std::string("containerd 2 has no plugin ") + kOldCri,
                  std::string("the same settings below ") + kRuntime + " or " + kImages);
      return;
    }
    if (patch.remove) {
      out_.refuse(field, "parts of the configuration are merged, so nothing can be taken away from Talos' own",
                  "a value that switches it off");
      return;
    }
    const auto values = patch.values ? yaml::read(*patch.values) : yaml::Document{.root = Node::Map{}};
    const auto* map = values ? values->root.map() : nullptr;
    if (map == nullptr || !to_toml(*map)) {
      out_.refuse(field + ".values", "has no form in TOML", "no null in a list, no number beyond 64 bits");
      return;
    }
    auto& table = table_at(plugins_, path);
    for (const auto& member : *map) {
      if (member.value.kind() == yaml::Kind::null)
        out_.refuse(field + ".values", "null takes " + member.key + " away, and Talos' own settings stay",
                    "a value for " + member.key);
      else
        at(table, member.key) = member.value;
    }
    from_.insert(field);
  }

  void sandbox(const std::string& image) {
    at(table_at(plugins_, {kImages, "pinned_images"}), "sandbox") = image;
    from_.insert(std::string(kField) + ".sandboxImage");
  }

  void finish() {
    if (from_.empty()) return;
    const auto toml = to_toml({{.key = "plugins", .value = std::move(plugins_)}});
    for (const auto& field : from_) out_.document("CRICustomizationConfig", "gardener", field);
    out_.document("CRICustomizationConfig", "gardener", *from_.begin()).fields = {
        {.key = "content", .value = toml.value_or("")}};
  }

 private:
  Drafts& out_;
  Node::Map plugins_;
  std::set<std::string> from_;
};

}  // namespace

void draft_containerd(Drafts& out, const desired::State& wanted) {
  if (!wanted.containerd) return;
  const auto& containerd = *wanted.containerd;
  if (containerd.systemd_cgroup == true)
    out.refuse("spec.criConfig.cgroupDriver", "Talos has no systemd, its containers use cgroupfs", "cgroupfs");
  Plugins plugins(out);
  if (!containerd.sandbox_image.empty()) plugins.sandbox(containerd.sandbox_image);
  for (std::size_t i = 0; i < containerd.plugins.size(); ++i)
    plugins.add(containerd.plugins[i], std::string(kField) + ".plugins[" + std::to_string(i) + "]");
  plugins.finish();
}

}  // namespace gna::talos
