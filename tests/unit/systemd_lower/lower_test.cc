#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/hosts_toml.h"
#include "backends/systemd/lower.h"
#include "gna/base/digest.h"

namespace gna::systemd {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const desired::Facts kLive{.host_name = "node-a", .containerd = desired::Version{{1, 6, 20}}};
const desired::Facts kOffline{.host_name = "node-a", .containerd = desired::Version{{1, 6, 20}}, .live = false};

desired::State demo() {
  desired::State wanted;
  wanted.files["/etc/demo.conf"] = {.content = "a=1\n", .mode = 0644};
  wanted.files["/opt/bin/tool"] = {.content = desired::ImageSource{"img:1", "/tool"}, .mode = 0755};
  wanted.units["demo.service"] = {
      .content = "[Service]\n", .drop_ins = {{"10-a.conf", "a"}}, .watches = {"/etc/demo.conf", "/opt/bin/tool"}};
  return wanted;
}

plan::Plan lowered(const desired::State& wanted, const plan::Applied& applied = {}, const observed::State& now = {},
                   const desired::Facts& facts = kLive) {
  return lower(plan::diff(applied, now, wanted), wanted, now, facts);
}

std::vector<std::string> ids(const plan::Plan& plan) {
  std::vector<std::string> out;
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps) out.push_back(step.id);
  return out;
}

const plan::Step& step(const plan::Plan& plan, const std::string& id) {
  for (const auto& stage : plan.stages)
    for (const auto& each : stage.steps)
      if (each.id == id) return each;
  throw std::runtime_error("no step " + id);
}

TEST(Lower, OrdersAFirstApply) {
  EXPECT_THAT(ids(lowered(demo())), ElementsAre("file:/etc/demo.conf", "file:/opt/bin/tool", "unit:demo.service",
                                                "dropIn:demo.service.d/10-a.conf", "enable:demo.service",
                                                "daemon-reload", "restart:demo.service", "restart:containerd.service"));
}

TEST(Lower, AFileAloneNeedsNoReload) {
  desired::State wanted;
  wanted.files["/etc/demo.conf"] = {.content = "a"};
  EXPECT_THAT(ids(lowered(wanted)), Not(Contains("daemon-reload")));
}

TEST(Lower, AFileBelowTheUnitDirectoriesNeedsOne) {
  desired::State wanted;
  wanted.files["/etc/systemd/system/x.service.d/y.conf"] = {.content = "a"};
  EXPECT_THAT(ids(lowered(wanted)), Contains("daemon-reload"));
}

TEST(Lower, AFileThatGoesFromThereGoesBeforeTheReload) {
  plan::Applied applied{.files = {{"/etc/systemd/system/x.service.d/y.conf", {.mode = 0600, .sha256 = "1"}},
                                  {"/etc/demo.conf", {.mode = 0600, .sha256 = "2"}}},
                        .containerd_started_with = "none"};
  EXPECT_THAT(ids(lowered({}, applied)),
              ElementsAre("file:/etc/systemd/system/x.service.d/y.conf", "daemon-reload", "file:/etc/demo.conf"));
}

TEST(Lower, AUnitThatAsksForAReloadGetsOne) {
  const auto wanted = demo();
  observed::State now;
  now.units["demo.service"].need_reload = true;
  plan::Applied applied;
  applied.units["demo.service"].started_with = desired::digest(wanted.units.at("demo.service"), wanted);
  EXPECT_THAT(ids(lowered(wanted, applied, now)), Contains("daemon-reload"));
}

TEST(Lower, OfflineNothingIsRestartedOrReloaded) {
  const auto plan = lowered(demo(), {}, {}, kOffline);
  EXPECT_THAT(ids(plan), ElementsAre("file:/etc/demo.conf", "file:/opt/bin/tool", "unit:demo.service",
                                     "dropIn:demo.service.d/10-a.conf", "enable:demo.service"));
  EXPECT_EQ(step(plan, "file:/etc/demo.conf").disruption, plan::Disruption::none);
  EXPECT_EQ(step(lowered(demo()), "file:/etc/demo.conf").disruption, plan::Disruption::restartsUnit);
  EXPECT_EQ(plan.settled.units.at("demo.service").started_with,
            desired::digest(demo().units.at("demo.service"), demo()));
}

