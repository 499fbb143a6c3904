#include "agent/containerd/config_toml.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ranges>
#include <set>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "agent/containerd/hosts_toml.h"
#include "agent/containerd/toml.h"
#include "gna/base/utf8.h"

namespace gna::containerd {
namespace {

using nlohmann::json;
using toml::Array;
using toml::Table;
using toml::Value;
using Path = std::vector<std::string>;

constexpr const char* kImport = "/etc/containerd/conf.d/*.toml";
constexpr const char* kCniDirectory = "/opt/cni/bin";
const Path kImportsPath = {"imports"};

// "plugins.\"io.containerd.nri.v1.nri\".disable"
std::string dotted(std::span<const std::string> path) {
  std::string out;
  for (const auto& element : path) out += (out.empty() ? "" : ".") + toml::key(element);
  return out;
}

std::unexpected<Error> not_a_table(std::span<const std::string> path) {
  return fail(Code::InvalidArgument, "value at " + dotted(path) + " is not a table");
}

// ---- Values of an OSC (JSON) as TOML ----

bool is_integral(const json& number) {
  if (number.is_number_unsigned()) return number.get<std::uint64_t>() <= INT64_MAX;
  if (number.is_number_integer()) return true;
  const double value = number.get<double>();
  return std::trunc(value) == value && std::fabs(value) < 0x1p63;
}

Value number(const json& from, bool as_integer) {
  if (!as_integer) return Value{from.get<double>()};
  return Value{from.is_number_float() ? static_cast<std::int64_t>(from.get<double>()) : from.get<std::int64_t>()};
}

// Errors: InvalidArgument for a null in a list, which TOML cannot say.
Result<Value> from_json(const json& from, int levels_left = toml::kMaxDepth) {
  if (levels_left == 0) return fail(Code::InvalidArgument, "nested deeper than 64 levels");
  if (from.is_boolean()) return Value{from.get<bool>()};
  if (from.is_string()) return Value{from.get<std::string>()};
  if (from.is_number()) return number(from, is_integral(from));
  if (from.is_object()) {
    Table table;
    for (const auto& [name, member] : from.items()) {
      if (member.is_null()) continue;
      GNA_LET_AT(toml::key(name), value, from_json(member, levels_left - 1));
      table.emplace(name, std::move(value));
    }
    return Value{std::move(table)};
  }
  if (from.is_array()) {
    // containerd 1.x refuses lists of integers and floats.
    const bool integral = std::ranges::all_of(from, [](const json& e) { return !e.is_number() || is_integral(e); });
    Array array;
    for (const auto& element : from) {
      if (element.is_number()) {
        array.push_back(number(element, integral));
        continue;
      }
      GNA_LET(value, from_json(element, levels_left - 1));
      array.push_back(std::move(value));
    }
    return Value{std::move(array)};
  }
  return fail(Code::InvalidArgument, "null in a list");
}

// ---- Records of the file before us ----

// Types of TOML that JSON lacks, and tables whose keys look like a marker.
constexpr const char* kDatetime = "$datetime";
constexpr const char* kFloat = "$float";  // inf, -inf, nan
constexpr const char* kTable = "$table";  // "made": by our patches; "there": before them

struct Encode {
  json operator()(const Table& table) const {
    json out = json::object();
    for (const auto& [name, member] : table)
      out[name.starts_with('$') ? "$" + name : name] = std::visit(*this, member.is);
    return out;
  }
  json operator()(const Array& array) const {
    json out = json::array();
    for (const auto& element : array) out.push_back(std::visit(*this, element.is));
    return out;
  }
  json operator()(double value) const {
    if (std::isnan(value)) return json::object({{kFloat, "nan"}});
    if (std::isinf(value)) return json::object({{kFloat, value < 0 ? "-inf" : "inf"}});
    return value;
  }
  json operator()(const toml::Datetime& value) const { return json::object({{kDatetime, value.text}}); }
  json operator()(const auto& value) const { return value; }
};

json encode(const Value& value) { return std::visit(Encode{}, value.is); }

Value decode(const json& from) {
  if (from.is_boolean()) return Value{from.get<bool>()};
  if (from.is_string()) return Value{from.get<std::string>()};
  if (from.is_number_float()) return Value{from.get<double>()};
  if (from.is_number()) return Value{from.get<std::int64_t>()};
  if (from.is_array()) {
    Array array;
    for (const auto& element : from) array.push_back(decode(element));
    return Value{std::move(array)};
  }
  Table table;
  if (!from.is_object()) return Value{std::move(table)};
  if (from.size() == 1) {
    const auto only = from.begin();
    if (only.key() == kDatetime && only->is_string()) return Value{toml::Datetime{only->get<std::string>()}};
    if (only.key() == kFloat) {
      if (*only == "nan") return Value{std::nan("")};
      return Value{*only == "-inf" ? -HUGE_VAL : HUGE_VAL};
    }
  }
  for (const auto& [name, member] : from.items())
    table.emplace(name.starts_with("$$") ? name.substr(1) : name, decode(member));
  return Value{std::move(table)};
}

std::string record_key(const Path& path) { return json(path).dump(); }

// The value of one record.
struct Original {
  enum class Kind { absent, value, made, there } kind = Kind::absent;
  Value value = {};
};

std::string encode(const Original& original) {
  switch (original.kind) {
    case Original::Kind::absent: return "null";
    case Original::Kind::value: return encode(original.value).dump();
    case Original::Kind::made: return json::object({{kTable, "made"}}).dump();
    case Original::Kind::there: return json::object({{kTable, "there"}}).dump();
  }
  return "null";
}

using Records = std::map<Path, Original>;

// Records that are damaged count as missing: their keys are then unknown, and those go.
Records decode(const Originals& originals) {
  Records out;
  for (const auto& [key, text] : originals) {
    const auto path = json::parse(key, nullptr, false);
    const auto value = json::parse(text, nullptr, false);
    if (!path.is_array() || path.empty() || value.is_discarded()) continue;
    if (!std::ranges::all_of(path, [](const json& e) { return e.is_string(); })) continue;
    auto& original = out[path.get<Path>()];
    if (value.is_null()) continue;
    if (value.is_object() && value.size() == 1 && value.begin().key() == kTable) {
      original.kind = *value.begin() == "made" ? Original::Kind::made : Original::Kind::there;
    } else {
      original = {Original::Kind::value, decode(value)};
    }
  }
  return out;
}

// ---- The tree ----

const Value* find(const Table& root, std::span<const std::string> path) {
  const Table* table = &root;
  const Value* value = nullptr;
  for (const auto& element : path) {
    if (table == nullptr) return nullptr;
    const auto found = table->find(element);
    if (found == table->end()) return nullptr;
    value = &found->second;
    table = value->table();
  }
  return value;
}

Value* find(Table& root, std::span<const std::string> path) {
  return const_cast<Value*>(find(std::as_const(root), path));
}

std::span<const std::string> parent(const Path& path) { return std::span(path).first(path.size() - 1); }

// The table that holds the last element; nullptr if there is none.
Table* holder(Table& root, const Path& path) {
  if (path.size() == 1) return &root;
  auto* value = find(root, parent(path));
  return value ? value->table() : nullptr;
}

// The same, made where it is missing.
Result<Table*> make_holder(Table& root, const Path& path) {
  Table* table = &root;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    auto* next = (*table)[path[i]].table();  // a new one is an empty table
    if (next == nullptr) return not_a_table(std::span(path).first(i + 1));
    table = next;
  }
  return table;
}

// ---- What we want, as edits ----

struct Edit {
  enum class Kind { set, erase, ensure_table } kind = Kind::set;
  Path path = {};
  Value value = {};
};

bool has_import(const Array& imports) {
  return std::ranges::any_of(imports, [](const Value& e) { return e.string() != nullptr && *e.string() == kImport; });
}

// Containerd 1.x keeps everything in one plugin, 2.x has two.
struct Layout {
  explicit Layout(int config_version) : split(config_version >= 3) {}
  Layout other() const { return Layout(split ? 2 : 3); }

