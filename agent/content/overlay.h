// A snapshot view's overlay options as mount(2) takes them. Pure.
#pragma once

#include <string>
#include <vector>

#include "gna/base/result.h"

namespace gna::content {

struct Overlay {
  std::string directory = {};  // lower directories are relative to it
  unsigned long flags = 0;     // MS_*
  std::string data = {};       // comma-separated, below 4096 bytes
  bool operator==(const Overlay&) const = default;
};

// Errors: Unsupported (not a read-only view: upperdir; no lowerdir), InvalidArgument (too many layers).
Result<Overlay> parse_overlay(const std::vector<std::string>& options);

}  // namespace gna::content
