// What the node is, so far as an OSC cares.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gna::desired {

// Parsed as containerd and the Go agent compare: letters v dropped, cut at the
// first '-', '+' or '~'.
struct Version {
  std::vector<int> parts = {};
  auto operator<=>(const Version&) const = default;
};
std::optional<Version> parse_version(std::string_view text);

struct Facts {
  std::string host_name = {};                  // lower case
  std::optional<std::string> os_version = {};  // first number of PRETTY_NAME in /etc/os-release
  std::optional<Version> containerd = {};      // unknown: containerd did not answer
  bool live = true;                            // false: an offline tree (--root)
};

}  // namespace gna::desired