TEST(Lower, OwesTheRestartBeforeItWrites) {
  const auto plan = lowered(demo());
  for (const char* id : {"file:/etc/demo.conf", "file:/opt/bin/tool", "unit:demo.service"})
    EXPECT_EQ(step(plan, id).before.units.at("demo.service").started_with, "") << id;
  EXPECT_EQ(step(plan, "unit:demo.service").before.reload_owed, true);
  EXPECT_EQ(step(plan, "daemon-reload").after.reload_owed, false);
  EXPECT_NE(step(plan, "restart:demo.service").after.units.at("demo.service").started_with, "");
}

TEST(Lower, AJobNeedsWhatFeedsIt) {
  EXPECT_THAT(step(lowered(demo()), "restart:demo.service").needs,
              ElementsAre("file:/etc/demo.conf", "file:/opt/bin/tool", "unit:demo.service",
                          "dropIn:demo.service.d/10-a.conf", "daemon-reload"));
}

TEST(Lower, ClaimsAFileBeforeItWrites) {
  const auto plan = lowered(demo());
  const auto& before = step(plan, "file:/etc/demo.conf").before.files.at("/etc/demo.conf");
  EXPECT_EQ(before->sha256, "");
  EXPECT_EQ(step(plan, "file:/etc/demo.conf").after.files.at("/etc/demo.conf")->sha256, sha256_hex("a=1\n"));
}

TEST(Lower, TheAgentsOwnUnitComesLastAndAlone) {
  auto wanted = demo();
  wanted.units["gardener-node-agent.service"] = {.content = "[Service]\n", .role = desired::Role::node_agent};
  const auto plan = lowered(wanted);
  EXPECT_EQ(plan.stages.back().name, plan::kOwnUnitStage);
  EXPECT_EQ(plan.stages.back().steps.front().disruption, plan::Disruption::restartsAgent);
}

TEST(Lower, RetiresOwnUnitsAndLeavesVendorsRunning) {
  plan::Applied applied{.units = {{"ours.service", {.owns_file = true}},
                                  {"ssh.service", {.drop_ins = {{"50-x.conf", ""}}}},
                                  {"local.service", {.drop_ins = {{"50-x.conf", ""}}}}},
                        .containerd_started_with = "none"};
  observed::State now;
  now.units["local.service"].unit_file.kind = observed::FileKind::regular;
  const auto plan = lowered({}, applied, now);
  EXPECT_THAT(ids(plan), ElementsAre("retire:local.service", "retire:ours.service", "retire:ssh.service",
                                     "daemon-reload", "restart:local.service"));
}

// Forgotten with its drop-in, a unit would lose its restart to a crash between the two.
TEST(Lower, AUnitThatIsNotOursIsForgottenWithItsRestart) {
  plan::Applied applied{.units = {{"local.service", {.drop_ins = {{"50-x.conf", ""}}, .started_with = "with"}}},
                        .containerd_started_with = "none"};
  observed::State now;
  now.units["local.service"] = {.unit_file = {.kind = observed::FileKind::regular}, .invocation = "1"};
  const auto plan = lowered({}, applied, now);
  plan::edit(applied, step(plan, "retire:local.service").before);
  plan::edit(applied, step(plan, "retire:local.service").after);
  plan::edit(applied, step(plan, "daemon-reload").after);
  EXPECT_THAT(applied.units.at("local.service").drop_ins, IsEmpty());
  EXPECT_THAT(ids(lowered({}, applied, now)), ElementsAre("retire:local.service", "restart:local.service"));

  auto restarted = applied;
  plan::edit(restarted, step(plan, "restart:local.service").after);
  EXPECT_THAT(restarted.units, IsEmpty());

  // Its restart was sent, and came.
  applied.units.at("local.service").sent_with = plan::kWithoutOurs;
  applied.units.at("local.service").invocation_before = "0";
  const auto resumed = lowered({}, applied, now);
  EXPECT_THAT(ids(resumed), ElementsAre("retire:local.service"));
  EXPECT_TRUE(step(resumed, "retire:local.service").after.units.at("local.service").forget);
}

