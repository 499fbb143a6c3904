#include "agent/content/layer_tree.h"

#include <deque>
#include <optional>
#include <utility>

namespace gna::content {

namespace {

constexpr int kSymlinks = 255;
constexpr std::uint32_t kDepth = 512;  // hide() descends by recursion
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

// Without "." and "..", taken as text. nullopt: it leads out of the image.
std::optional<std::vector<std::string_view>> clean(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<std::string_view> out;
  for (const auto part : split(path)) {
    if (part != "..") {
      out.push_back(part);
    } else if (out.empty()) {
      return std::nullopt;
    } else {
      out.pop_back();
    }
  }
  return out;
}

std::string join(const std::vector<std::string_view>& parts) {
  std::string out;
  for (const auto part : parts) out.append("/").append(part);
  return out;
}

std::unexpected<Error> corrupt(std::string what) { return fail(Code::Corrupt, "layer: " + std::move(what)); }

}  // namespace

LayerTree::LayerTree(std::size_t max_entries) : max_entries_(max_entries), nodes_(1) {}

void LayerTree::begin_layer() { ++layers_; }

Result<LayerTree::Index> LayerTree::walk(std::string_view path, bool follow_last) const {
  // Nothing is made, so nothing is changed.
  return const_cast<LayerTree*>(this)->walk(path, follow_last, Missing::fail);
}

Result<LayerTree::Index> LayerTree::walk(std::string_view path, bool follow_last, Missing missing) {
  std::deque<std::string> pending;
  for (const auto part : split(path)) pending.emplace_back(part);
  Index at = 0;
  int symlinks = 0;
  while (!pending.empty()) {
    const std::string part = std::move(pending.front());
    pending.pop_front();
    if (nodes_[at].kind != TarEntry::Kind::directory)
      return missing == Missing::make ? corrupt("an entry below a file, " + std::string(path))
                                      : fail(Code::NotFound, std::string(path) + " is not in the image");
    if (part == "..") {
      at = nodes_[at].parent;
      continue;
    }
    const auto child = nodes_[at].children.find(part);
    if (child == nodes_[at].children.end()) {
      if (missing == Missing::fail) return fail(Code::NotFound, std::string(path) + " is not in the image");
      GNA_LET(made, put(at, part, {}));
      at = made;
      continue;
    }
    const Node& node = nodes_[child->second];
    if (node.kind != TarEntry::Kind::symlink || (pending.empty() && !follow_last)) {
      at = child->second;
      continue;
    }
    if (++symlinks > kSymlinks)
      return fail(Code::InvalidArgument, std::string(path) + ": too many symlinks in the image");
    const auto parts = split(node.link);
    pending.insert(pending.begin(), parts.begin(), parts.end());
    if (node.link.starts_with('/')) at = 0;
  }
  return at;
}

Result<LayerTree::Index> LayerTree::put(Index parent, std::string_view name, Node node) {
  if (nodes_.size() >= max_entries_)
    return fail(Code::InvalidArgument, "layer: more than " + std::to_string(max_entries_) + " entries");
  node.layer = layers_;
  node.parent = parent;
  node.depth = nodes_[parent].depth + 1;
  if (node.depth > kDepth)
    return fail(Code::InvalidArgument, "layer: folders nested more than " + std::to_string(kDepth) + " deep");
  const auto index = static_cast<Index>(nodes_.size());
  nodes_.push_back(std::move(node));
  nodes_[parent].children.insert_or_assign(std::string(name), index);
  return index;
}

void LayerTree::hide_children(Index directory) {
  std::vector<std::string> names;
  for (const auto& [name, index] : nodes_[directory].children) names.push_back(name);
  for (const auto& name : names) hide(directory, name);
}

// Hides what lower layers brought. True: something of this layer is left.
bool LayerTree::hide(Index parent, const std::string& name) {
  const auto child = nodes_[parent].children.find(name);
  if (child == nodes_[parent].children.end()) return false;
  const Index index = child->second;
  hide_children(index);
  if (nodes_[index].layer == layers_ || !nodes_[index].children.empty()) return true;
  nodes_[parent].children.erase(name);
  return false;
}

Result<void> LayerTree::add(const TarEntry& entry) {
  auto parts = clean(entry.name);
  if (!parts) return corrupt("a name that leads out of the image");
  if (parts->empty()) return {};  // the root itself
  const std::string name(parts->back());
  parts->pop_back();
  const std::string directory = join(*parts);

  if (name.starts_with(kWhiteout)) {
    const auto parent = walk(directory, true);
    if (!parent) return {};  // nothing there to be hidden
    if (name == kOpaque)
      hide_children(*parent);
    else if (!name.starts_with(".wh..wh."))  // aufs' own notes
      hide(*parent, name.substr(kWhiteout.size()));
    return {};
  }

  GNA_LET(parent, walk(directory, true, Missing::make));
  if (nodes_[parent].kind != TarEntry::Kind::directory)
    return corrupt("an entry below a file, " + directory + "/" + name);
  if (entry.kind == TarEntry::Kind::directory) {
    const auto there = nodes_[parent].children.find(name);
    if (there != nodes_[parent].children.end() && nodes_[there->second].kind == TarEntry::Kind::directory) {
      nodes_[there->second].layer = layers_;  // its children stay
      return {};
    }
  }
  Node node{.kind = entry.kind,
            .link = entry.link,
            .place = {.layer = layers_ - 1, .offset = entry.data_offset, .size_bytes = entry.size_bytes}};
  if (entry.kind == TarEntry::Kind::hard_link) {
    const auto target_parts = clean(entry.link);
    if (!target_parts) return corrupt("a hard link that leads out of the image");
    const auto target = walk(join(*target_parts), false);
    if (!target || nodes_[*target].kind == TarEntry::Kind::directory)
      return corrupt("a hard link to nothing, " + directory + "/" + name);
    node.kind = nodes_[*target].kind;
    node.link = nodes_[*target].link;
    node.place = nodes_[*target].place;
  }
  GNA_TRY(put(parent, name, std::move(node)));
  return {};
}

Result<LayerTree::Place> LayerTree::find(std::string_view path) const {
  GNA_LET(index, walk(path, true));
  if (nodes_[index].kind != TarEntry::Kind::file)
    return fail(Code::InvalidArgument, std::string(path) + " is not a regular file in the image");
  return nodes_[index].place;
}

}  // namespace gna::content
