#include "provision/bootstrap/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_root.h"
#include "tests/support/tls_server.h"
#include "tests/unit/provision_machine/fake_services.h"

namespace gna::provision {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Deadline kSoon = std::chrono::steady_clock::now() + std::chrono::minutes(5);

class BootstrapTest : public testing::Test {
 protected:
  StagesEnd run() {
    reports_.clear();
    return run_stages(bootstrap_stages(of_),
                      {.ended = [this](const StageReport& report) { reports_.push_back(report); }}, kSoon);
  }
  const StageReport& report(const std::string& name) const {
    return *std::ranges::find(reports_, name, &StageReport::name);
  }

  const support::TempRoot tree_;
  const fs::RootFs root_ = fs::RootFs::open(tree_.path().string()).value();
  FakeServices services_;
  Bootstrap of_{.root = root_, .services = services_};
  std::vector<StageReport> reports_;
};

TEST_F(BootstrapTest, StartsTheAgentBeforeItRetiresInit) {
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(services_.calls_, ElementsAre("reload", "enable gardener-node-agent.service",
                                            "start gardener-node-agent.service", "disable gardener-node-init.service"));
  EXPECT_EQ(tree_.read(kAgentUnitPath), agent_unit());
  struct stat directory = {};
  ASSERT_EQ(::stat(tree_.on_host("/var/lib/gardener-node-agent/tmp").c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode & 0777, 0700u);
}

TEST_F(BootstrapTest, MayRunAgain) {
  EXPECT_FALSE(run().failed);
  const auto once = services_.calls_;
  services_.calls_.clear();
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(services_.calls_, once);
  EXPECT_EQ(report("agent-unit").result->outcome, Outcome::already);
}

TEST_F(BootstrapTest, KeepsInitUntilTheAgentHasStarted) {
  for (const auto* step : {"reload", "enable gardener-node-agent.service", "start gardener-node-agent.service"}) {
    services_.failing_ = step;
    EXPECT_TRUE(run().failed) << step;
    EXPECT_TRUE(services_.enabled_.contains(FakeServices::kInit));
  }
}

TEST_F(BootstrapTest, LeavesDisksAndJobsOfAnOfflineTreeAlone) {
  services_.live_ = false;
  of_.config.kubelet_disk_bytes = 1000;
  of_.config.api_server = "https://nowhere.invalid";
  EXPECT_FALSE(run().failed);
  for (const auto* name : {"kubelet-disk", "start", "api-server"})
    EXPECT_EQ(report(name).result->outcome, Outcome::skipped) << name;
}

// Nothing that follows would help: the kubelet would fill the root disk.
TEST_F(BootstrapTest, StartsNothingWithoutTheDiskThatIsConfigured) {
  tree_.write("/bin/lsblk", "#!/bin/sh\n", 0755);
  tree_.write("/bin/blkid", "#!/bin/sh\nexit 2\n", 0755);
  of_.config.kubelet_disk_bytes = 1000;
  of_.disk.directory = tree_.on_host("/var/lib/kubelet").string();
  of_.disk.programs = {tree_.on_host("/bin").string()};
  const auto end = run();
  EXPECT_EQ(end.error.code, Code::NotFound) << end.error.message;
  EXPECT_TRUE(services_.calls_.empty());
}

TEST_F(BootstrapTest, AsksTheApiServerWithItsTokenAndCa) {
  const support::Authority authority("cluster");
  support::TlsServer server({.certificate = authority.issue({"127.0.0.1"})}, [](const auto& request) {
    return support::HttpReply{.status = request.target == "/version" ? 200 : 404};
  });
  tree_.write("/ca.crt", authority.pem());
  tree_.write("/var/lib/gardener-node-agent/credentials/bootstrap-token", "abcdef.0123456789abcdef\n");
  of_.config.api_server = server.url("");
  of_.config.api_ca_file = "/ca.crt";
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("api-server").result->warnings, testing::IsEmpty());
  EXPECT_EQ(server.requests().at(0).headers.at("authorization"), "Bearer abcdef.0123456789abcdef");
}

TEST_F(BootstrapTest, OnlyWarnsOfAnApiServerThatDoesNotAnswer) {
  of_.config.api_server = "https://127.0.0.1:1";
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("api-server").result->warnings, ElementsAre(HasSubstr("bootstrap-token")));
  tree_.write("/var/lib/gardener-node-agent/credentials/bootstrap-token", "abcdef.0123456789abcdef\n");
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("api-server").result->warnings, ElementsAre(HasSubstr("may not join")));
  // The token as the template has it, or one that would end the header: never sent, never shown.
  tree_.write("/var/lib/gardener-node-agent/credentials/bootstrap-token", "abc\r\nX-Evil: 1\n");
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("api-server").result->warnings, ElementsAre(HasSubstr("holds no token")));
}

}  // namespace
}  // namespace gna::provision