TEST(Lower, AMirrorThatDoesNotAnswerWaitsWithoutBlocking) {
  desired::State wanted;
  wanted.registries["docker.io"] = {
      .upstream = "docker.io", .hosts = {{.url = "https://m", .capabilities = {"pull"}}}, .readiness_probe = true};
  observed::State now;
  now.mirrors[observed::mirror_key("docker.io", "https://m")] = {.error = "refused"};
  const auto waiting = lowered(wanted, {}, now);
  EXPECT_TRUE(std::holds_alternative<plan::AwaitMirror>(step(waiting, "registry:docker.io").action));
  EXPECT_THAT(ids(waiting), Contains("await:docker.io"));
  now.mirrors.begin()->second.reachable = true;
  EXPECT_TRUE(std::holds_alternative<plan::WriteFile>(step(lowered(wanted, {}, now), "registry:docker.io").action));
  EXPECT_TRUE(
      std::holds_alternative<plan::WriteFile>(step(lowered(wanted, {}, now, kOffline), "registry:docker.io").action));
}

// Exit 3 says "this backend cannot", exit 1 "this node cannot, as it is".
TEST(Lower, TellsSettingsThatNoFileCanHoldFromAFileThatCannotBePatched) {
  desired::State wanted;
  wanted.containerd = desired::Containerd{.sandbox_image = "pause:1"};
  const auto refused_for = [&](const char* config) {
    observed::State now;
    now.files[containerd::kConfigPath].kind = observed::FileKind::regular;
    now.documents[containerd::kConfigPath] = config;
    const auto plan = lowered(wanted, {}, now);
    return plan.refused.empty() ? std::optional<Code>() : plan.refused.front().code;
  };
  EXPECT_EQ(refused_for("version = 2\n"), std::nullopt);
  for (const auto* config : {"version = \"2\"\n", "version = 9\n", "plugins = 5\n", "[plugins", "a = \"\xe4\"\n"})
    EXPECT_EQ(refused_for(config), Code::Conflict) << config;
  wanted.containerd->plugins = {{.path = {"a"}, .values = R"({"list": [null]})"}};
  EXPECT_EQ(refused_for("version = 2\n"), Code::Unsupported);
}

// It would start with the settings of before, and count as one that runs with what is wanted.
TEST(Lower, RestartsNoContainerdWhoseFileCannotBePatched) {
  desired::State wanted;
  wanted.containerd = desired::Containerd{.sandbox_image = "pause:1"};
  observed::State now;
  now.files[containerd::kConfigPath].kind = observed::FileKind::regular;
  now.documents[containerd::kConfigPath] = "version = 2\n";
  EXPECT_THAT(ids(lowered(wanted, {}, now)), Contains("restart:containerd.service"));
  EXPECT_TRUE(lowered(wanted, {}, now, kOffline).settled.containerd_started_with);
  now.documents[containerd::kConfigPath] = "[plugins";
  EXPECT_THAT(ids(lowered(wanted, {}, now)), Not(Contains("restart:containerd.service")));
  EXPECT_FALSE(lowered(wanted, {}, now, kOffline).settled.containerd_started_with);
}

TEST(Lower, AMirrorsFileThatWasOneOfTheOscStaysOursWhileItWaits) {
  const auto path = containerd::hosts_toml_path("docker.io");
  desired::State wanted;
  wanted.registries["docker.io"] = {
      .upstream = "docker.io", .hosts = {{.url = "https://m", .capabilities = {"pull"}}}, .readiness_probe = true};
  observed::State now;
  now.files[path].kind = observed::FileKind::regular;
  now.documents[path] = "# as it was\n";
  now.mirrors[observed::mirror_key("docker.io", "https://m")] = {.error = "refused"};
  EXPECT_FALSE(step(lowered(wanted, {}, now), "await:docker.io").before.registries.contains("docker.io"));
  const plan::Applied applied{.files = {{path, {.mode = 0644, .sha256 = "1"}}}};
  EXPECT_TRUE(step(lowered(wanted, applied, now), "await:docker.io").before.registries.contains("docker.io"));
}

