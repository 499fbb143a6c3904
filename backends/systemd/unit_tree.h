// Unit files in a tree: where they lie, what kind they are, which symlinks lead to them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fs/root_fs.h"
#include "backends/systemd/install_section.h"

namespace gna::systemd {

// Directories of unit files, the earlier ones win. Source: systemd.unit(5), table 1.
const std::vector<std::string>& unit_search_path();
bool is_in_search_path(const std::string& path);
bool is_below(std::string_view path, std::string_view directory);

struct UnitFile {
  enum class Kind {
    regular,
    masked,  // a link to /dev/null, or empty
    linked,  // a link to a file outside of the search path
    alias,   // a link to another unit
  };
  std::string name = {};  // as asked for; of an instance its own, though the file is the template's
  std::string path = {};  // of the file or link; of a linked one that was followed, of what it leads to
  Kind kind = Kind::regular;
  std::string target = {};  // of linked and alias: absolute
  InstallSection install = {};
};

// A symlink in a directory of the search path, or in one of its .wants, .requires, .upholds.
struct UnitLink {
  std::string search_directory = {};
  std::string path = {};
  std::string name = {};         // last component
  std::string target_name = {};  // last component of where it leads
};

class UnitTree {
 public:
  explicit UnitTree(const fs::RootFs& root) : root_(root) {}

  // Lists the search path once, for many questions about a tree that stays as it is.
  Result<void> remember();
  void forget() { listed_.reset(); }

  // The file that counts, with its drop-ins' [Install].
  // Errors: NotFound, if there is none; Conflict: a link to a unit that cannot have this name.
  Result<UnitFile> find(const std::string& name) const;

  enum class Aliases {
    all,
    of_vendors,  // not those in /etc and /run, which enabling made
  };
  // Follows aliases and links to the unit that they mean.
  // Errors: NotFound; Conflict, if links go in circles or lead nowhere, or are aliases that don't count.
  Result<UnitFile> resolve(const std::string& name, Aliases aliases) const;

  // All symlinks in the search path, in its order.
  Result<std::vector<UnitLink>> links() const;

  // Where a symlink leads in the end, even if nothing is there.
  // Errors: Conflict: in circles.
  Result<std::string> follow(const std::string& link) const;

  // "enabled", "static", …, as `systemctl --root is-enabled` says; empty if there is no such file.
  Result<std::string> enablement(const std::string& name, const std::vector<UnitLink>& links) const;

  bool is_same_file(const std::string& a, const std::string& b) const;

 private:
  Result<UnitFile> load(const std::string& name, const std::string& path) const;
  Result<void> load_drop_ins(UnitFile& unit) const;

  // Whether it pays to look: false if remembered otherwise.
  bool may_hold(const std::string& directory, const std::string& name) const;

  const fs::RootFs& root_;
  std::optional<std::map<std::string, std::vector<std::string>>> listed_ = {};  // names are sorted
};

}  // namespace gna::systemd
