// Files out of an OCI image layout on disk: for machine images and tests, no containerd, no network.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/containerd/pull.h"
#include "gna/backend/content_source.h"

namespace gna::content {

struct LayoutOptions {
  std::string architecture = containerd::host_architecture();
  // Bounds on what a hostile or broken image may cost.
  std::uint64_t document_bytes = 4u << 20;     // an index, a manifest, a config
  std::uint64_t unpacked_bytes = 16ull << 30;  // of one layer
  std::size_t entries = 1'000'000;             // of all layers of an image
};

// The directory as `skopeo copy … oci:DIR:REF` or `buildah push … oci:DIR:REF` write it. An image is found by its
// org.opencontainers.image.ref.name, or by the digest in its reference; indexes may nest. Every blob that
// is read is held against its digest, and no byte is handed out before its layer has passed. Layers: tar,
// plain or gzip; zstd is refused by name.
//
// The layers are laid over one another as containerd unpacks them: symlinks and hard links stay inside
// the image, whiteouts hide what lower layers brought. The path is looked up in the result.
//
// Errors of open(): NotFound (image, platform, file), Corrupt (digest, gzip, tar), InvalidArgument (not a
//   regular file, over a bound), Unsupported (compression), DeadlineExceeded.
// Threads: one at a time.
std::unique_ptr<backend::ContentSource> from_image_layout(std::string directory, LayoutOptions options = {});

}  // namespace gna::content