TEST(Lower, ABrokenConfigIsInTheWayOfAReset) {
  plan::Applied applied;
  applied.containerd = desired::Containerd{.sandbox_image = "pause:1"};
  observed::State now;
  now.files[containerd::kConfigPath].kind = observed::FileKind::regular;
  now.documents[containerd::kConfigPath] = "[plugins";
  const auto plan = lowered({}, applied, now);
  ASSERT_EQ(plan.refused.size(), 1u);
  EXPECT_EQ(plan.refused.front().code, Code::Conflict);
}

// It may hold registries' passwords.
TEST(Lower, APatchedConfigKeepsItsMode) {
  desired::State wanted;
  wanted.containerd = desired::Containerd{.sandbox_image = "pause:1"};
  const auto mode_after = [&](const observed::File& file) {
    observed::State now;
    now.files[containerd::kConfigPath] = file;
    now.documents[containerd::kConfigPath] = "version = 2\n";
    return std::get<plan::WriteFile>(step(lowered(wanted, {}, now), "containerd-config").action).mode;
  };
  EXPECT_EQ(mode_after({.kind = observed::FileKind::regular, .mode = 0600}), 0600u);
  EXPECT_EQ(mode_after({.kind = observed::FileKind::absent}), 0644u);
}

TEST(Lower, ClearsOnlyOurOwnOutOfTheWay) {
  plan::Applied applied{.files = {{"/etc/x/y", {.mode = 0600, .sha256 = "1"}}}};
  desired::State wanted;
  wanted.files["/etc/x"] = {.content = "now a file"};
  observed::State now;
  now.files["/etc/x"].kind = observed::FileKind::directory;
  const auto plan = lowered(wanted, applied, now);
  EXPECT_EQ(plan.stages.front().steps.front().id, "clear:/etc/x");
  EXPECT_THAT(std::get<plan::ClearTheWay>(plan.stages.front().steps.front().action).ours, ElementsAre("/etc/x/y"));
  EXPECT_THAT(step(plan, "file:/etc/x").needs, ElementsAre("clear:/etc/x"));
}

// A path that changes its owner: the file is written before the old owner's things go.
TEST(Lower, WhatBecomesAFileStaysOnTheDisk) {
  const std::string mirror = "/etc/containerd/certs.d/docker.io/hosts.toml";
  const std::string unit = "/etc/systemd/system/a.service";
  const std::string drop_in = "/etc/systemd/system/a.service.d/x.conf";
  desired::State wanted;
  for (const auto& path : {mirror, unit, drop_in}) wanted.files[path] = {.content = "a"};
  wanted.units["a.service"] = {.drop_ins = {{"y.conf", "b"}}};
  plan::Applied applied;
  applied.units["a.service"] = {.owns_file = true, .drop_ins = {{"x.conf", "1"}, {"y.conf", "2"}}};
  applied.registries["docker.io"] = {.digest = "1"};
  applied.containerd_started_with = "none";
  const auto plan = lowered(wanted, applied);
  for (const auto& stage : plan.stages)
    for (const auto& each : stage.steps) EXPECT_NE(each.verb, plan::Verb::remove) << each.id;
  plan::edit(applied, plan.settled);
  EXPECT_FALSE(applied.units.at("a.service").owns_file);
  EXPECT_FALSE(applied.units.at("a.service").drop_ins.contains("x.conf"));
  EXPECT_THAT(applied.registries, IsEmpty());
}

