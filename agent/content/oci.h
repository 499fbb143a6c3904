// The documents of an OCI image (Docker's schema 2 alike): index, manifest, config. Pure but for `read`.
//
// Source: OCI image specification 1.1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"

namespace gna::content::oci {

struct Descriptor {
  std::string media_type = {};
  std::string digest = {};  // "sha256:" and 64 hex digits: parsing refuses others
  std::uint64_t size_bytes = 0;
  std::string os = {};  // both empty: no platform given
  std::string architecture = {};
  std::string ref_name = {};  // org.opencontainers.image.ref.name
  bool operator==(const Descriptor&) const = default;
};

struct Image {
  Descriptor config = {};
  std::vector<Descriptor> layers = {};     // lowest first
  std::vector<std::string> diff_ids = {};  // as many as layers
};

bool is_sha256(std::string_view digest);

// The descriptors of an index.
// Errors: Corrupt, Unsupported (another digest algorithm).
Result<std::vector<Descriptor>> parse_index(std::string_view bytes);

// Hands out a verified blob.
using Read = std::function<Result<std::string>(const Descriptor&)>;

// Follows the target, an index or a manifest, to linux on this architecture. What the config says
// counts in the end: a single manifest of another architecture is refused, although containerd unpacks it.
// Errors: those of `read`, Corrupt, NotFound (no such platform).
Result<Image> resolve(const Descriptor& target, const Read& read, const std::string& architecture);

// The name of the snapshot with all layers applied. Empty without any layer.
std::string chain_id(const std::vector<std::string>& diff_ids);

// Where else a file may lie that is not at its path: images made by ko keep the agent below /ko-app.
std::optional<std::string> other_path(const std::string& path);

}  // namespace gna::content::oci
