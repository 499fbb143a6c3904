#include "gna/talos/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gna/base/digest.h"
#include "tests/unit/talos/stored.h"

namespace gna::talos {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMain = "version: v1alpha1\nmachine: {type: worker}\n";

observed::State with(const std::string& config) { return {.documents = {{kMachineConfig, config}}}; }

desired::State one_file(const std::string& path, const std::string& bytes) {
  desired::State wanted;
  wanted.files[path] = {.content = bytes, .mode = 0644, .field = "spec.files[0]"};
  return wanted;
}

const plan::Step* only_step(const plan::Plan& plan) {
  if (plan.size() != 1) return nullptr;
  for (const auto& stage : plan.stages)
    if (!stage.steps.empty()) return &stage.steps[0];
  return nullptr;
}

std::string bytes_in(const plan::Step& step) {
  const auto* replace = std::get_if<plan::ReplaceDocument>(&step.action);
  return replace == nullptr ? "" : replace->bytes;
}

TEST(Lower, ReplacesTheMachineConfigurationInOneStep) {
  const auto wanted = stored("real/reconcile-worker.yaml");
  const auto base = bytes_of(GNA_SOURCE_DIR "/tests/unit/talos/golden/base.machine-config.yaml");
  const auto plan = lower(plan::everything(wanted), wanted, with(base), {});
  const auto* step = only_step(plan);
  ASSERT_NE(step, nullptr);
  EXPECT_TRUE(step->secret);
  EXPECT_EQ(step->kind, plan::Kind::machineConfig);
  EXPECT_EQ(step->disruption, plan::Disruption::restartsKubelet);
  EXPECT_EQ(step->reason,
            "new: CRICustomizationConfig gardener, KubeNodeConfig, TrustedRootsConfig gardener-ROOTcerts; "
            "changed: KubeletConfig, SysctlConfig");
  if (!agrees("reconcile-worker.merged.yaml", bytes_in(*step))) GTEST_SKIP() << "rewritten";
}

TEST(Lower, HasNothingToDoOnceItIsDone) {
  for (const char* name : {"real/reconcile-worker.yaml", "cases/registries-mirrors-full.yaml", "cases/unicode.yaml"}) {
    const auto wanted = stored(name);
    const auto work = plan::everything(wanted);
    const auto plan = lower(work, wanted, with(kMain), {});
    const auto* step = only_step(plan);
    ASSERT_NE(step, nullptr) << name;
    const auto again = lower(work, wanted, with(bytes_in(*step)), {});
    EXPECT_TRUE(again.empty()) << name;
    EXPECT_EQ(again.settled, step->after) << name;
    EXPECT_EQ(again.refused.size(), plan.refused.size()) << name;
  }
}

TEST(Lower, IsStable) {
  const auto wanted = stored("cases/large-400-files-120-units.yaml");
  const auto work = plan::everything(wanted);
  const auto first = lower(work, wanted, with(kMain), {});
  const auto second = lower(work, wanted, with(kMain), {});
  ASSERT_NE(only_step(first), nullptr);
  EXPECT_EQ(bytes_in(*only_step(first)), bytes_in(*only_step(second)));
}

TEST(Lower, RecordsWhatItCouldExpress) {
  auto wanted = one_file("/etc/a", "x");
  wanted.files["/var/b"] = {.content = "y", .field = "spec.files[1]"};
  const auto plan = lower(plan::everything(wanted), wanted, with(kMain), {});
  const auto* step = only_step(plan);
  ASSERT_NE(step, nullptr);
  plan::Applied applied;
  edit(applied, step->before);
  edit(applied, step->after);
  ASSERT_TRUE(applied.files.contains("/etc/a"));
  EXPECT_EQ(applied.files.at("/etc/a").sha256, sha256_hex("x"));
  EXPECT_FALSE(applied.files.contains("/var/b"));
  EXPECT_THAT(plan.refused, Contains(Field(&plan::Refused::field, "spec.files[1]")));
}

TEST(Lower, TakesBackWhatGoes) {
  const auto wanted = one_file("/etc/a", "x");
  const auto before = lower(plan::everything(wanted), wanted, with(kMain), {});
  plan::Changes work;
  work.delete_files["/etc/a"] = {.mode = 0644};
  const auto plan = lower(work, {}, with(bytes_in(*only_step(before))), {});
  const auto* step = only_step(plan);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(bytes_in(*step), kMain);
  EXPECT_EQ(step->reason, "gone: EtcFileConfig a");
  EXPECT_EQ(step->after.files.at("/etc/a"), std::nullopt);
}

TEST(Lower, TakesBackTheMirrorOfEveryRegistry) {
  plan::Changes work;
  work.drop_registries["_default"] = {};
  const auto mirror = kMain + "---\napiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: \"*\"\nendpoints: []\n";
  EXPECT_EQ(bytes_in(*only_step(lower(work, {}, with(mirror), {}))), kMain);
}

TEST(Lower, SaysWhatItDisrupts) {
  const auto of = [](const desired::State& wanted) {
    const auto plan = lower(plan::everything(wanted), wanted, with(kMain), {});
    return only_step(plan) == nullptr ? plan::Disruption::reboots : only_step(plan)->disruption;
  };
  EXPECT_EQ(of(one_file("/etc/a", "x")), plan::Disruption::none);
  desired::State mirrors;
  mirrors.registries["quay.io"] = {.upstream = "quay.io",
                                   .hosts = {{.url = "https://m", .capabilities = {"pull", "resolve"}}}};
  EXPECT_EQ(of(mirrors), plan::Disruption::none);
  desired::State sandbox;
  sandbox.containerd = desired::Containerd{.sandbox_image = "pause:3.10"};
  EXPECT_EQ(of(sandbox), plan::Disruption::restartsContainerd);
}

TEST(Lower, RefusesToGuessTheConfigurationItBelongsTo) {
  const auto wanted = one_file("/etc/a", "x");
  const auto unknown = lower(plan::everything(wanted), wanted, {}, {});
  EXPECT_TRUE(unknown.empty());
  EXPECT_EQ(unknown.refused.size(), 1U);
  const auto broken = lower(plan::everything(wanted), wanted, with("a: ["), {});
  EXPECT_TRUE(broken.empty());
  EXPECT_EQ(broken.refused.size(), 1U);
  EXPECT_THAT(lower({}, {}, {}, {}).refused, IsEmpty());
  // A machine in maintenance mode has none, and that is known.
  EXPECT_EQ(only_step(lower(plan::everything(wanted), wanted, with(""), {}))->verb, plan::Verb::create);
}

TEST(Lower, CannotMakeTheKubeletForgetItsCpuManager) {
  plan::Changes work;
  work.forget_cpu_manager_state = true;
  EXPECT_THAT(lower(work, {}, with(kMain), {}).refused,
              Contains(Field(&plan::Refused::why, HasSubstr("cpuManagerPolicy"))));
}

TEST(Capabilities, KnowNeitherUnitsNorPaths) {
  const auto talos = capabilities();
  EXPECT_EQ(talos.name, "talos");
  EXPECT_FALSE(talos.units || talos.files_anywhere || talos.path_drop_in);
}

}  // namespace
}  // namespace gna::talos
