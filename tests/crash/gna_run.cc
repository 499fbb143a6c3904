#include "tests/crash/gna_run.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
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

GnaRun::GnaRun() {
  support::Layout layout(scratch_.path("/layout"));
  for (const std::string version : {"1", "2"})
    layout.add("registry.example.org/tool:" + version,
               support::make_image({{{.name = "tool", .text = std::string(100'000, version[0]), .mode = 0755}}}));
  stdfs::create_directory(tree_);
}

void GnaRun::begin() {
  for (const auto* osc : {"old", "new"}) {
    clear_output();
    if (run(program(osc)).exit_code != 0) throw std::runtime_error(std::string(osc) + ": " + output());
    const bool is_old = osc == std::string("old");
    (is_old ? before_ : after_) = read_tree(tree_);
    applied_once(is_old);
  }
}

Program GnaRun::program(const std::string& osc) const {
  return {.argv = {GNA_BINARY_DIR "/gna", "apply", "--root", tree_, "--host-name", "node-a", "--image-layout",
                   scratch_.path("/layout"), "--progress", "none", GNA_SOURCE_DIR "/tests/crash/osc/" + osc + ".yaml"},
          .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
          .tree = tree_,
          .output = scratch_.path("/output"),
          .record_bytes = true};
}

void GnaRun::set(const Snapshot& disk) const {
  stdfs::remove_all(tree_);
  write_tree(disk, tree_);
}

Ended GnaRun::apply() const {
  clear_output();
  return run(program("new"));
}

Ended GnaRun::apply(const std::function<Action(std::size_t, const Call&)>& decide) const {
  clear_output();
  return trace(program("new"), decide);
}

std::string GnaRun::output() const {
  std::ifstream in(scratch_.path("/output"));
  return {std::istreambuf_iterator<char>(in), {}};
}

void GnaRun::clear_output() const { stdfs::remove(scratch_.path("/output")); }

std::string GnaRun::torn(const Snapshot& disk) const {
  std::string out;
  const auto ours = [](const std::string& path) { return !path.starts_with(kState) && !is_temp_file(path); };
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
