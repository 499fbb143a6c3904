// A new machine's first steps, `gna provision run` and `gna bootstrap`, cut short at every call and by power cuts: no
// file is torn, and running again ends as if nothing had happened.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/crash/power_cut.h"
#include "tests/crash/scratch.h"
#include "tests/crash/snapshot.h"
#include "tests/crash/tracer.h"
#include "tests/support/oci_image.h"

namespace gna::crash {
namespace {

constexpr const char* kImage = "registry.example.org/node-agent:1";
constexpr const char* kState = "/var/lib/gardener-node-agent/provision-state";
constexpr const char* kLock = "/var/lib/gardener-node-agent/gna/lock";
constexpr auto kGo = [](std::size_t, const Call&) { return Action{}; };

class Provision : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    support::Layout layout(scratch_.path("/layout"));
    layout.add(kImage, support::make_image(
                           {{{.name = "gardener-node-agent", .text = std::string(100'000, 'a'), .mode = 0755}}}));
    std::ofstream(scratch_.path("/mirrors.yaml"))
        << "apiVersion: mirror.extensions.gardener.cloud/v1alpha1\nkind: MirrorConfig\nmirrors:\n"
           "- upstream: registry.example.org\n  provisionRelevant: true\n"
           "  hosts: [{host: 'http://127.0.0.1:1', capabilities: [pull, resolve]}]\n";
    const auto file = [](const std::string& bytes) { return Entry{.mode = 0644, .bytes = bytes}; };
    const Entry directory{.kind = Entry::Kind::directory, .mode = 0755};
    before_ = {{"/etc", directory}, {"/etc/machine-id", file("m1\n")}};
    if (GetParam() == std::string("bootstrap")) {
      const std::string system = "/etc/systemd/system";
      for (const std::string path :
           {"/etc/systemd", "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants", "/var", "/var/lib",
            "/var/lib/gardener-node-agent"})
        before_[path] = directory;
      before_[system + "/gardener-node-init.service"] = file("[Install]\nWantedBy=multi-user.target\n");
      before_[system + "/multi-user.target.wants/gardener-node-init.service"] = {
          .kind = Entry::Kind::symlink, .bytes = "/etc/systemd/system/gardener-node-init.service"};
      before_["/var/lib/gardener-node-agent/config-v1.yaml"] = file("kind: NodeAgentConfiguration\n");
    }
    set(before_);
    const auto ended = trace(program(), kGo);
    ASSERT_EQ(ended.exit_code, 0) << output();
    whole_ = ended.calls;
    after_ = settled(read_tree(tree_));
  }

  Program program() const {
    std::vector<std::string> argv = {GNA_BINARY_DIR "/gna"};
    if (GetParam() == std::string("bootstrap"))
      argv.insert(argv.end(), {"bootstrap", "--config-dir=/var/lib/gardener-node-agent"});
    else
      argv.insert(argv.end(), {"provision", "run", GNA_TESTDATA "/osc/real/provision-worker.yaml", "--mirrors",
                               scratch_.path("/mirrors.yaml"), "--image", kImage, "--image-layout",
                               scratch_.path("/layout"), "--generation", "7"});
    argv.insert(argv.end(), {"--root", tree_});
    return {.argv = argv,
            .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
            .tree = tree_,
            .output = scratch_.path("/output"),
            .record_bytes = true};
  }
  void set(const Snapshot& disk) const {
    std::filesystem::remove_all(tree_);
    write_tree(disk, tree_);
  }
  std::string output() const {
    std::ifstream in(scratch_.path("/output"));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static Snapshot settled(const Snapshot& tree) {
    return filtered(tree, [](const std::string& path, const Entry&) { return path != kLock; });
  }
  // "" if each file is as before or as after; the record tells of stages in between.
  std::string torn(const Snapshot& disk) const {
    std::string out;
    for (const auto& [path, entry] : settled(disk)) {
      if (is_temp_file(path) || path == kState || entry.kind == Entry::Kind::directory) continue;
      const auto old = before_.find(path), fresh = after_.find(path);
      if ((old == before_.end() || old->second != entry) && (fresh == after_.end() || fresh->second != entry))
        out += path + ": torn\n";
    }
    return out;
  }
  std::string heal() const {
    if (const auto again = run(program()); again.exit_code != 0)
      return "exit " + std::to_string(again.exit_code) + ": " + output();
    return difference(settled(read_tree(tree_)), after_);
  }

  Scratch scratch_;
  std::string tree_ = scratch_.path("/tree");
  Snapshot before_, after_;
  std::vector<Call> whole_;
};

INSTANTIATE_TEST_SUITE_P(Of, Provision, ::testing::Values("run", "bootstrap"),
                         [](const auto& i) { return std::string(i.param); });

TEST_P(Provision, KilledAtEachCallItHeals) {
  EXPECT_GT(whole_.size(), 10u);
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    SCOPED_TRACE("killed at #" + std::to_string(at) + " " + name(whole_[at].op) + " " + whole_[at].path);
    set(before_);
    const auto killed = trace(program(), killed_at(at));
    ASSERT_EQ(killed.signal, SIGKILL);
    ASSERT_EQ(torn(read_tree(tree_)), "");
    ASSERT_EQ(heal(), "");
  }
}

TEST_P(Provision, HealsFromEveryPowerCut) {
  const PowerCut cuts(before_, whole_, tree_);
  cuts.enumerate(1, [&](const Cut& cut, const Snapshot& disk) {
    if (HasFatalFailure()) return;
    SCOPED_TRACE(cut.text(cuts.calls(), tree_));
    ASSERT_EQ(torn(disk), "");
    set(disk);
    ASSERT_EQ(heal(), "");
  });
}

}  // namespace
}  // namespace gna::crash
