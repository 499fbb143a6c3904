#include "provision/machine_state.h"

#include "provision/take_over.h"

#include <gtest/gtest.h>

#include "gna/base/digest.h"
#include "provision/init_script.h"
#include "tests/support/temp_root.h"

namespace gna::provision {
namespace {

const std::string kOne(64, '1'), kTwo(64, '2');

MachineState state(std::int64_t generation, const std::string& sha256, const std::string& phase = kDonePhase,
                   const std::string& machine = "m1") {
  return {.generation = generation, .sha256 = sha256, .machine = machine, .phase = phase};
}

TEST(MachineState, SurvivesWritingAndReading) {
  auto full = state(1790000000, kOne, "files");
  full.files = {{.sha256 = kTwo, .mode = 0644, .path = "/etc/containerd/certs.d/docker.io/a b.pem"}};
  EXPECT_EQ(parse_machine_state(write(full)).value(), full);
  const auto bare = state(1, kOne, kDonePhase, "");
  EXPECT_EQ(parse_machine_state(write(bare)).value(), bare);
}

TEST(MachineState, IsAsTheScriptWritesIt) {
  EXPECT_EQ(write(state(7, kOne)), "gna-provision 1\ngeneration 7\nsha256 " + kOne + "\nmachine m1\nphase done\n");
}

TEST(MachineState, ThatIsDamagedIsRefused) {
  const auto good = write(state(7, kOne));
  for (const auto& text :
       {std::string(), std::string("gna-provision 2\n"), std::string("gna-provision 1\n"),
        "gna-provision 1\ngeneration x\nsha256 " + kOne + "\n", good.substr(0, 60),
        good + "file " + kOne + " 0644 /etc/passwd\n", good + "file " + kOne + " 0644 /etc/containerd/certs.d/../x\n",
        good + "file " + kOne + " 09 /etc/containerd/certs.d/x\n", good + "file 12 0644 /etc/containerd/certs.d/x\n"})
    EXPECT_EQ(parse_machine_state(text).error().code, Code::Corrupt) << text;
}

TEST(Decision, NeverGoesBack) {
  const auto wanted = state(10, kTwo);
  EXPECT_TRUE(decide(std::nullopt, wanted, false).apply);
  EXPECT_FALSE(decide(std::nullopt, wanted, true).apply);
  EXPECT_FALSE(decide(state(9, kOne), wanted, true).apply);
  EXPECT_TRUE(decide(state(9, kOne), wanted, false).apply);
  EXPECT_TRUE(decide(state(9, kOne, "files"), wanted, false).apply);
  EXPECT_FALSE(decide(state(10, kOne), wanted, false).apply);
  EXPECT_FALSE(decide(state(11, kOne), wanted, false).apply);
  EXPECT_FALSE(decide(state(11, kOne, "files"), wanted, false).apply);
  // The same content, whenever it was rendered.
  EXPECT_FALSE(decide(state(9, kTwo), wanted, false).apply);
  EXPECT_FALSE(decide(state(11, kTwo), wanted, false).apply);
  EXPECT_TRUE(decide(state(10, kTwo, "files"), wanted, false).apply);
}

TEST(Decision, OfAClonedDiskIsToBeginAnew) {
  EXPECT_TRUE(decide(state(11, kOne, kDonePhase, "m2"), state(10, kTwo), false).apply);
  EXPECT_TRUE(decide(state(10, kTwo, kDonePhase, "m2"), state(10, kTwo), false).apply);
  EXPECT_FALSE(decide(state(10, kTwo, kDonePhase, ""), state(10, kTwo), false).apply);
}

TEST(Decision, IsSaidInOneLine) {
  for (const auto& before :
       {state(11, kOne), state(9, kTwo), state(9, kTwo, "files"), state(1, kOne, kDonePhase, "m2")}) {
    const auto verdict = decide(before, state(10, kTwo), false);
    EXPECT_FALSE(verdict.why.empty());
    EXPECT_EQ(verdict.why.find('\n'), std::string::npos);
  }
}

class Inheritance : public testing::Test {
 protected:
  void written(const std::string& path, const std::string& bytes) {
    tree_.write(path, bytes);
    state_.files.push_back({.sha256 = sha256_hex(bytes), .mode = 0644, .path = path});
    tree_.write(kStatePath, write(state_));
  }
  plan::Applied inherited() { return provision::inherited(root_).value(); }

  const support::TempRoot tree_;
  const fs::RootFs root_ = fs::RootFs::open(tree_.path().string()).value();
  MachineState state_ = state(1, kOne);
};

TEST_F(Inheritance, IsWhatLiesThereUnchanged) {
  written("/etc/containerd/certs.d/docker.io/hosts.toml", "x\n");
  written("/etc/containerd/certs.d/docker.io/m-ca-bundle.pem", "ca\n");
  written("/etc/containerd/certs.d/quay.io/hosts.toml", "y\n");
  tree_.write("/etc/containerd/certs.d/quay.io/hosts.toml", "changed by hand\n");
  const auto ours = inherited();
  EXPECT_EQ(ours.files.size(), 1u);
  EXPECT_EQ(ours.files.at("/etc/containerd/certs.d/docker.io/m-ca-bundle.pem").sha256, sha256_hex("ca\n"));
  EXPECT_EQ(ours.registries.size(), 1u);
  EXPECT_TRUE(ours.registries.contains("docker.io"));
}

TEST_F(Inheritance, KnowsTheOrderThatInitHasMade) {
  written("/etc/containerd/certs.d/docker.io/hosts.toml", "dead\nlive\n");
  tree_.write("/etc/containerd/certs.d/docker.io/hosts.toml", "live\ndead\n");
  EXPECT_TRUE(inherited().registries.empty());
  tree_.write(kOrderPath,
              "file " + sha256_hex("live\ndead\n") + " 0644 /etc/containerd/certs.d/docker.io/hosts.toml\n");
  EXPECT_TRUE(inherited().registries.contains("docker.io"));
}

TEST_F(Inheritance, EndsWhenTheAgentHasTakenOver) {
  written("/etc/containerd/certs.d/docker.io/hosts.toml", "x\n");
  tree_.write("/var/lib/gardener-node-agent/last-applied-osc.yaml", "");
  EXPECT_TRUE(inherited().empty());
}

TEST_F(Inheritance, OfAMachineThatWasNotProvisionedByUsIsNothing) { EXPECT_TRUE(inherited().empty()); }

}  // namespace
}  // namespace gna::provision
