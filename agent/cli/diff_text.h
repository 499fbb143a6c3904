// A plan as text for people: what would change, with unified diffs of texts.
#pragma once

#include <functional>
#include <string>

#include "agent/cli/console.h"
#include "gna/plan/plan.h"

namespace gna::cli {

struct CurrentFile {
  bool exists = false;
  std::uint32_t mode = 0;
  bool secret = false;  // what lies there now was secret, whatever the wanted file is
  std::string bytes = {};
  bool too_large = false;  // to be shown; `bytes` is empty then
};
using ReadCurrent = std::function<CurrentFile(const std::string& path)>;

inline constexpr std::size_t kShownBytes = 1u << 20;  // of either side

// The lines below a step's own: a unified diff, hashes of a secret, sizes of what is no text. May be empty.
std::string content_change(const plan::WriteFile& write, bool secret, const CurrentFile& now, const Masker& masker);

// "mode 0600 becomes 0644" and a line feed, or empty.
std::string mode_change(const plan::WriteFile& write, const CurrentFile& now);

void print_plan(Console& console, const plan::Plan& plan, const ReadCurrent& read_current);

}  // namespace gna::cli