TEST(Lower, WhatWasAFileStaysWithItsNewOwner) {
  desired::State wanted;
  wanted.containerd = desired::Containerd{.sandbox_image = "pause"};
  wanted.registries["docker.io"] = {.upstream = "docker.io"};
  wanted.units["a.service"] = {.content = "b", .drop_ins = {{"y.conf", "b"}}};
  plan::Applied applied;
  for (const char* path : {"/etc/containerd/certs.d/docker.io/hosts.toml", "/etc/containerd/config.toml",
                           "/etc/systemd/system/a.service", "/etc/systemd/system/a.service.d/y.conf"})
    applied.files[path] = {.mode = 0644, .sha256 = "1"};
  const auto plan = lowered(wanted, applied);
  for (const auto& stage : plan.stages)
    for (const auto& each : stage.steps) EXPECT_NE(each.verb, plan::Verb::remove) << each.id;
  plan::edit(applied, plan.settled);
  EXPECT_THAT(applied.files, IsEmpty());
}

// What stands where a folder has to be, or the reverse, goes first, whoever of ours it belongs to.
TEST(Lower, AFileMakesRoomForDropInsAndMirrors) {
  const std::string drop_ins = "/etc/systemd/system/a.service.d";
  const std::string mirror = "/etc/containerd/certs.d/docker.io";
  desired::State wanted;
  wanted.units["a.service"] = {.drop_ins = {{"x.conf", "a"}}};
  wanted.registries["docker.io"] = {.upstream = "docker.io"};
  plan::Applied applied;
  observed::State now;
  for (const auto& path : {drop_ins, mirror}) {
    applied.files[path] = {.mode = 0644, .sha256 = "1"};
    now.files[path] = {.kind = observed::FileKind::regular};
  }
  const auto plan = lowered(wanted, applied, now);
  EXPECT_EQ(plan.stages.at(0).name, "clear the way");
  EXPECT_THAT(step(plan, "dropIn:a.service.d/x.conf").needs, ElementsAre("clear:" + drop_ins));
  EXPECT_THAT(step(plan, "registry:docker.io").needs, ElementsAre("clear:" + mirror));
  EXPECT_THAT(ids(plan), Not(Contains("file:" + drop_ins)));
}

TEST(Lower, DropInsAndMirrorsMakeRoomForAFile) {
  const std::string drop_ins = "/etc/systemd/system/a.service.d";
  const std::string mirror = "/etc/containerd/certs.d/docker.io";
  desired::State wanted;
  wanted.units["a.service"] = {.content = "a"};
  plan::Applied applied;
  applied.units["a.service"] = {.owns_file = true, .drop_ins = {{"x.conf", "1"}}};
  applied.registries["docker.io"] = {.digest = "1"};
  observed::State now;
  for (const auto& path : {drop_ins, mirror}) {
    wanted.files[path] = {.content = "a"};
    now.files[path] = {.kind = observed::FileKind::directory};
  }
  const auto plan = lowered(wanted, applied, now);
  const auto& room = step(plan, "clear:" + drop_ins);
  EXPECT_THAT(std::get<plan::ClearTheWay>(room.action).ours, ElementsAre(drop_ins + "/x.conf"));
  EXPECT_EQ(room.before.units.at("a.service").started_with, "");
  EXPECT_THAT(std::get<plan::ClearTheWay>(step(plan, "clear:" + mirror).action).ours,
              ElementsAre(mirror + "/hosts.toml"));
  EXPECT_THAT(ids(plan), Not(Contains("dropIn:a.service.d/x.conf")));
  plan::edit(applied, room.after);
  EXPECT_THAT(applied.units.at("a.service").drop_ins, IsEmpty());
  plan::edit(applied, step(plan, "clear:" + mirror).after);
  EXPECT_THAT(applied.registries, IsEmpty());
}

TEST(Lower, ForgetsCpuManagerStateBeforeKubeletRestarts) {
  desired::State wanted;
  wanted.units["kubelet.service"] = {.content = "x", .role = desired::Role::kubelet};
  wanted.cpu_manager_policy = "static";
  plan::Applied applied;
  applied.cpu_manager_policy = "none";
  const auto plan = lowered(wanted, applied);
  EXPECT_THAT(step(plan, "restart:kubelet.service").needs, Contains("file:/var/lib/kubelet/cpu_manager_state"));
}

TEST(Lower, IsStable) { EXPECT_EQ(ids(lowered(demo())), ids(lowered(demo()))); }

}  // namespace
}  // namespace gna::systemd
