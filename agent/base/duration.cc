#include "gna/base/duration.h"

#include <cctype>
#include <charconv>
#include <cmath>

namespace gna {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  double total_ms = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double number = 0;
    if (std::isdigit(static_cast<unsigned char>(text[0])) == 0)
      return std::nullopt;  // from_chars would take "-1", "inf"
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    double unit_ms = 0;
    std::size_t length = 1;
    if (text.starts_with("ms")) {
      unit_ms = 1;
      length = 2;
    } else if (text.starts_with('s')) {
      unit_ms = 1000;
    } else if (text.starts_with('m')) {
      unit_ms = 60'000;
    } else if (text.starts_with('h')) {
      unit_ms = 3'600'000;
    } else {
      return std::nullopt;
    }
    text.remove_prefix(length);
    total_ms += number * unit_ms;
  }
  constexpr double kYear = 365.0 * 24 * 3'600'000;
  if (!(total_ms >= 1) || total_ms > kYear) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(total_ms)));
}

}  // namespace gna
