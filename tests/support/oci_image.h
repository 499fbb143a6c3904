// OCI images made by hand, byte by byte: for layouts on disk, for a registry, for what must be refused.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/tls_server.h"

namespace gna::support {

// One entry of a layer. Types as tar has them: '0' file, '1' hard link, '2' symlink, '5' directory, '6' FIFO.
struct Item {
  std::string name = {};
  std::string text = {};  // a file's bytes, a link's target
  char type = '0';
  unsigned mode = 0644;
};

using Layer = std::vector<Item>;

// Names over 100 bytes become pax records; the end is two zero blocks.
std::string tar(const Layer& layer);
std::string tar_header(const std::string& name, char type, std::string_view size_field, const std::string& link = {});
std::string gzip(std::string_view bytes);
std::string digest_of(std::string_view bytes);  // "sha256:…"

enum class Packing { plain, gzip };

struct ImageOptions {
  std::string architecture = {};  // empty: this machine's
  Packing packing = Packing::gzip;
};

struct Image {
  std::string digest = {};  // of the manifest or index
  std::string media_type = {};
  std::map<std::string, std::string> blobs = {};        // by digest; the manifest is among them
  std::map<std::string, std::string> media_types = {};  // of manifests and indexes, by digest
  std::vector<Layer> layers = {};                       // of a manifest
  std::vector<std::string> diff_ids = {};
  std::vector<Image> parts = {};  // of an index

  const std::string& manifest() const { return blobs.at(digest); }
};

Image make_image(const std::vector<Layer>& layers, const ImageOptions& options = {});
// From layers' blobs as they are.
Image make_image_of_blobs(const std::vector<std::string>& blobs, const std::vector<std::string>& diff_ids,
                          const std::string& architecture = {});

struct IndexEntry {
  Image image = {};
  std::string os = {};  // both empty: without a platform
  std::string architecture = {};
};
Image make_index(const std::vector<IndexEntry>& entries);

// Writes or extends an image layout.
class Layout {
 public:
  explicit Layout(std::string directory);
  void add(const std::string& reference, const Image& image);
  void write_blob(const std::string& digest, std::string_view bytes) const;
  std::string blob_path(const std::string& digest) const;

 private:
  std::string directory_;
  std::vector<std::string> entries_;
};

// Answers as a registry that holds these images: "repository:tag" → image.
HttpReply registry_reply(const std::map<std::string, Image>& images, const HttpRequest& request);

}  // namespace gna::support
