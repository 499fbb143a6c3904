#include "agent/config/config.h"

#include <gtest/gtest.h>

#include "tests/support/temp_root.h"

namespace gna::config {
namespace {

constexpr const char* kHead = "apiVersion: nodeagent.config.gardener.cloud/v1alpha1\nkind: NodeAgentConfiguration\n";

TEST(AgentConfig, SaysWhichDiskAndWhichServer) {
  const auto config = parse(std::string(kHead) +
                            "apiServer: {server: 'https://api.example', caFile: /ca.crt}\n"
                            "bootstrap: {kubeletDataVolumeSize: 107374182400}\nlogLevel: ''\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(
      *config,
      (AgentConfig{.kubelet_disk_bytes = 107374182400, .api_server = "https://api.example", .api_ca_file = "/ca.crt"}));
}

TEST(AgentConfig, NeedsNeither) {
  EXPECT_EQ(parse(std::string(kHead) + "bootstrap: {}\n").value(), AgentConfig{});
  EXPECT_EQ(parse(std::string(kHead) + "bootstrap: null\napiServer: {server: null}\n").value(), AgentConfig{});
}

TEST(AgentConfig, RefusesWhatItCannotMean) {
  for (const auto* rest :
       {"bootstrap: {kubeletDataVolumeSize: 50Gi}\n", "bootstrap: {kubeletDataVolumeSize: -1}\n",
        "bootstrap: {kubeletDataVolumeSize: 0}\n", "apiServer: {server: [1]}\n", "a: [\n", "logLevel: loud\n",
        "logFormat: xml\n", "controllers: {operatingSystemConfig: {syncPeriod: 14s}}\n",
        "controllers: {operatingSystemConfig: {syncPeriod: often}}\n"}) {
    const auto config = parse(std::string(kHead) + rest);
    ASSERT_FALSE(config) << rest;
    EXPECT_EQ(config.error().code, Code::InvalidArgument);
  }
  EXPECT_FALSE(parse("kind: Pod\n"));
  EXPECT_FALSE(parse(""));
}

TEST(AgentConfig, SaysHowOftenToLookAndWhatToLog) {
  const auto said = parse(std::string(kHead) +
                          "logLevel: debug\nlogFormat: text\n"
                          "controllers: {operatingSystemConfig: {syncPeriod: 1m30s}}\n");
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(said->sync_period, std::chrono::seconds(90));
  EXPECT_EQ(said->log_level, "debug");
  EXPECT_EQ(said->log_format, "text");
  // As Go writes what was not set.
  const auto unset = parse(std::string(kHead) + "logLevel: ''\nlogFormat: ''\ncontrollers: {}\n");
  ASSERT_TRUE(unset) << unset.error().message;
  EXPECT_EQ(*unset, AgentConfig{});
}

TEST(AgentConfig, OfTheGreatestVersionCounts) {
  EXPECT_EQ(newest({"config-v1.99.3.yaml", "config-v1.150.0.yaml", "config-v1.98.11.yaml"}), "config-v1.150.0.yaml");
  EXPECT_EQ(newest({"config-v1.150.0-dev.yaml", "config-v1.150.0.yaml"}), "config-v1.150.0.yaml");
  EXPECT_EQ(newest({"config-v1.150.0.yaml", "config-v1.150.0-dev.yaml"}), "config-v1.150.0.yaml");
  EXPECT_EQ(newest({"config-v1.150.0-dev.yaml", "config-v1.149.9.yaml"}), "config-v1.150.0-dev.yaml");
  EXPECT_EQ(newest({"config-.yaml", "config.yaml", "init.sh", "xconfig-v1.yaml"}), std::nullopt);
}

TEST(AgentConfig, ThatIsNotThereMayStillCome) {
  const support::TempRoot tree;
  const auto root = fs::RootFs::open(tree.path().string()).value();
  const auto missing = load(root, "/var/lib/gardener-node-agent");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::NotFound);
  tree.write("/var/lib/gardener-node-agent/config-v1.2.3.yaml", "kind: Pod\n");
  const auto wrong = load(root, "/var/lib/gardener-node-agent");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace gna::config
