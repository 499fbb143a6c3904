#include "tests/crash/power_cut.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_set>

#include "gna/base/digest.h"

namespace gna::crash {

namespace {

using Id = std::size_t;  // of a node; 0 is the root

struct Node {
  Entry::Kind kind = Entry::Kind::file;
  std::uint32_t mode = 0;
  std::string bytes = {};
  std::map<std::string, Id> names = {};  // of a directory
};

// A call as a change of nodes.
struct Change {
  enum class Kind { none, add, remove, move, write, truncate, chmod } kind = Kind::none;
  Id directory = 0;  // add, remove, move: whose names change
  Id from_directory = 0;
  Id node = 0;
  std::string name = {};
  std::string from = {};
  bool touches(Id synced) const {
    switch (kind) {
      case Kind::add:
      case Kind::remove: return directory == synced;
      case Kind::move: return directory == synced && from_directory == synced;
      case Kind::write:
      case Kind::truncate:
      case Kind::chmod: return node == synced;
      case Kind::none: return false;
    }
    return false;
  }
};

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string leaf_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void write_at(std::string& bytes, std::uint64_t offset, std::string_view piece) {
  if (bytes.size() < offset + piece.size()) bytes.resize(offset + piece.size());
  std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

struct PowerCut::State {
  std::vector<Node> at_start;  // with nodes for those that come later, unconnected
  std::vector<Call> calls;
  std::vector<Change> changes;          // as calls
  std::vector<std::size_t> certain_at;  // the number of calls after which each is certain
  std::string tree;

  // The run itself, to know which node a path means at each call.
  std::vector<Node> live;
  std::map<std::uint64_t, Id> by_inode;

  Id add_node(Node node) {
    at_start.push_back({.kind = node.kind, .mode = node.mode, .bytes = node.bytes});
    live.push_back(std::move(node));
    return live.size() - 1;
  }

  std::optional<Id> find(const std::string& host_path) const {
    if (host_path == tree) return Id{0};
    if (!host_path.starts_with(tree + "/")) return std::nullopt;
    Id here = 0;
    std::size_t start = tree.size() + 1;
    while (start <= host_path.size()) {
      const auto end = std::min(host_path.find('/', start), host_path.size());
      const auto name = host_path.substr(start, end - start);
      if (!name.empty() && name != ".") {
        const auto found = live[here].names.find(name);
        if (found == live[here].names.end()) return std::nullopt;
        here = found->second;
      }
      start = end + 1;
    }
    return here;
  }

  Id must_find(const std::string& path, const Call& call) const {
    if (const auto found = find(path)) return *found;
    throw std::runtime_error(std::string(crash::name(call.op)) + " of unknown " + path);
  }

  // The node behind a descriptor: its name may have changed since it was opened.
  Id behind(const Call& call) const {
    if (const auto known = by_inode.find(call.inode); call.inode != 0 && known != by_inode.end()) return known->second;
    return must_find(call.path, call);
  }

  Change understand(const Call& call) {
    using Kind = Change::Kind;
    switch (call.op) {
      case Op::create:
      case Op::mkdir:
      case Op::symlink: {
        Node node{.kind = call.op == Op::mkdir     ? Entry::Kind::directory
                          : call.op == Op::symlink ? Entry::Kind::symlink
                                                   : Entry::Kind::file,
                  .mode = call.op == Op::symlink ? 0 : call.mode,
                  .bytes = call.op == Op::symlink ? call.from : ""};
        const Id directory = must_find(parent_of(call.path), call);
        const Id id = add_node(std::move(node));
        if (call.inode != 0) by_inode[call.inode] = id;
        return {.kind = Kind::add, .directory = directory, .node = id, .name = leaf_of(call.path)};
      }
      case Op::write: return {.kind = Kind::write, .node = behind(call)};
      case Op::truncate: return {.kind = Kind::truncate, .node = behind(call)};
      case Op::chmod: return {.kind = Kind::chmod, .node = behind(call)};
      case Op::rename:
        return {.kind = Kind::move,
                .directory = must_find(parent_of(call.path), call),
                .from_directory = must_find(parent_of(call.from), call),
                .node = must_find(call.from, call),
                .name = leaf_of(call.path),
                .from = leaf_of(call.from)};
      case Op::unlink:
      case Op::rmdir:
        return {.kind = Kind::remove,
                .directory = must_find(parent_of(call.path), call),
                .node = must_find(call.path, call),
                .name = leaf_of(call.path)};
      case Op::sync_file:
      case Op::sync_file_system:
      case Op::message: return {};
      default: throw std::runtime_error(std::string("no model for ") + crash::name(call.op) + " of " + call.path);
    }
  }

  // `half`: only the first half of a write.
  void apply(std::vector<Node>& nodes, std::size_t index, bool half) const {
    const auto& change = changes[index];
    const auto& call = calls[index];
    auto& node = nodes[change.node];
    switch (change.kind) {
      case Change::Kind::none: break;
      case Change::Kind::add: nodes[change.directory].names[change.name] = change.node; break;
      case Change::Kind::remove: nodes[change.directory].names.erase(change.name); break;
      case Change::Kind::move:
        if (const auto old = nodes[change.from_directory].names.find(change.from);
            old != nodes[change.from_directory].names.end() && old->second == change.node)
          nodes[change.from_directory].names.erase(old);
        nodes[change.directory].names[change.name] = change.node;
        break;
      case Change::Kind::write:
        write_at(node.bytes, call.offset,
                 std::string_view(call.bytes).substr(0, half ? call.bytes.size() / 2 : call.bytes.size()));
        break;
      case Change::Kind::truncate: node.bytes.resize(call.offset); break;
      case Change::Kind::chmod: node.mode = call.mode; break;
    }
  }

  static void collect(const std::vector<Node>& nodes, Id id, const std::string& path, Snapshot& out) {
    for (const auto& [name, child] : nodes[id].names) {
      const auto& node = nodes[child];
      const auto child_path = path + "/" + name;
      out[child_path] = {.kind = node.kind, .mode = node.mode, .bytes = node.bytes};
      collect(nodes, child, child_path, out);
    }
  }
};

std::string Cut::text(const std::vector<Call>& calls, const std::string& tree) const {
  const auto say = [&](std::size_t index) {
    const auto& call = calls[index];
    const auto path = call.path.starts_with(tree) ? call.path.substr(tree.size()) : call.path;
    return "#" + std::to_string(index) + " " + name(call.op) + " " + path;
  };
  std::string out = "cut after " + std::to_string(after) + " calls";
  if (after > 0) out += " (the last: " + say(after - 1) + ")";
  for (const auto& [call, half] : lost) out += std::string(half ? "; half of " : "; without ") + say(call);
  return out;
}

PowerCut::PowerCut(Snapshot before, std::vector<Call> calls, std::string tree) : state_(std::make_unique<State>()) {
  auto& s = *state_;
  s.tree = std::move(tree);
  std::erase_if(calls, [](const Call& call) { return call.result < 0; });
  s.calls = std::move(calls);
  s.add_node({.kind = Entry::Kind::directory, .mode = 0755});
  for (const auto& [path, entry] : before) {
    const Id id = s.add_node({.kind = entry.kind, .mode = entry.mode, .bytes = entry.bytes});
    const Id parent = s.find(s.tree + parent_of(path)).value();
    s.live[parent].names[leaf_of(path)] = id;
    s.at_start[parent].names[leaf_of(path)] = id;
  }
  for (std::size_t i = 0; i < s.calls.size(); ++i) {
    s.changes.push_back(s.understand(s.calls[i]));
    s.apply(s.live, i, false);
  }
  // When each change became certain.
  s.certain_at.assign(s.calls.size(), s.calls.size() + 1);
  std::fill(s.live.begin(), s.live.end(), Node{});
  s.live = s.at_start;
  for (std::size_t i = 0; i < s.calls.size(); ++i) {
    const auto& call = s.calls[i];
    if (call.op == Op::sync_file || call.op == Op::sync_file_system) {
      const Id synced = call.op == Op::sync_file ? s.behind(call) : 0;
      for (std::size_t j = 0; j < i; ++j)
        if (s.certain_at[j] > s.calls.size() && (call.op == Op::sync_file_system || s.changes[j].touches(synced)))
          s.certain_at[j] = i + 1;
    }
    s.apply(s.live, i, false);
  }
}

PowerCut::~PowerCut() = default;

const std::vector<Call>& PowerCut::calls() const { return state_->calls; }

std::vector<std::size_t> PowerCut::uncertain(std::size_t after) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < after; ++i)
    if (state_->changes[i].kind != Change::Kind::none && state_->certain_at[i] > after) out.push_back(i);
  return out;
}

Snapshot PowerCut::disk_after(const Cut& cut) const {
  auto nodes = state_->at_start;
  for (std::size_t i = 0; i < cut.after; ++i) {
    const auto lost = std::ranges::find(cut.lost, i, &Cut::Lost::call);
    if (lost == cut.lost.end())
      state_->apply(nodes, i, false);
    else if (lost->half)
      state_->apply(nodes, i, true);
  }
  Snapshot out;
  State::collect(nodes, 0, "", out);
  return out;
}

Snapshot with_plain_temp_files(const Snapshot& tree) {
  Snapshot out;
  for (const auto& [path, entry] : tree) {
    if (is_temp_file(path) && entry.kind != Entry::Kind::directory)
      out[parent_of(path) + "/.gna-aaaaaaaa.tmp"] = {.mode = 0600};
    else
      out[path] = entry;
  }
  return out;
}

void PowerCut::enumerate(std::size_t most_lost, const std::function<void(const Cut&, const Snapshot&)>& visit) const {
  std::unordered_set<std::string> seen;
  const auto consider = [&](const Cut& cut) {
    const auto disk = with_plain_temp_files(disk_after(cut));
    Sha256 digest;
    for (const auto& [path, entry] : disk) {
      digest.update(path + '\0' + std::to_string(static_cast<int>(entry.kind)) + ' ' + std::to_string(entry.mode) +
                    ' ' + std::to_string(entry.bytes.size()) + '\0');
      digest.update(entry.bytes);
    }
    if (seen.insert(digest.hex()).second) visit(cut, disk);
  };
  for (std::size_t after = 0; after <= state_->calls.size(); ++after) {
    consider({.after = after});
    // What can be lost, in each of its ways.
    std::vector<Cut::Lost> ways;
    for (const auto index : uncertain(after)) {
      ways.push_back({.call = index});
      if (state_->changes[index].kind == Change::Kind::write && state_->calls[index].bytes.size() > 1)
        ways.push_back({.call = index, .half = true});
    }
    for (std::size_t i = 0; most_lost > 0 && i < ways.size(); ++i) {
      consider({.after = after, .lost = {ways[i]}});
      for (std::size_t j = i + 1; most_lost > 1 && j < ways.size(); ++j)
        if (ways[j].call != ways[i].call) consider({.after = after, .lost = {ways[i], ways[j]}});
    }
  }
}

Cut PowerCut::sample(std::mt19937& random, std::size_t least) const {
  // Where so much can be lost at all.
  std::vector<std::size_t> points;
  std::size_t most = 0;
  for (std::size_t after = 0; after <= state_->calls.size(); ++after) most = std::max(most, uncertain(after).size());
  for (std::size_t after = 0; after <= state_->calls.size(); ++after)
    if (uncertain(after).size() >= std::min(least, most)) points.push_back(after);
  while (true) {
    Cut cut{.after = points[random() % points.size()]};
    const auto in_ten = random() % 9 + 1;
    for (const auto index : uncertain(cut.after))
      if (random() % 10 < in_ten)
        cut.lost.push_back(
            {.call = index, .half = state_->changes[index].kind == Change::Kind::write && random() % 2 == 0});
    if (cut.lost.size() >= std::min(least, most)) return cut;
  }
}

}  // namespace gna::crash
