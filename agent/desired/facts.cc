#include "gna/desired/facts.h"

#include <charconv>

namespace gna::desired {

std::optional<Version> parse_version(std::string_view text) {
  text = text.substr(0, text.find_first_of("-+~"));
  std::string digits;
  for (const char c : text)
    if (c != 'v') digits += c;

  Version version;
  for (std::string_view rest = digits;;) {
    const auto dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size() || number < 0) return std::nullopt;
    version.parts.push_back(number);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  // The Go agent compares by semantic versions, which have three parts.
  if (version.parts.size() > 3) return std::nullopt;
  return version;
}

}  // namespace gna::desired
