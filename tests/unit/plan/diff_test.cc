#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gna/base/digest.h"
#include "gna/plan/changes.h"

namespace gna::plan {
namespace {

using observed::FileKind;
using Job = UnitChange::Job;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

constexpr const char* kUnit = "kubelet.service";
constexpr const char* kConf = "/etc/kubelet.conf";

observed::File on_disk(const std::string& bytes, std::uint32_t mode = 0600) {
  return {.kind = FileKind::regular, .mode = mode, .size_bytes = bytes.size(), .sha256 = sha256_hex(bytes)};
}

// A node that runs one unit with one watched file, all as wanted.
struct Settled {
  desired::State wanted = {
      .files = {{kConf, {.content = "port: 10250\n", .mode = 0644}}},
      .units = {{kUnit, {.content = "[Service]\n", .drop_ins = {{"10-a.conf", "a"}}, .watches = {kConf}}}},
  };
  observed::State now = {
      .files = {{kConf, on_disk("port: 10250\n", 0644)}},
      .units = {{kUnit,
                 {.unit_file = on_disk("[Service]\n"),
                  .drop_ins = {{"10-a.conf", on_disk("a")}},
                  .enablement = "enabled",
                  .load = "loaded",
                  .active = "active",
                  .sub = "running",
                  .invocation = "1"}}},
  };
  Applied applied = {
      .files = {{kConf, {.mode = 0644, .sha256 = sha256_hex("port: 10250\n")}}},
      .units = {{kUnit,
                 {.owns_file = true,
                  .drop_ins = {{"10-a.conf", sha256_hex("a")}},
                  .started_with = desired::digest(wanted.units.at(kUnit), wanted)}}},
      .containerd_started_with = "none",
  };
  desired::Unit& unit() { return wanted.units.at(kUnit); }
  observed::Unit& seen() { return now.units.at(kUnit); }
  AppliedUnit& ours() { return applied.units.at(kUnit); }
  Changes changes() const { return diff(applied, now, wanted); }
  Job job() const {
    const auto all = changes();
    const auto at = all.units.find(kUnit);
    return at == all.units.end() ? Job::none : at->second.job;
  }
};

TEST(Diff, IsEmptyWhenNothingIsLeftToDo) {
  const auto changes = Settled().changes();
  EXPECT_THAT(changes.write_files, IsEmpty());
  EXPECT_THAT(changes.units, IsEmpty());
  EXPECT_THAT(changes.adopt_files, IsEmpty());
  EXPECT_FALSE(changes.restart_containerd);
}

TEST(Diff, StillRestartsAfterACrashBetweenWriteAndRestart) {
  Settled node;
  node.ours().started_with.clear();  // as the executor leaves it before it writes
  EXPECT_EQ(node.job(), Job::restart);
  EXPECT_EQ(node.changes().units.at(kUnit).why, Why::owed);
}

TEST(Diff, DoesNotRestartTwiceWhenTheCutOffJobCameThrough) {
  Settled node;
  node.ours().sent_with = std::exchange(node.ours().started_with, "");
  node.ours().invocation_before = "0";
  EXPECT_EQ(node.job(), Job::none);
  EXPECT_THAT(node.changes().proven_units, ElementsAre(kUnit));
}

TEST(Diff, RestartsWhenTheCutOffJobNeverCameThrough) {
  Settled node;
  node.ours().sent_with = std::exchange(node.ours().started_with, "");
  node.ours().invocation_before = node.seen().invocation;
  EXPECT_EQ(node.job(), Job::restart);
}

TEST(Diff, RestartsWhenTheCutOffJobWasForOtherText) {
  Settled node;
  node.ours().sent_with = std::exchange(node.ours().started_with, "");
  node.ours().invocation_before = "0";
  node.unit().content = "[Service]\nNice=1\n";
  EXPECT_EQ(node.job(), Job::restart);
}

TEST(Diff, RestartsWhatMayHaveReadADriftedFile) {
  Settled node;
  node.now.files.at(kConf) = on_disk("port: 1\n", 0644);
  EXPECT_EQ(node.changes().write_files.at(kConf).why, Why::drifted);
  EXPECT_EQ(node.job(), Job::restart);
}

TEST(Diff, RepairsModeAlone) {
  Settled node;
  node.now.files.at(kConf).mode = 0666;
  EXPECT_THAT(node.changes().write_files, ElementsAre(Key(kConf)));
}

TEST(Diff, NeverDeletesWhatGnaDidNotApply) {
  Settled node;
  EXPECT_THAT(diff({}, node.now, {}).delete_files, IsEmpty());
  EXPECT_THAT(diff({}, node.now, {}).retire_units, IsEmpty());
}

TEST(Diff, KeepsForeignDropIns) {
  Settled node;
  node.seen().drop_ins["99-admin.conf"] = on_disk("theirs");
  EXPECT_THAT(node.changes().units, IsEmpty());
}

TEST(Diff, TakesBackADropInThatWasOurs) {
  Settled node;
  node.ours().drop_ins["20-b.conf"] = sha256_hex("b");
  EXPECT_THAT(node.changes().units.at(kUnit).delete_drop_ins, ElementsAre("20-b.conf"));
  EXPECT_EQ(node.job(), Job::restart);
}

// Upstream: a deleted file triggers no unit; the entry of filePaths has to vanish as well.
TEST(Diff, AWatchedFileThatVanishesIsNoReasonToRestart) {
  Settled node;
  node.wanted.files.clear();
  EXPECT_EQ(node.job(), Job::none);
  node.unit().watches.clear();
  EXPECT_EQ(node.job(), Job::restart);
}

TEST(Diff, FormAloneRestartsNothing) {
  Settled node;
  node.unit().field = "status.extensionUnits[0]";  // moved
  EXPECT_EQ(node.job(), Job::none);
}

TEST(Diff, StopsWhatIsSwitchedOff) {
  Settled node;
  node.unit().enabled = false;
  node.unit().run = desired::Run::stopped;
  EXPECT_EQ(node.job(), Job::stop);
  EXPECT_EQ(node.changes().units.at(kUnit).set_enabled, false);
}

struct DeadCase {
  const char* name;
  const char* active;
  const char* sub;
  const char* type;
  bool triggered;
  Job job;
};

class DeadUnit : public ::testing::TestWithParam<DeadCase> {};

TEST_P(DeadUnit, IsStartedOnlyIfItShouldRun) {
  Settled node;
  node.seen().active = GetParam().active;
  node.seen().sub = GetParam().sub;
  node.seen().type = GetParam().type;
  node.seen().triggered = GetParam().triggered;
  EXPECT_EQ(node.job(), GetParam().job);
}

INSTANTIATE_TEST_SUITE_P(Table, DeadUnit,
                         ::testing::Values(DeadCase{"stopped", "inactive", "dead", "simple", false, Job::start},
                                           DeadCase{"failed", "failed", "failed", "simple", false, Job::start},
                                           DeadCase{"done", "inactive", "dead", "oneshot", false, Job::none},
                                           DeadCase{"waits", "inactive", "dead", "simple", true, Job::none},
                                           DeadCase{"comes", "activating", "auto-restart", "simple", false, Job::none},
                                           DeadCase{"reloads", "reloading", "reload", "notify", false, Job::none}),
                         [](const auto& test) { return test.param.name; });

class Word : public ::testing::TestWithParam<const char*> {};

TEST_P(Word, IsNeverEnabledAgain) {
  Settled node;
  node.seen().enablement = GetParam();
  EXPECT_THAT(node.changes().units, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Enablement, Word, ::testing::Values("enabled", "static", "indirect", "generated", "alias"),
                         [](const auto& test) { return std::string(test.param); });

// Without [Install] it stays "linked", however often it is enabled.
TEST(Diff, EnablesALinkedUnitOnce) {
  Settled node;
  node.unit().content = std::nullopt;
  node.ours().owns_file = false;
  node.seen().enablement = "linked";
  EXPECT_FALSE(node.changes().units.contains(kUnit) && node.changes().units.at(kUnit).set_enabled);
  node.ours().enabled = false;
  EXPECT_EQ(node.changes().units.at(kUnit).set_enabled, true);
}

TEST(Diff, EnablesAgainWhatSomebodyDisabled) {
  Settled node;
  node.seen().enablement = "disabled";
  EXPECT_EQ(node.changes().units.at(kUnit).set_enabled, true);
  EXPECT_EQ(node.job(), Job::none);
}

TEST(Diff, TheAgentsOwnUnitIsNoJob) {
  Settled node;
  node.unit().role = desired::Role::node_agent;
  node.unit().content = "[Service]\nNice=1\n";
  EXPECT_EQ(node.job(), Job::none);
  EXPECT_TRUE(node.changes().restart_agent);
}

TEST(Diff, TheAgentsRestartThatWasRecordedAndNeverCameIsStillOwed) {
  Settled node;
  node.unit().role = desired::Role::node_agent;
  node.ours().sent_with = node.ours().started_with;
  node.ours().invocation_before = "1";
  EXPECT_TRUE(node.changes().restart_agent);
  node.seen().job_queued = true;
  EXPECT_FALSE(node.changes().restart_agent);
  node.seen().job_queued = false;
  node.seen().invocation = "2";
  EXPECT_FALSE(node.changes().restart_agent);
}

TEST(Diff, AUnitThatWasRestartedWithoutOursIsNotRestartedAgain) {
  Settled node;
  node.wanted = {};
  node.ours() = {.sent_with = kWithoutOurs, .invocation_before = "0"};
  EXPECT_THAT(node.changes().proven_units, ElementsAre(kUnit));
  node.ours().invocation_before = "1";
  EXPECT_THAT(node.changes().proven_units, IsEmpty());
}

TEST(Diff, AnImageIsPulledOncePerReference) {
  Settled node;
  const desired::ImageSource image{"registry.example/kubelet:v1", "/kubelet"};
  node.wanted.files["/opt/bin/kubelet"] = {.content = image, .mode = 0755};
  EXPECT_THAT(node.changes().write_files, ElementsAre(Key("/opt/bin/kubelet")));

  node.applied.files["/opt/bin/kubelet"] = {.mode = 0755, .sha256 = sha256_hex("elf"), .image = image};
  node.now.files["/opt/bin/kubelet"] = on_disk("elf", 0755);
  EXPECT_THAT(node.changes().write_files, IsEmpty());

  node.now.files["/opt/bin/kubelet"] = on_disk("tampered", 0755);
  EXPECT_THAT(node.changes().write_files, ElementsAre(Key("/opt/bin/kubelet")));
}

TEST(Diff, WhatTheGoAgentCopiedIsHashedAndKept) {
  Settled node;
  const desired::ImageSource image{"registry.example/kubelet:v1", "/kubelet"};
  node.wanted.files["/opt/bin/kubelet"] = {.content = image, .mode = 0755};
  node.applied.files["/opt/bin/kubelet"] = {.mode = 0755, .image = image};
  node.now.files["/opt/bin/kubelet"] = on_disk("elf", 0755);
  EXPECT_THAT(node.changes().write_files, IsEmpty());
  EXPECT_EQ(node.changes().adopt_files.at("/opt/bin/kubelet").sha256, sha256_hex("elf"));
}

TEST(Diff, ContainerdRestartsForItsSettingsAndNeverForAMirror) {
  Settled node;
  node.wanted.containerd = desired::Containerd{.sandbox_image = "pause:1"};
  node.applied.containerd = node.wanted.containerd;
  node.applied.containerd_started_with = desired::containerd_digest(node.wanted);
  node.wanted.registries["docker.io"] = {.upstream = "docker.io"};
  EXPECT_FALSE(node.changes().restart_containerd);
  node.wanted.containerd->sandbox_image = "pause:2";
  EXPECT_TRUE(node.changes().restart_containerd);
}

TEST(Diff, AMirrorKeepsItsOrderUntilItsSettingsChange) {
  Settled node;
  desired::Registry registry{.upstream = "docker.io", .hosts = {{.url = "https://a"}, {.url = "https://b"}}};
  node.wanted.registries["docker.io"] = registry;
  EXPECT_TRUE(node.changes().registries.at("docker.io").keep_order) << "provisioning wrote it";
  node.applied.registries["docker.io"] = {.digest = desired::digest(registry)};
  EXPECT_TRUE(node.changes().registries.at("docker.io").keep_order);
  std::swap(node.wanted.registries["docker.io"].hosts[0], node.wanted.registries["docker.io"].hosts[1]);
  EXPECT_FALSE(node.changes().registries.at("docker.io").keep_order);
}

TEST(Diff, ForgetsCpuManagerStateWhenThePolicyChanges) {
  Settled node;
  node.wanted.cpu_manager_policy = "static";
  EXPECT_FALSE(node.changes().forget_cpu_manager_state);
  node.applied.cpu_manager_policy = "none";
  EXPECT_TRUE(node.changes().forget_cpu_manager_state);
}

}  // namespace
}  // namespace gna::plan
