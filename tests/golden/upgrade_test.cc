// From one OSC to the next: old then new leaves what new alone leaves, and applying anything
// a second time has nothing to do.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <random>
#include <regex>

#include "tests/golden/go_run.h"

namespace gna::golden {
namespace {

namespace stdfs = std::filesystem;

constexpr const char* kContainerd = "1.6.20";
constexpr int kRandomPairs = 60;
constexpr unsigned kSeed = 20261123;

struct DocumentPair {
  std::string name = {};
  std::string before = {};
  std::string after = {};
};

void PrintTo(const DocumentPair& pair, std::ostream* out) { *out << pair.name; }

std::vector<DocumentPair> pairs_below(const std::string& folder) {
  std::vector<DocumentPair> pairs;
  for (const auto& entry : stdfs::directory_iterator(folder))
    if (entry.is_directory())
      pairs.push_back({entry.path().filename(), entry.path() / "old.yaml", entry.path() / "new.yaml"});
  std::ranges::sort(pairs, {}, &DocumentPair::name);
  return pairs;
}

std::vector<DocumentPair> upgrade_pairs() { return pairs_below(std::string(GNA_TESTDATA) + "/osc/upgrades"); }

// A path that goes from spec.files to a unit, a mirror or containerd's settings, or back, or that both want.
std::vector<DocumentPair> owner_pairs() { return pairs_below(std::string(GNA_SOURCE_DIR) + "/tests/golden/owners"); }

// Two random documents of the chains: much changes at once.
std::vector<DocumentPair> random_pairs() {
  std::vector<std::string> documents;
  for (const auto& name : run_names()) {
    if (!name.starts_with("chain-")) continue;
    for (const auto& step : load_run(name).steps) documents.push_back(step.osc_path);
  }
  std::mt19937 random(kSeed);
  std::vector<DocumentPair> pairs;
  for (int i = 0; i < kRandomPairs; ++i) {
    const auto pick = [&] { return documents.at(random() % documents.size()); };
    pairs.push_back({"seed_" + std::to_string(kSeed) + "_" + std::to_string(i), pick(), pick()});
  }
  return pairs;
}

std::unique_ptr<Node> fresh_node() {
  auto node = std::make_unique<Node>("node-a", kContainerd, false, Node::Mirrors::answer);
  node->write("/etc/os-release", "PRETTY_NAME=\"Garden Linux 1592.1.0\"\n");  // the in-place pairs start from it
  node->write("/etc/containerd/config.toml",
              read_host_file(std::string(GNA_TESTDATA) + "/golden/containerd/" + kContainerd + ".toml"));
  return node;
}

void applied(Node& node, const std::string& osc) {
  const auto summary = node.apply(osc);
  ASSERT_TRUE(summary) << osc << ": " << summary.error().message;
  for (const auto& [step, error] : summary->failures) ADD_FAILURE() << osc << ": " << step.id << ": " << error.message;
}

class Upgrade : public ::testing::TestWithParam<DocumentPair> {};

TEST_P(Upgrade, EndsWhereAFreshNodeEnds) {
  const auto& [name, before, after] = GetParam();
  const auto upgraded = fresh_node();
  applied(*upgraded, before);
  applied(*upgraded, after);
  const auto fresh = fresh_node();
  applied(*fresh, after);
  EXPECT_EQ(differences(what_counts(fresh->tree()), what_counts(upgraded->tree())), std::vector<std::string>{});
  EXPECT_EQ(
      config_differences(fresh->read("/etc/containerd/config.toml"), upgraded->read("/etc/containerd/config.toml")),
      std::vector<std::string>{});
}

TEST_P(Upgrade, HasNothingToDoTheSecondTime) {
  const auto node = fresh_node();
  for (const auto& osc : {GetParam().before, GetParam().after}) {
    applied(*node, osc);
    const auto again = node->prepare(osc);
    ASSERT_TRUE(again) << again.error().message;
    for (const auto& stage : again->plan.stages)
      for (const auto& step : stage.steps) ADD_FAILURE() << osc << ": " << step.id << ": " << step.reason;
    const auto tree = node->tree();
    applied(*node, osc);
    EXPECT_EQ(differences(tree, node->tree()), std::vector<std::string>{});
  }
}

std::string label(const ::testing::TestParamInfo<DocumentPair>& test) {
  return std::regex_replace(test.param.name, std::regex("[^A-Za-z0-9]"), "_");
}

INSTANTIATE_TEST_SUITE_P(Pairs, Upgrade, ::testing::ValuesIn(upgrade_pairs()), label);
INSTANTIATE_TEST_SUITE_P(Owners, Upgrade, ::testing::ValuesIn(owner_pairs()), label);
INSTANTIATE_TEST_SUITE_P(Random, Upgrade, ::testing::ValuesIn(random_pairs()), label);

TEST(UpgradeData, IsWhole) {
  EXPECT_EQ(upgrade_pairs().size(), 49u);
  EXPECT_EQ(owner_pairs().size(), 13u);
}

// Nothing of ours is left after a reset, and nothing that was not ours is gone.
TEST(Reset, LeavesTheNodeAsItWas) {
  const auto node = fresh_node();
  node->write("/etc/systemd/system/demo.service.d/99-foreign.conf", "[Service]\n");
  const auto before = what_counts(node->tree());
  const auto config = node->read("/etc/containerd/config.toml");
  applied(*node, std::string(GNA_TESTDATA) + "/osc/upgrades/12-dropin-changed/new.yaml");
  ASSERT_TRUE(node->reset());
  EXPECT_EQ(differences(before, what_counts(node->tree())), std::vector<std::string>{});
  EXPECT_EQ(config_differences(config, node->read("/etc/containerd/config.toml")), std::vector<std::string>{});
}

}  // namespace
}  // namespace gna::golden
