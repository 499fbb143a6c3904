#include "backends/systemd/offline.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "backends/systemd/paths.h"
#include "backends/systemd/unit_name.h"
#include "backends/systemd/unit_tree.h"

namespace gna::systemd {

namespace {

// A symlink that enabling makes.
struct Wanted {
  std::string path = {};
  std::string target = {};
};

// The symlinks of units' names below /etc/systemd/system, by path: where each leads in the end.
// One that goes in a circle leads to "".
using Links = std::map<std::string, std::string>;

// "x.target.wants/a.service": the old way to write WantedBy=x.target.
bool is_dependency_alias_fit(const std::string& alias, const std::string& unit) {
  const auto slash = alias.rfind('/');
  auto folder = alias.substr(0, slash);
  const auto name = alias.substr(slash + 1);
  if (folder.ends_with(".wants"))
    folder.resize(folder.size() - 6);
  else if (folder.ends_with(".requires"))
    folder.resize(folder.size() - 9);
  else
    return false;
  if (!is_unit_name(folder)) return false;
  if (name == unit) return true;
  return is_template(unit) && is_instance(name) && template_of(name) == unit;
}

class OfflineUnitManager final : public UnitManager {
 public:
  explicit OfflineUnitManager(const fs::RootFs& root) : root_(root), tree_(root) {}

  bool live() const override { return false; }

  Result<std::map<std::string, UnitStatus>> status(const std::set<std::string>& units, Deadline) override {
    std::map<std::string, UnitStatus> out;
    UnitTree tree(root_);
    GNA_TRY_AT("look at units", tree.remember());
    GNA_LET_AT("look at units", links, tree.links());
    for (const auto& name : units) {
      auto& unit = out[name];
      if (!is_unit_name(name)) continue;
      GNA_LET_AT("look at units", word, tree.enablement(name, links));
      unit.enablement = word;
    }
    return out;
  }

  Result<void> enable(const std::string& unit, Deadline) override {
    GNA_TRY_AT("enable " + unit, enable_with_companions(unit));
    return {};
  }

  Result<void> disable(const std::string& unit, Deadline) override {
    GNA_TRY_AT("disable " + unit, disable_with_companions(unit));
    return {};
  }

  Result<void> survey() override {
    GNA_TRY_AT("look at units", tree_.remember());
    surveyed_ = true;
    links_.reset();
    return {};
  }

  Result<void> settle() override {
    tree_.forget();
    surveyed_ = false;
    links_.reset();
    return root_.sync(std::string(kUnitDirectory));
  }

  Result<void> reload(Deadline) override { return {}; }

  void run(std::span<const JobRequest> jobs, const std::function<void(std::size_t, Result<void>)>& ended,
           Deadline) override {
    for (std::size_t i = 0; i < jobs.size(); ++i) ended(i, {});
  }

 private:
  // What is wrong with one rule doesn't keep the others from being followed: the first
  // such error is told in the end.
  struct Work {
    std::deque<std::string> to_do = {};
    std::set<std::string> seen = {};
    Result<void> outcome = {};
    void add(const std::string& name) {
      if (seen.insert(name).second) to_do.push_back(name);
    }
    void blame(Error error) {
      if (outcome) outcome = std::unexpected(std::move(error));
    }
  };

  Result<void> add_also(const UnitFile& unit, Work& work) const;
  Result<void> enable_with_companions(const std::string& name);
  Result<void> disable_with_companions(const std::string& name);
  std::vector<Wanted> wanted_links(const UnitFile& unit, Work& work) const;
  void want_aliases(const UnitFile& unit, std::vector<Wanted>& out, Work& work) const;
  void want_dependencies(const UnitFile& unit, const std::vector<std::string>& by, std::string_view suffix,
                         std::vector<Wanted>& out, Work& work) const;
  Result<void> make(const Wanted& link);
  Result<void> list_links(const std::string& directory, Links& out) const;
  Result<bool> remove_links(std::set<std::string>& leading_to);

