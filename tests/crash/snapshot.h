// A directory tree as a value.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace gna::crash {

struct Entry {
  enum class Kind { file, directory, symlink } kind = Kind::file;
  std::uint32_t mode = 0;  // not of symlinks
  std::string bytes = {};  // of a file; a symlink's text
  bool operator==(const Entry&) const = default;
  auto operator<=>(const Entry&) const = default;
};

// Path below the root, with a leading slash → what is there. The root itself is not in it.
using Snapshot = std::map<std::string, Entry>;

Snapshot read_tree(const std::string& root);
// Makes the (empty or absent) directory hold exactly this.
void write_tree(const Snapshot& tree, const std::string& root);

// One line for each difference, "" if there is none: "/etc/x: mode 600, not 644".
std::string difference(const Snapshot& actual, const Snapshot& expected);

Snapshot filtered(Snapshot tree, const std::function<bool(const std::string& path, const Entry&)>& keep);

bool is_temp_file(const std::string& path);

}  // namespace gna::crash
