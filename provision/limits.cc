#include "provision/limits.h"

#include <algorithm>
#include <charconv>

namespace gna::provision {

const std::vector<Limit>& limits() {
  static const std::vector<Limit> all = {
      {"aws", 16'384, Compressed::binary},   {"azure", 65'535, Compressed::binary},
      {"gcp", 262'144, Compressed::never},   {"openstack", 49'149, Compressed::binary},
      {"hetzner", 32'768, Compressed::text}, {"kubevirt", 1'048'576, Compressed::binary},
  };
  return all;
}

std::optional<Limit> parse_limit(std::string_view text) {
  if (const auto at = std::ranges::find(limits(), text, &Limit::name); at != limits().end()) return *at;
  Limit out;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), out.bytes);
  if (error != std::errc() || at != text.data() + text.size() || out.bytes == 0) return std::nullopt;
  return out;
}

}  // namespace gna::provision