  const fs::RootFs& root_;
  UnitTree tree_;
  bool surveyed_ = false;  // tree_ remembers, and links_ holds if it is there
  std::optional<Links> links_ = {};
};

Result<void> OfflineUnitManager::add_also(const UnitFile& unit, Work& work) const {
  for (const auto& also : unit.install.also) {
    GNA_LET(name, expand_specifiers(also, unit.name, unit.install));
    if (is_unit_name(name)) work.add(name);
  }
  return {};
}

Result<void> OfflineUnitManager::enable_with_companions(const std::string& name) {
  if (!is_unit_name(name)) return fail(Code::InvalidArgument, "not a unit's name");
  Work work;
  work.add(name);
  while (!work.to_do.empty()) {
    const auto current = work.to_do.front();
    work.to_do.pop_front();
    const bool asked_for = current == name;
    auto found = tree_.resolve(current, UnitTree::Aliases::of_vendors);
    if (!found && !asked_for) continue;  // Also= may name what is not installed
    if (!found) return std::unexpected(std::move(found).error());
    auto& unit = *found;
    if (unit.kind == UnitFile::Kind::masked) {
      if (asked_for) return fail(Code::Conflict, unit.path + " is masked");
      continue;
    }
    if (is_below(unit.path, "/run/systemd/transient") || is_below(unit.path, "/run/systemd/generator"))
      return fail(Code::Conflict, unit.path + " is generated");
    if (unit.name != current) work.seen.insert(unit.name);
    GNA_TRY(add_also(unit, work));
    for (const auto& link : wanted_links(unit, work))
      if (auto made = make(link); !made) work.blame(std::move(made).error());
  }
  return work.outcome;
}

std::vector<Wanted> OfflineUnitManager::wanted_links(const UnitFile& unit, Work& work) const {
  std::vector<Wanted> out;
  want_aliases(unit, out, work);
  if (!is_in_search_path(unit.path)) out.push_back({std::string(kUnitDirectory) + "/" + unit.name, unit.path});
  want_dependencies(unit, unit.install.wanted_by, ".wants", out, work);
  want_dependencies(unit, unit.install.required_by, ".requires", out, work);
  want_dependencies(unit, unit.install.upheld_by, ".upholds", out, work);
  return out;
}

void OfflineUnitManager::want_aliases(const UnitFile& unit, std::vector<Wanted>& out, Work& work) const {
  for (const auto& written : unit.install.aliases) {
    auto alias = expand_specifiers(written, unit.name, unit.install);
    if (!alias) {
      work.blame(std::move(alias).error());
      continue;
    }
    if (is_instance(unit.name) && is_template(*alias)) *alias = instantiate(*alias, unit_instance(unit.name));
    if (*alias == unit.name) continue;
    const bool fits =
        alias->contains('/') ? is_dependency_alias_fit(*alias, unit.name) : is_alias_fit(*alias, unit.name);
    if (fits)
      out.push_back({std::string(kUnitDirectory) + "/" + *alias, unit.path});
    else
      work.blame({Code::InvalidArgument, "cannot alias " + unit.name + " as " + *alias});
  }
}

void OfflineUnitManager::want_dependencies(const UnitFile& unit, const std::vector<std::string>& by,
                                           std::string_view suffix, std::vector<Wanted>& out, Work& work) const {
  auto name = unit.name;
  auto path = unit.path;
  const bool is_bare_template = is_template(name) && !unit.install.default_instance;
  if (is_template(name) && unit.install.default_instance) name = instantiate(name, *unit.install.default_instance);
  for (const auto& written : by) {
    auto whom = expand_specifiers(written, unit.name, unit.install);
    if (!whom) {
      work.blame(std::move(whom).error());
    } else if (!is_unit_name(*whom)) {
      work.blame({Code::InvalidArgument, *whom + " is not a unit's name"});
    } else if (is_bare_template && !is_template(*whom)) {
      // Which instance should it start?
      work.blame({Code::InvalidArgument, "destination " + *whom + " is no template"});
    } else {
      out.push_back({std::string(kUnitDirectory) + "/" + *whom + std::string(suffix) + "/" + name, path});
    }
  }
}

Result<void> OfflineUnitManager::make(const Wanted& link) {
  GNA_LET(there, root_.look(link.path, false));
  if (there.kind == observed::FileKind::symlink) {
    GNA_LET(leads_to, tree_.follow(link.path));
    if (tree_.is_same_file(leads_to, link.target)) return {};
  } else if (there.kind != observed::FileKind::absent) {
    return fail(Code::Conflict, link.path + " exists and is no symlink");
  }
  GNA_TRY(root_.link(link.target, link.path));
  if (!surveyed_) return {};
  // A unit's own name, or one that other links lead to: then more is otherwise than this link.
  const bool leads_on = links_ && std::ranges::any_of(*links_, [&](const auto& at) { return at.second == link.path; });
  if (there.kind == observed::FileKind::symlink || is_in_search_path(link.path) || leads_on) return survey();
  if (links_) links_->emplace(link.path, tree_.follow(link.path).value_or(""));
  return {};
}

Result<void> OfflineUnitManager::disable_with_companions(const std::string& name) {
  if (!is_unit_name(name)) return fail(Code::InvalidArgument, "not a unit's name");
  Work work;
  work.add(name);
  std::set<std::string> leading_to;  // names of units, and paths of links that went
  while (!work.to_do.empty()) {
    const auto current = work.to_do.front();
    work.to_do.pop_front();
    const auto found = tree_.resolve(current, UnitTree::Aliases::all);
    if (!found) {
      // Links may outlive their unit.
      if (found.error().code != Code::NotFound && found.error().code != Code::Conflict)
        return std::unexpected(found.error());
      leading_to.insert(current);
      continue;
    }
    if (found->kind == UnitFile::Kind::masked) continue;
    GNA_TRY(add_also(*found, work));
    leading_to.insert(found->name);
  }
  while (true) {
    GNA_LET(again, remove_links(leading_to));
    if (!again) return {};
  }
}

Result<void> OfflineUnitManager::list_links(const std::string& directory, Links& out) const {
  const auto names = root_.list(directory);
  if (!names) {
    if (names.error().code == Code::NotFound) return {};
    return std::unexpected(names.error());
  }
  for (const auto& name : *names) {
    const auto path = path_in(directory, name);
    GNA_LET(there, root_.look(path, false));
    if (there.kind == observed::FileKind::directory) GNA_TRY(list_links(path, out));
    if (there.kind == observed::FileKind::symlink && is_unit_name(name))
      out.emplace(path, tree_.follow(path).value_or(""));
  }
  return {};
}

// Tells whether a link went: others may have led through it.
Result<bool> OfflineUnitManager::remove_links(std::set<std::string>& leading_to) {
  auto links = std::exchange(links_, {});
  if (!links) GNA_TRY(list_links(std::string(kUnitDirectory), links.emplace()));
  bool removed = false;
  for (const auto& [path, end] : *links) {
    const std::filesystem::path parts(path);
    const auto name = parts.filename().string();
    const auto end_name = std::filesystem::path(end).filename().string();
    const bool of_template = is_instance(name) && leading_to.contains(template_of(name));
    if (!leading_to.contains(end) && !leading_to.contains(end_name) && !leading_to.contains(name) && !of_template)
      continue;
    GNA_TRY(root_.remove(path));
    const auto directory = parts.parent_path().string();
    if (directory != kUnitDirectory) GNA_TRY(root_.remove_directory_if_empty(directory));
    leading_to.insert(path);
    removed = true;
  }
  if (surveyed_ && !removed) links_ = std::move(links);
  return removed;
}

}  // namespace

std::unique_ptr<UnitManager> make_offline_unit_manager(const fs::RootFs& root) {
  return std::make_unique<OfflineUnitManager>(root);
}

}  // namespace gna::systemd
