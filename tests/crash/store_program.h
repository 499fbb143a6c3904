// What the program in store_program.cc writes.
#pragma once

#include <array>
#include <string>

#include "gna/base/digest.h"
#include "gna/plan/applied.h"
#include "gna/store/store.h"

namespace gna::crash {

// Enough of them for one sync of the whole file system.
inline const std::array<std::string, 6> kFiles = {"/etc/a/1", "/etc/a/2", "/etc/b/1", "/etc/b/2", "/opt/x/y", "/opt/z"};
inline const std::string kSingleFile = "/etc/single/file";

inline std::string content_of(const std::string& path, const std::string& number) {
  return path + " of run " + number + "\n";
}
inline plan::AppliedFile applied_file(const std::string& path, const std::string& number) {
  return {.mode = 0640, .sha256 = sha256_hex(content_of(path, number))};
}
inline store::ChangesFile changes_of(const std::string& number, bool restart) {
  store::ChangesFile out{.checksum = number};
  if (restart) out.unit_commands.push_back({.name = "a.service", .command = "restart"});
  return out;
}

}  // namespace gna::crash
