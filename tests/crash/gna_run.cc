#include "tests/crash/gna_run.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "agent/store/codec.h"
#include "gna/store/store.h"
#include "tests/support/oci_image.h"

namespace gna::crash {

namespace stdfs = std::filesystem;

namespace {

const std::string kState = store::Store::kBase;
const std::string kManifest = kState + "/gna/manifest.json";
const std::string kLastApplied = kState + "/last-applied-osc.yaml";
const std::string kChanges = kState + "/last-computed-osc-changes.yaml";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  stdfs::create_directories(stdfs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// A manifest as "part/name/field: value", to be compared.
std::set<std::string> lines(const plan::Applied& applied) {
  std::set<std::string> out;
  std::vector<std::string> above;
  std::istringstream in(store::encode(store::Manifest{.applied = applied}).value());
  for (std::string line; std::getline(in, line);) {
    const auto depth = line.find_first_not_of(' ');
    above.resize(std::min(above.size(), depth));
    std::string full;
    for (const auto& part : above) full += part + " ";
    out.insert(full + line.substr(depth, line.find_last_not_of(',') + 1 - depth));
    above.resize(depth);
    above.push_back(line.substr(depth));
  }
  return out;
}

}  // namespace

GnaRun::GnaRun(const std::string& mirror) {
  stdfs::create_directory(osc_directory());
  for (const std::string name : {"/old.yaml", "/new.yaml"}) {
    auto text = read_file(GNA_SOURCE_DIR "/tests/crash/osc" + name);
    constexpr std::string_view kMirror = "MIRROR";
    if (const auto at = text.find(kMirror); at != std::string::npos) text.replace(at, kMirror.size(), mirror);
    write_file(osc_directory() + name, text);
  }
  support::Layout layout(scratch_.path("/layout"));
  for (const std::string version : {"1", "2"})
    layout.add("registry.example.org/tool:" + version,
               support::make_image({{{.name = "tool", .text = std::string(100'000, version[0]), .mode = 0755}}}));
  stdfs::create_directory(tree_);
  write_file(tree_ + "/etc/os-release", "PRETTY_NAME=\"Test 1.2.3\"\n");
  write_file(tree_ + "/var/lib/kubelet/cpu_manager_state", "{}\n");
}

// What others did since: a file and a directory to put right.
void GnaRun::disturb() const {
  write_file(tree_ + "/etc/demo/drifts", "by hand\n");
  stdfs::remove_all(tree_ + "/var/bin");
}

void GnaRun::begin() {
  for (const auto* osc : {"old", "new"}) {
    clear_output();
    if (run(program(osc)).exit_code != 0) throw std::runtime_error(std::string(osc) + ": " + output());
    const bool is_old = osc == std::string("old");
    if (is_old) {
      whole_before_ = read_tree(tree_);
      disturb();
    }
    (is_old ? before_ : after_) = read_tree(tree_);
    applied_once(is_old);
  }
}

Program GnaRun::program(const std::string& osc) const {
  return {.argv = {GNA_BINARY_DIR "/gna", "apply", "--root", tree_, "--host-name", "node-a", "--image-layout",
                   scratch_.path("/layout"), "--progress", "none", osc_directory() + "/" + osc + ".yaml"},
          .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
          .tree = tree_,
          .output = scratch_.path("/output"),
          .record_bytes = true};
}

void GnaRun::set(const Snapshot& disk) const {
  stdfs::remove_all(tree_);
  write_tree(disk, tree_);
}

Program GnaRun::program_without_modes(const std::string& osc) const {
  auto out = program(osc);
  out.enter = [enter = out.enter] {
    if (enter) enter();
    ::umask(0777);
  };
  return out;
}

Ended GnaRun::apply() const {
  clear_output();
  return run(program_without_modes("new"));
}

Ended GnaRun::apply(const std::function<Action(std::size_t, const Call&)>& decide) const {
  clear_output();
  return trace(program_without_modes("new"), decide);
}

Ended GnaRun::go_back() const {
  clear_output();
  return run(program("old"));
}

Program GnaRun::reset_program() const {
  auto out = program("old");
  out.argv = {GNA_BINARY_DIR "/gna", "reset", "--root", tree_, "--yes"};
  return out;
}

Ended GnaRun::reset() const {
  clear_output();
  return run(reset_program());
}

Ended GnaRun::reset(const std::function<Action(std::size_t, const Call&)>& decide) const {
  clear_output();
  return trace(reset_program(), decide);
}

std::string GnaRun::output() const { return read_file(scratch_.path("/output")); }

void GnaRun::clear_output() const { stdfs::remove(scratch_.path("/output")); }

std::string GnaRun::torn(const Snapshot& disk) const {
  std::string out;
  const auto ours = [](const std::string& path) {
    return (!path.starts_with(kState) || path == kLastApplied) && !is_temp_file(path);
  };
  for (const auto& [path, entry] : disk) {
    if (!ours(path)) continue;
    const auto old = before_.find(path);
    const auto fresh = after_.find(path);
    if ((old == before_.end() || old->second != entry) && (fresh == after_.end() || fresh->second != entry))
      out += path + ": torn\n";
  }
  for (const auto& [path, entry] : before_) {
    // What stays of one kind is there at any time; a folder's place may be free for a moment.
    const auto fresh = after_.find(path);
    if (ours(path) && fresh != after_.end() && fresh->second.kind == entry.kind && !disk.contains(path))
      out += path + ": gone\n";
  }
  // This one has more states than two; cut short, it would not be what is written of what it says.
  const auto changes = disk.find(kChanges);
  const auto said = changes == disk.end() ? std::nullopt : std::optional(store::parse_changes(changes->second.bytes));
  if (!said || !*said || store::write(**said) != changes->second.bytes) out += kChanges + ": torn\n";
  return out;
}

Snapshot GnaRun::settled(const Snapshot& tree) {
  return filtered(tree, [](const std::string& path, const Entry&) {
    // These tell of the runs themselves: when, which process, since which manifest.
    for (const auto* name : {"lock", "last-run.json", "manifest.json", "journal", "index.json"})
      if (path == kState + "/gna/" + name) return false;
    return true;
  });
}

std::string GnaRun::unlike_before() const {
  const auto left = [](const Snapshot& tree) {
    return filtered(settled(tree), [](const std::string& path, const Entry& entry) {
      // What the runs have left of themselves, and what the kubelet makes anew.
      return entry.kind != Entry::Kind::directory && path != kState + "/gna/previous-osc.yaml" &&
             path != "/var/lib/kubelet/cpu_manager_state";
    });
  };
  return difference(left(read_tree(tree_)), left(whole_before_));
}

plan::Applied GnaRun::applied(const Snapshot& tree) {
  const auto found = tree.find(kManifest);
  if (found == tree.end()) return {};
  const auto manifest = store::decode_manifest(found->second.bytes);
  return manifest && !manifest->running ? manifest->applied : plan::Applied{};
}

std::string GnaRun::unlike_an_undisturbed_run() const {
  const auto now = read_tree(tree_);
  auto out = difference(settled(now), settled(after_));
  const auto said = lines(applied(now));
  const auto expected = lines(applied(after_));
  for (const auto& line : said)
    if (!expected.contains(line)) out += "the manifest says " + line + "\n";
  for (const auto& line : expected)
    if (!said.contains(line)) out += "the manifest lacks " + line + "\n";
  return out;
}

}  // namespace gna::crash
