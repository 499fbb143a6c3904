#include "backends/systemd/unit_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "backends/systemd/paths.h"
#include "backends/systemd/unit_name.h"

namespace gna::systemd {

namespace {

constexpr int kMostLinks = 64;

std::string parent_of(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }
std::string last_of(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string absolute(const std::string& link, const std::string& target) {
  const auto whole =
      target.starts_with('/') ? std::filesystem::path(target) : std::filesystem::path(parent_of(link)) / target;
  auto clean = whole.lexically_normal().string();
  // More ".." than there are folders end at the root.
  while (clean.starts_with("/../")) clean.erase(0, 3);
  return clean;
}

bool is_runtime(std::string_view directory) { return is_below(directory, "/run"); }
bool is_generated(const std::string& path) {
  return is_below(path, "/run/systemd/generator") || is_below(path, "/run/systemd/generator.early") ||
         is_below(path, "/run/systemd/generator.late");
}

bool is_dependency_folder(std::string_view name) {
  return name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds");
}

// Whether a link of this name is one that enabling the unit makes.
bool is_own_name(const UnitFile& unit, const std::string& link) {
  if (link == unit.name || std::ranges::find(unit.install.aliases, link) != unit.install.aliases.end()) return true;
  return unit.install.default_instance && is_template(unit.name) &&
         link == instantiate(unit.name, *unit.install.default_instance);
}

enum class Names { own, all };

// The word that the symlinks to a unit make, or none. Source: find_symlinks_in_scope().
std::string word_of_links(const UnitFile& unit, const std::vector<UnitLink>& links, Names names) {
  bool linked = false, linked_in_run = false, enabled_in_run = false, enabled_elsewhere = false;
  // Below the unit file other units of its name mean nothing: it hides them.
  bool hidden = false;
  for (const auto& directory : unit_search_path()) {
    bool enabled = false, same_name = false;
    for (const auto& link : links) {
      if (link.search_directory != directory) continue;
      const bool counts = names == Names::all || is_own_name(unit, link.name);
      if (parent_of(link.path) != directory) {
        // In .wants and the like the name alone tells who is wanted.
        const bool is_instance_of = is_instance(link.name) && template_of(link.name) == unit.name;
        if (counts && (link.name == unit.name || is_instance_of)) enabled = true;
        continue;
      }
      const bool is_named_so = !hidden && link.name == unit.name;
      const bool leads_there = link.target_name == unit.name;
      if (is_named_so && leads_there)
        same_name = true;
      else if (counts && (is_named_so || leads_there))
        enabled = true;
    }
    if (enabled && directory == kUnitDirectory) return "enabled";
    if (enabled)
      (is_runtime(directory) ? enabled_in_run : enabled_elsewhere) = true;
    else if (same_name && directory == kUnitDirectory)
      linked = true;
    else if (same_name && is_runtime(directory))
      linked_in_run = true;
    if (is_below(unit.path, directory)) hidden = true;
  }
  if (enabled_in_run) return "enabled-runtime";
  // An alias in /usr enables nothing, but an instance there is meant to run.
  if (enabled_elsewhere && is_instance(unit.name)) return "static";
  if (linked) return "linked";
  if (linked_in_run) return "linked-runtime";
  return {};
}

}  // namespace

const std::vector<std::string>& unit_search_path() {
  static const std::vector<std::string> path = {
      "/etc/systemd/system.control",   "/run/systemd/system.control",  "/run/systemd/transient",
      "/run/systemd/generator.early",  std::string(kUnitDirectory),    "/etc/systemd/system.attached",
      "/run/systemd/system",           "/run/systemd/system.attached", "/run/systemd/generator",
      "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",      "/lib/systemd/system",
      "/run/systemd/generator.late",
  };
  return path;
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool is_in_search_path(const std::string& path) {
  return std::ranges::find(unit_search_path(), parent_of(path)) != unit_search_path().end();
}

Result<void> UnitTree::remember() {
  std::map<std::string, std::vector<std::string>> listed;
  // Where /lib is /usr/lib, its units have been seen there.
  GNA_LET(lib, root_.look("/lib", false));
  for (const auto& directory : unit_search_path()) {
    if (lib.kind == observed::FileKind::symlink && is_below(directory, "/lib")) continue;
    auto names = root_.list(directory);
    if (names)
      listed[directory] = std::move(*names);
    else if (names.error().code != Code::NotFound && names.error().code != Code::Conflict)
      return std::unexpected(std::move(names).error());
  }
  listed_ = std::move(listed);
  return {};
}

bool UnitTree::may_hold(const std::string& directory, const std::string& name) const {
  if (!listed_) return true;
  const auto names = listed_->find(directory);
  return names != listed_->end() && std::ranges::binary_search(names->second, name);
}

Result<UnitFile> UnitTree::load(const std::string& name, const std::string& path) const {
  GNA_LET(there, root_.look(path, false));
  UnitFile unit = {.name = name, .path = path};
  if (there.kind == observed::FileKind::regular) {
    if (there.size_bytes == 0) {
      unit.kind = UnitFile::Kind::masked;
      return unit;
    }
    GNA_LET(text, root_.read(path));
    read_install_section(text, name, unit.install);
    return unit;
  }
  if (there.kind != observed::FileKind::symlink) return fail(Code::NotFound, path + ": no unit file");

  GNA_LET(target, root_.read_link(path));
  unit.target = absolute(path, target);
  const auto at_target = root_.look(unit.target, false);
  if (unit.target == "/dev/null" ||
      (at_target && at_target->kind == observed::FileKind::regular && at_target->size_bytes == 0))
    unit.kind = UnitFile::Kind::masked;
  else
    unit.kind = is_in_search_path(unit.target) ? UnitFile::Kind::alias : UnitFile::Kind::linked;
  // A link to the template's file bears the instance's name.
  if (unit.kind == UnitFile::Kind::alias && !is_alias_fit(last_of(path), last_of(unit.target)))
    return fail(Code::Conflict, path + ": no alias of " + last_of(unit.target));
  return unit;
}

Result<void> UnitTree::load_drop_ins(UnitFile& unit) const {
  std::vector<std::string> folders = {unit.name + ".d"};
  if (is_instance(unit.name)) folders.push_back(template_of(unit.name) + ".d");
  std::map<std::string, std::string> files;  // by name, since the first of a name hides the others
  for (const auto& folder : folders) {
    for (const auto& directory : unit_search_path()) {
      if (!may_hold(directory, folder)) continue;
      const auto path = path_in(directory, folder);
      const auto names = root_.list(path);
      if (!names) {
        if (names.error().code == Code::NotFound || names.error().code == Code::Conflict) continue;
        return std::unexpected(names.error());
      }
      for (const auto& name : *names)
        if (name.ends_with(".conf")) files.emplace(name, path_in(path, name));
    }
  }
  for (const auto& [name, path] : files) {
    const auto text = root_.read(path);
    if (text) read_install_section(*text, unit.name, unit.install);
    // A link to /dev/null is how a drop-in is taken out.
    else if (text.error().code != Code::NotFound && text.error().code != Code::Conflict)
      return std::unexpected(text.error());
  }
  return {};
}

Result<UnitFile> UnitTree::find(const std::string& name) const {
  std::vector<std::string> names = {name};
  if (is_instance(name)) names.push_back(template_of(name));
  for (const auto& candidate : names) {
    for (const auto& directory : unit_search_path()) {
      if (!may_hold(directory, candidate)) continue;
      auto unit = load(name, path_in(directory, candidate));
      if (!unit && unit.error().code == Code::NotFound) continue;
      if (unit && unit->kind != UnitFile::Kind::masked) GNA_TRY(load_drop_ins(*unit));
      return unit;
    }
  }
  return fail(Code::NotFound, name + ": no such unit file");
}

Result<UnitFile> UnitTree::resolve(const std::string& name, Aliases aliases) const {
  GNA_LET(first, find(name));
  auto unit = std::move(first);
  for (int i = 0; i < kMostLinks; ++i) {
    if (unit.kind != UnitFile::Kind::alias && unit.kind != UnitFile::Kind::linked) return unit;
    auto next = last_of(unit.target);
    const bool is_of_template = is_instance(unit.name) && is_template(next);
    if (is_of_template) next = instantiate(next, unit_instance(unit.name));
    if (unit.kind == UnitFile::Kind::alias && next == unit.name && !is_of_template)
      return fail(Code::Conflict, unit.path + ": leads to a file of its own name in the search path");
    if (unit.kind == UnitFile::Kind::linked || next == unit.name) {
      // Another place, the same unit.
      auto followed = load(unit.name, unit.target);
      if (!followed) return std::unexpected(std::move(followed).error());
      GNA_TRY(load_drop_ins(*followed));
      unit = std::move(*followed);
      continue;
    }
    if (aliases == Aliases::of_vendors && (is_below(unit.path, "/etc") || is_below(unit.path, "/run")))
      return fail(Code::Conflict, unit.path + ": an alias of " + next);
    auto other = find(next);
    if (!other && other.error().code == Code::NotFound)
      return fail(Code::Conflict, unit.path + ": leads to " + next + ", which is not there");
    if (!other) return other;
    unit = std::move(*other);
  }
  return fail(Code::Conflict, name + ": too many symlinks");
}

Result<std::string> UnitTree::follow(const std::string& link) const {
  auto path = link;
  for (int i = 0; i < kMostLinks; ++i) {
    const auto target = root_.read_link(path);
    if (!target) return path;
    path = absolute(path, *target);
  }
  return fail(Code::Conflict, link + ": too many symlinks");
}

Result<std::vector<UnitLink>> UnitTree::links() const {
  std::vector<UnitLink> out;
  const auto scan = [&](const std::string& search_directory, const std::string& directory,
                        std::vector<std::string>* folders) -> Result<void> {
    const auto names = root_.list(directory);
    if (!names) {
      if (names.error().code == Code::NotFound || names.error().code == Code::Conflict) return {};
      return std::unexpected(names.error());
    }
    for (const auto& name : *names) {
      const auto path = path_in(directory, name);
      GNA_LET(there, root_.look(path, false));
      if (there.kind == observed::FileKind::directory && folders != nullptr && is_dependency_folder(name))
        folders->push_back(path);
      if (there.kind != observed::FileKind::symlink) continue;
      GNA_LET(target, root_.read_link(path));
      out.push_back({search_directory, path, name, last_of(absolute(path, target))});
    }
    return {};
  };
  for (const auto& directory : unit_search_path()) {
    if (listed_ && !listed_->contains(directory)) continue;
    std::vector<std::string> folders;
    GNA_TRY(scan(directory, directory, &folders));
    for (const auto& folder : folders) GNA_TRY(scan(directory, folder, nullptr));
  }
  return out;
}

Result<std::string> UnitTree::enablement(const std::string& name, const std::vector<UnitLink>& links) const {
  const auto found = resolve(name, Aliases::all);
  if (!found) {
    if (found.error().code == Code::NotFound || found.error().code == Code::Conflict) return std::string();
    return std::unexpected(found.error());
  }
  const auto& unit = *found;
  if (unit.kind == UnitFile::Kind::masked) return std::string(is_runtime(unit.path) ? "masked-runtime" : "masked");
  if (last_of(unit.path) != name && !is_instance(unit.name)) return std::string("alias");
  if (is_generated(unit.path)) return std::string("generated");
  if (is_below(unit.path, "/run/systemd/transient")) return std::string("transient");
  if (auto word = word_of_links(unit, links, Names::own); !word.empty()) return word;
  if (!word_of_links(unit, links, Names::all).empty()) return std::string("indirect");
  if (unit.install.has_rules()) return std::string("disabled");
  return std::string(unit.install.also.empty() ? "static" : "indirect");
}

bool UnitTree::is_same_file(const std::string& a, const std::string& b) const {
  if (a == b) return true;
  const auto one = root_.open_read(a);
  const auto other = root_.open_read(b);
  struct stat first = {}, second = {};
  return one && other && ::fstat(one->get(), &first) == 0 && ::fstat(other->get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace gna::systemd