  bool split;
  std::string images() const { return split ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri"; }
  std::string runtime() const { return split ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri"; }

  Path sandbox() const {
    return split ? Path{"plugins", images(), "pinned_images", "sandbox"} : Path{"plugins", images(), "sandbox_image"};
  }
  Path config_path() const { return {"plugins", images(), "registry", "config_path"}; }
  Path bin_dir() const { return {"plugins", runtime(), "cni", "bin_dir"}; }
  Path bin_dirs() const { return {"plugins", runtime(), "cni", "bin_dirs"}; }
  Path systemd_cgroup() const {
    return {"plugins", runtime(), "containerd", "runtimes", "runc", "options", "SystemdCgroup"};
  }

  Path plugin(const Path& path) const {
    Path out = {"plugins"};
    out.insert(out.end(), path.begin(), path.end());
    const Path prefix = {"plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes"};
    if (split && out.size() >= prefix.size() && std::ranges::equal(std::span(out).first(prefix.size()), prefix))
      out[1] = runtime();
    return out;
  }
};

Result<std::vector<Edit>> plugin_edits(const desired::PluginPatch& plugin, const Path& path) {
  if (plugin.remove) return std::vector{Edit{Edit::Kind::erase, path, {}}};

  std::vector<Edit> out = {{Edit::Kind::ensure_table, path, {}}};
  if (!plugin.values) return out;
  const auto values = json::parse(*plugin.values, nullptr, false);
  if (values.is_null()) return std::vector{Edit{Edit::Kind::set, path, Value{Table{}}}};
  if (!values.is_object()) return fail(Code::InvalidArgument, "values of " + dotted(path) + " are no JSON object");
  for (const auto& [name, member] : values.items()) {
    Path below = path;
    below.push_back(name);
    if (member.is_null()) {
      out.push_back({Edit::Kind::erase, std::move(below), {}});
      continue;
    }
    GNA_LET_AT("values of " + dotted(below), value, from_json(member));
    out.push_back({Edit::Kind::set, std::move(below), std::move(value)});
  }
  return out;
}

// CRI does not start if bin_dir joins a bin_dirs that is not the default; so a file with bin_dirs counts as 2.2's.
desired::Version version_for(const Table& root, int config_version) {
  const auto oldest = version_of_config(config_version);
  const Layout at(config_version);
  return at.split && find(root, at.bin_dirs()) != nullptr ? std::max(oldest, desired::Version{{2, 2}}) : oldest;
}

Result<std::vector<Edit>> edits(const desired::Containerd& settings, int config_version,
                                const desired::Version& containerd) {
  const Layout at(config_version);
  if (!is_utf8(settings.sandbox_image)) return fail(Code::InvalidArgument, "the sandbox image is not UTF-8");
  std::vector<Edit> out;
  out.push_back({Edit::Kind::set, at.config_path(), Value{std::string(kCertsDirectory)}});
  out.push_back({Edit::Kind::set, at.sandbox(), Value{settings.sandbox_image}});
  if (at.split && containerd >= desired::Version{{2, 2}}) {
    out.push_back({Edit::Kind::erase, at.bin_dir(), {}});
    out.push_back({Edit::Kind::set, at.bin_dirs(), Value{Array{Value{std::string(kCniDirectory)}}}});
  } else {
    out.push_back({Edit::Kind::set, at.bin_dir(), Value{std::string(kCniDirectory)}});
  }
  if (settings.systemd_cgroup) out.push_back({Edit::Kind::set, at.systemd_cgroup(), Value{*settings.systemd_cgroup}});
  for (const auto& plugin : settings.plugins) {
    if (!std::ranges::all_of(plugin.path, is_utf8))
      return fail(Code::InvalidArgument, "the path " + dotted(plugin.path) + " is not UTF-8");
    GNA_LET(more, plugin_edits(plugin, at.plugin(plugin.path)));
    std::ranges::move(more, std::back_inserter(out));
  }
  return out;
}

Result<void> carry_out(const std::vector<Edit>& work, Table& root) {
  for (const auto& edit : work) {
    GNA_LET(table, make_holder(root, edit.path));
    const auto& name = edit.path.back();
    switch (edit.kind) {
      case Edit::Kind::set: (*table)[name] = edit.value; break;
      case Edit::Kind::erase: table->erase(name); break;
      case Edit::Kind::ensure_table:
        if (auto& value = (*table)[name]; value.table() == nullptr) value = Value{Table{}};
        break;
    }
  }
  return {};
}

void ensure_import(Table& root) {
  auto& imports = root[kImportsPath.front()];
  if (imports.array() == nullptr) imports = Value{Array{}};
  if (!has_import(*imports.array())) imports.array()->push_back(Value{std::string(kImport)});
}

// ---- The way back ----

// What the edits are about to cover, as `base` has it.
Records record(const std::vector<Edit>& work, const Table& base) {
  Records out;
  for (const auto& edit : work) {
    if (edit.kind == Edit::Kind::ensure_table) continue;
    const auto* value = find(base, edit.path);
    out.try_emplace(edit.path, value ? Original{Original::Kind::value, *value} : Original{});
  }
  // Tables second: where a table is also a value of ours, the value tells more.
  for (const auto& edit : work) {
    for (std::size_t n = 1; n <= edit.path.size(); ++n) {
      if (n == edit.path.size() && edit.kind != Edit::Kind::ensure_table) break;
      const Path path(edit.path.begin(), edit.path.begin() + static_cast<std::ptrdiff_t>(n));
      const auto* value = find(base, path);
      if (value == nullptr) {
        out.try_emplace(path, Original::Kind::made, Value{});
      } else if (value->table() == nullptr) {
        out.try_emplace(path, Original::Kind::value, *value);
      } else if (n == edit.path.size()) {
        out.try_emplace(path, Original::Kind::there, Value{});
      }
    }
  }
  return out;
}

// Of an earlier run nothing may be on record (the Go agent's): then its keys were not there before it,
// and the tables around them go with their last key.
Records assume(Records known, const std::vector<Edit>& before) {
  std::vector<Path> tables;
  std::vector<Path> keys;
  for (const auto& edit : before) {
    if (known.contains(edit.path)) continue;
    for (std::size_t n = 1; n < edit.path.size(); ++n)
      tables.emplace_back(edit.path.begin(), edit.path.begin() + static_cast<std::ptrdiff_t>(n));
    if (edit.kind == Edit::Kind::ensure_table) tables.push_back(edit.path);
    if (edit.kind == Edit::Kind::set) keys.push_back(edit.path);
  }
  for (auto& path : keys) known.try_emplace(std::move(path));
  for (auto& path : tables) known.try_emplace(std::move(path), Original::Kind::made, Value{});
  return known;
}

// The file as it would be without us, imports apart.
void take_back(Table& root, const Records& known, const Layout& other) {
  // Somebody wrote the file anew for another containerd: it has no place for these.
  const std::set<Path> gone = {other.sandbox(), other.config_path(), other.bin_dir(), other.systemd_cgroup()};

  std::vector<Path> paths;
  for (const auto& [path, original] : known)
    if (path != kImportsPath && !gone.contains(path)) paths.push_back(path);
  // Outer ones first: they bring back what the inner ones then correct.
  std::ranges::stable_sort(paths, {}, &Path::size);
  for (const auto& path : paths) {
    const auto& original = known.at(path);
    auto* table = holder(root, path);
    if (table == nullptr) continue;  // somebody has removed what was around it
    if (original.kind == Original::Kind::absent) table->erase(path.back());
    if (original.kind == Original::Kind::value) (*table)[path.back()] = original.value;
  }
  // Inner ones first: an outer table may be empty only then.
  for (const auto& path : paths | std::views::reverse) {
    if (known.at(path).kind != Original::Kind::made) continue;
    const auto* value = find(root, path);
    if (value != nullptr && value->table() != nullptr && value->table()->empty())
      holder(root, path)->erase(path.back());
  }
}

// `imports` is a list of many hands: our element goes, the others stay.
void take_back_import(Table& root, const Records& known) {
  const auto found = root.find(kImportsPath.front());
  if (found == root.end() || found->second.array() == nullptr) return;
  const auto record = known.find(kImportsPath);
  const bool had_value = record != known.end() && record->second.kind == Original::Kind::value;
  if (had_value && record->second.value.array() != nullptr && has_import(*record->second.value.array())) return;

  auto& imports = *found->second.array();
  std::erase_if(imports, [](const Value& e) { return e.string() != nullptr && *e.string() == kImport; });
  if (!imports.empty()) return;
  if (!had_value) {
    root.erase(found);
  } else if (record->second.value.array() == nullptr) {
    found->second = record->second.value;
  }
}

// The edits of an earlier run. Its settings were valid then: what is not so now changed nothing.
std::vector<Edit> edits_of(const desired::Containerd& before, int config_version, const Records& recorded,
                           const Table& was) {
  const Layout at(config_version);
  auto fixed = before;
  fixed.plugins.clear();
  auto out = edits(fixed, config_version, version_for(was, config_version)).value_or(std::vector<Edit>{});

  // Which of the two CNI keys was ours depends on a containerd that may be another one by now. Where the
  // old one is there it was that one: the patch of the new one takes it away.
  std::erase_if(out, [&](const Edit& edit) { return edit.path == at.bin_dir() || edit.path == at.bin_dirs(); });
  if (!recorded.contains(at.bin_dir()) && !recorded.contains(at.bin_dirs())) {
    const Value one{std::string(kCniDirectory)};
    for (const auto& [path, ours] : {std::pair{at.bin_dir(), one}, std::pair{at.bin_dirs(), Value{Array{one}}}}) {
      const auto* value = find(was, path);
      if (value == nullptr || *value != ours) continue;
      out.push_back({Edit::Kind::set, path, ours});
      break;
    }
  }
  for (const auto& plugin : before.plugins)
    if (auto more = plugin_edits(plugin, at.plugin(plugin.path))) std::ranges::move(*more, std::back_inserter(out));
  return out;
}

Result<int> version_in(const Table& root) {
  const auto found = root.find("version");
  if (found == root.end()) return 1;
  const auto* version = std::get_if<std::int64_t>(&found->second.is);
  if (version == nullptr) return fail(Code::InvalidArgument, "version is no integer");
  if (*version < 1 || *version > 4)
    return fail(Code::InvalidArgument, "version " + std::to_string(*version) + " is not supported");
  return static_cast<int>(*version);
}

// The bytes for a tree; those on disk if they mean the same.
Result<void> finish(std::string_view on_disk, const Table& was, const Table& is, Patched& out) {
  out.toml = on_disk;
  out.changed = was != is;
  if (!out.changed) return {};
  if (toml::depth(is) > toml::kMaxDepth)
    return fail(Code::InvalidArgument, "the patched file would be nested deeper than 64 levels");
  out.toml = toml::write(is);
  // What containerd could not read would stop it at its next start.
  const auto read_back = toml::parse(out.toml);
  if (!read_back) return std::unexpected(read_back.error().with("the patched file"));
  if (*read_back != is) return fail(Code::Internal, "the patched file reads back as another");
  return {};
}

}  // namespace

std::string minimal_config(int version) { return "version = " + std::to_string(version) + "\n"; }

Result<int> config_version(std::string_view toml) {
  GNA_LET(root, toml::parse(toml));
  return version_in(root);
}

desired::Version version_of_config(int config_version) {
  if (config_version >= 4) return {{2, 3}};
  if (config_version == 3) return {{2, 1}};
  return {{1, 6}};
}

Result<desired::Version> version_of_config(std::string_view toml) {
  GNA_LET(root, toml::parse(toml));
  GNA_LET(version, version_in(root));
  return version_for(root, version);
}

Result<Patched> patch_config(std::string_view on_disk, const desired::Containerd& settings,
                             const std::optional<desired::Version>& containerd,
                             const std::optional<desired::Containerd>& before, const Originals& originals) {
  GNA_LET(was, toml::parse(on_disk));
  GNA_LET(version, version_in(was));
  GNA_LET(work, edits(settings, version, containerd.value_or(version_for(was, version))));

  const auto recorded = decode(originals);
  const auto known = before ? assume(recorded, edits_of(*before, version, recorded, was)) : recorded;
  auto root = was;
  take_back(root, known, Layout(version).other());
  auto records = record(work, root);
  if (const auto* imports = find(was, kImportsPath)) {
    if (const auto old = recorded.find(kImportsPath); old != recorded.end()) {
      records.emplace(kImportsPath, old->second);  // our element stays where it is in the list
    } else {
      // An earlier agent may have put the element there: then it is not the file's own.
      Table alone = {{kImportsPath.front(), *imports}};
      if (before) take_back_import(alone, recorded);
      if (const auto* own = find(alone, kImportsPath)) records.try_emplace(kImportsPath, Original::Kind::value, *own);
    }
  }
  records.try_emplace(kImportsPath);

  ensure_import(root);
  GNA_TRY(carry_out(work, root));

  Patched out;
  GNA_TRY(finish(on_disk, was, root, out));
  const auto is_table = [](const Original& original) {
    return original.kind == Original::Kind::made || original.kind == Original::Kind::there;
  };
  for (const auto& [path, original] : records) {
    const auto key = record_key(path);
    const auto text = encode(original);
    if (const auto old = originals.find(key); old != originals.end() && old->second == text) continue;
    // Until the file is written, a table may still be a value of ours as a whole.
    const auto old = recorded.find(path);
    const bool later = is_table(original) && old != recorded.end() && !is_table(old->second);
    (later ? out.originals_after : out.originals).emplace(key, text);
  }
  for (const auto& [path, original] : known) {
    if (records.contains(path)) continue;
    // On record until the file is written, so that a run cut short in between loses nothing.
    if (!recorded.contains(path)) out.originals.emplace(record_key(path), encode(original));
    out.originals_after.emplace(record_key(path), std::nullopt);
  }
  return out;
}

Result<Patched> restore_config(std::string_view on_disk, const desired::Containerd& before,
                               const Originals& originals) {
  GNA_LET(was, toml::parse(on_disk));
  GNA_LET(version, version_in(was));

  const auto recorded = decode(originals);
  auto root = was;
  take_back(root, assume(recorded, edits_of(before, version, recorded, was)), Layout(version).other());
  take_back_import(root, recorded);

  Patched out;
  GNA_TRY(finish(on_disk, was, root, out));
  for (const auto& [key, value] : originals) out.originals_after.emplace(key, std::nullopt);
  return out;
}

}  // namespace gna::containerd
