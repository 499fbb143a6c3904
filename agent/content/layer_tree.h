// The layers of an image laid over one another: where each path's bytes lie, without the bytes.
//
// Entries are applied in order, as containerd unpacks them: a parent that is a symlink leads, within the
// image, to where its entries go; a whiteout hides what lower layers brought, not its own layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/content/tar.h"
#include "gna/base/result.h"

namespace gna::content {

class LayerTree {
 public:
  // Where a regular file's bytes are: in which layer, at which offset of its tar stream.
  struct Place {
    std::size_t layer = 0;
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
    bool operator==(const Place&) const = default;
  };

  explicit LayerTree(std::size_t max_entries);

  void begin_layer();
  // Errors: Corrupt (a name that leads out of the image, an entry below a file, a hard link to nothing),
  //         InvalidArgument (too many entries, too deep).
  Result<void> add(const TarEntry& entry);

  // Symlinks are followed, within the image.
  // Errors: NotFound, InvalidArgument (no regular file, or a loop).
  Result<Place> find(std::string_view path) const;

 private:
  using Index = std::uint32_t;
  struct Node {
    TarEntry::Kind kind = TarEntry::Kind::directory;
    std::size_t layer = 0;
    Index parent = 0;
    std::uint32_t depth = 0;
    std::string link = {};
    Place place = {};
    std::map<std::string, Index, std::less<>> children = {};
  };
  enum class Missing { fail, make };

  Result<Index> walk(std::string_view path, bool follow_last, Missing missing);
  Result<Index> walk(std::string_view path, bool follow_last) const;
  Result<Index> put(Index parent, std::string_view name, Node node);
  void hide_children(Index directory);
  bool hide(Index parent, const std::string& name);

  std::size_t max_entries_;
  std::size_t layers_ = 0;
  std::vector<Node> nodes_;  // the first is the root; what was hidden stays here, unreachable
};

}  // namespace gna::content
