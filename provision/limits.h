// How much userdata a platform takes. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gna::provision {

// How the platform, and what reads the userdata there, takes compressed bytes.
enum class Compressed {
  binary,  // gzip as it is
  text,    // in base64: the platform's value is text, and the reader decodes it
  never,
};

struct Limit {
  std::string name = {};  // empty: a number was given
  std::size_t bytes = 0;
  Compressed compressed = Compressed::binary;
  bool operator==(const Limit&) const = default;
};

// "aws", or a number of bytes; nullopt: neither.
//
// Source: the vendors' documentation. Nova counts 65,535 characters of base64; KubeVirt by secretRef has a
//         Secret's size; Google's value is text and needs a second key to be decoded.
std::optional<Limit> parse_limit(std::string_view text);
const std::vector<Limit>& limits();

}  // namespace gna::provision
