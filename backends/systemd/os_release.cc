#include "backends/systemd/os_release.h"

#include <cctype>

namespace gna::systemd {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The longest "12.3.4" at `from`, given up from the right until a word boundary follows.
std::size_t number_end(std::string_view text, std::size_t from) {
  std::size_t end = from;
  std::size_t good = from;
  while (end < text.size() && is_digit(text[end])) {
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end == text.size() || !is_word(text[end])) good = end;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1]))
      ++end;
    else
      break;
  }
  return good;
}

}  // namespace

std::optional<std::string> os_version(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  const auto at = os_release.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  auto name = os_release.substr(at + kKey.size());
  name = name.substr(0, name.find('\n'));
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_digit(name[i]) || (i > 0 && is_word(name[i - 1]))) continue;
    const auto end = number_end(name, i);
    if (end > i) return std::string(name.substr(i, end - i));
    while (i + 1 < name.size() && is_word(name[i + 1])) ++i;
  }
  return std::nullopt;
}

}  // namespace gna::systemd
