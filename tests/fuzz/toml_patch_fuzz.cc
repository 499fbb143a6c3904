// A node's config.toml and the plugin entries of two OSCs: no bytes may bring the patch down, what it
// writes has to be TOML, and what is not ours has to be there afterwards as it was before.
//
// Input: the file, then for each OSC a line "%%" and its entries, one a line: elements of the path
// separated by '/', and then a blank and the values as JSON, or "!" for remove, or nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/toml.h"

namespace {

using namespace gna::containerd;
using Path = std::vector<std::string>;

void expect(bool holds) {
  if (!holds) std::abort();
}

std::string_view cut(std::string_view& text, std::string_view at) {
  const auto end = text.find(at);
  const auto head = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + at.size());
  return head;
}

gna::desired::Containerd settings_from(std::string_view text) {
  gna::desired::Containerd out = {.sandbox_image = "pause:3.10"};
  while (!text.empty()) {
    auto line = cut(text, "\n");
    auto path = cut(line, " ");
    gna::desired::PluginPatch plugin = {.remove = line == "!"};
    while (!path.empty()) plugin.path.emplace_back(cut(path, "/"));
    if (!plugin.remove && !line.empty()) plugin.values = std::string(line);
    out.systemd_cgroup = plugin.path.size() % 2 == 0;
    if (!plugin.path.empty()) out.plugins.push_back(std::move(plugin));
  }
  return out;
}

enum class Relation { apart, above, within };

// How does `path` lie to what we patch?
Relation relation(const Path& path, const std::vector<Path>& ours) {
  auto out = Relation::apart;
  for (const auto& patched : ours) {
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(path, patched).in1 - path.begin());
    if (common == patched.size()) return Relation::within;
    if (common == path.size()) out = Relation::above;
  }
  return out;
}

void expect_same_apart_from(const std::vector<Path>& ours, const toml::Table& before, const toml::Table& after,
                            Path& at) {
  static const toml::Table kNothing;
  toml::Table names = before;
  names.insert(after.begin(), after.end());
  for (const auto& [name, unused] : names) {
    at.push_back(name);
    const auto was = before.find(name);
    const auto is = after.find(name);
    const auto where = relation(at, ours);
    if (where == Relation::apart) {
      expect(was != before.end() && is != after.end() && was->second == is->second);
    } else if (where == Relation::above) {
      // A table on the way may have been made, a value there been replaced: only by one of the ours.
      const auto* old_table = was == before.end() ? &kNothing : was->second.table();
      const auto* new_table = is == after.end() ? &kNothing : is->second.table();
      if (old_table != nullptr && new_table != nullptr) expect_same_apart_from(ours, *old_table, *new_table, at);
    }
    at.pop_back();
  }
}

std::vector<Path> patched_by(const gna::desired::Containerd& settings) {
  std::vector<Path> out = {{"imports"}};
  for (const char* plugin :
       {"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"})
    for (const Path& below : {Path{"sandbox_image"}, Path{"pinned_images", "sandbox"}, Path{"registry", "config_path"},
                              Path{"cni", "bin_dir"}, Path{"cni", "bin_dirs"},
                              Path{"containerd", "runtimes", "runc", "options", "SystemdCgroup"}}) {
      Path path = {"plugins", plugin};
      path.insert(path.end(), below.begin(), below.end());
      out.push_back(path);
    }
  for (const auto& plugin : settings.plugins) {
    Path path = {"plugins"};
    path.insert(path.end(), plugin.path.begin(), plugin.path.end());
    out.push_back(path);
    if (path.size() > 1 && path[1] == "io.containerd.grpc.v1.cri") {
      path[1] = "io.containerd.cri.v1.runtime";
      out.push_back(path);
    }
  }
  return out;
}

void edit(Originals& originals, const OriginalsEdit& edits) {
  for (const auto& [key, value] : edits) {
    if (value)
      originals[key] = *value;
    else
      originals.erase(key);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string original(cut(rest, "\n%%\n"));
  const auto before = toml::parse(original);
  if (before) expect(toml::parse(toml::write(*before)).value() == *before);
  (void)config_version(original);

  std::string file = original;
  Originals originals;
  std::optional<gna::desired::Containerd> applied;
  do {
    const auto wanted = settings_from(cut(rest, "\n%%\n"));
    const auto containerd = gna::desired::Version{{2, static_cast<int>(wanted.plugins.size() % 4)}};
    const auto patched = patch_config(file, wanted, containerd, applied, originals);
    if (!patched) {
      expect(patched.error().code == gna::Code::InvalidArgument);
      continue;
    }
    const auto is = toml::parse(patched->toml);
    expect(is.has_value());
    expect(patched->changed || patched->toml == file);
    if (!applied) {
      Path at;
      expect_same_apart_from(patched_by(wanted), *before, *is, at);
    }
    edit(originals, patched->originals);
    edit(originals, patched->originals_after);
    file = patched->toml;
    applied = wanted;
    expect(!patch_config(file, wanted, containerd, applied, originals)->changed);
  } while (!rest.empty());

  if (!applied) return 0;
  const auto restored = restore_config(file, *applied, originals);
  expect(restored.has_value());
  expect(toml::parse(restored->toml).value() == *before);
  return 0;
}
