#include "agent/cli/text.h"

#include <fmt/core.h>

#include "gna/base/utf8.h"

namespace gna::cli {
namespace {

// C1 controls, and the marks that turn the direction of text around (a path that reads
// other than it is).
bool is_steering(std::string_view sequence) {
  if (sequence.size() == 2 && sequence[0] == '\xc2') return static_cast<unsigned char>(sequence[1]) < 0xa0;
  if (sequence.size() != 3 || sequence[0] != '\xe2') return false;
  const auto tail = sequence.substr(1);
  return (tail >= "\x80\x8e" && tail <= "\x80\x8f") || (tail >= "\x80\xa8" && tail <= "\x80\xae") ||
         (tail >= "\x81\xa6" && tail <= "\x81\xa9");
}

}  // namespace

std::string printable(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool plain = length == 1 ? (first >= 0x20 && first != 0x7f) || (lines && (first == '\n' || first == '\t'))
                                   : length > 1 && !is_steering(text.substr(0, length));
    if (plain) {
      out.append(text, 0, length);
    } else if (first == '\n') {
      out += "\\n";
    } else if (first == '\r') {
      out += "\\r";
    } else if (first == '\t') {
      out += "\\t";
    } else {
      for (std::size_t i = 0; i < std::max<std::size_t>(length, 1); ++i)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string octal(std::uint32_t mode) { return fmt::format("{:04o}", mode); }

std::string duration_text(std::chrono::milliseconds took) {
  const auto ms = took.count();
  if (ms < 1000) return fmt::format("{} ms", ms);
  if (ms < 60'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  return fmt::format("{} min {} s", ms / 60'000, ms / 1000 % 60);
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace gna::cli
