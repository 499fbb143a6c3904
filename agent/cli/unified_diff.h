// Unified diffs (diff -u) of texts, bounded in time and memory. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gna::cli {

struct DiffLimits {
  std::size_t edits = 1000;        // beyond it the part that differs is shown as replaced as a whole
  std::size_t output_lines = 400;  // the rest is counted
  std::size_t context = 3;
};

// The hunks, without the two header lines; empty: no difference. Lines are made printable,
// so that a file with escape sequences cannot steer a terminal.
//
// Source: Myers, "An O(ND) Difference Algorithm and Its Variations" (1986).
std::string unified_diff(std::string_view before, std::string_view after, const DiffLimits& limits = {});

// No text: holds a NUL, or is no UTF-8.
bool is_binary(std::string_view bytes);

}  // namespace gna::cli
