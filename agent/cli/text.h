// Small pieces of text output that several commands share. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gna::cli {

// Control characters and invalid UTF-8 as \x1b, \r, ...: nothing that an OSC says can forge
// a line or steer a terminal. Line feed and tab stay only if `lines` is set.
std::string printable(std::string_view text, bool lines = false);

// 420 → "0644".
std::string octal(std::uint32_t mode);

// 90 ms → "90 ms", 12.3 s, 4 min 10 s.
std::string duration_text(std::chrono::milliseconds took);

// "1 file", "2 files".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace gna::cli
