#include "agent/apply/in_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <tuple>

#include "gna/osc/parse.h"

namespace gna::apply {
namespace {

const std::string kOscs = GNA_TESTDATA "/osc/";

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

osc::Osc stored(const std::string& name) {
  auto parsed = osc::parse(bytes_of(kOscs + name));
  EXPECT_TRUE(parsed.ok()) << name;
  return parsed.ok() ? std::move(parsed.document->osc) : osc::Osc{};
}

// What the Go agent's own code wrote for the step.
store::InPlaceFlags go_says(const std::string& name) {
  auto changes = store::parse_changes(bytes_of(kOscs + name));
  EXPECT_TRUE(changes) << name;
  return changes ? changes->in_place : store::InPlaceFlags{};
}

std::string print(const store::InPlaceFlags& flags) {
  std::string out;
  const auto add = [&out](bool flag, const char* name) {
    if (flag) out += std::string(out.empty() ? "" : " ") + name;
  };
  add(flags.operating_system, "os");
  add(flags.service_account_key_rotation, "service-account-key");
  add(flags.kubelet_minor_version, "kubelet-minor");
  add(flags.kubelet_config, "kubelet-config");
  add(flags.kubelet_cpu_manager_policy, "cpu-manager-policy");
  add(flags.ca_rotation_kubelet, "ca-kubelet");
  add(flags.ca_rotation_node_agent, "ca-node-agent");
  return out;
}

const std::string kKubelet = R"(apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cpuManagerPolicy: none
evictionHard: {memory.available: 100Mi}
evictionSoft: {memory.available: 200Mi}
kubeReserved: {cpu: 80m, memory: 1Gi}
)";

osc::Osc osc_of(const std::string& os, const std::string& kubelet, const std::string& configuration = kKubelet) {
  osc::Osc osc;
  osc.spec.in_place_updates = osc::InPlaceUpdates{.operating_system_version = os, .kubelet_version = kubelet};
  osc::File file{.path = "/var/lib/kubelet/config/kubelet"};
  file.content.inline_data = osc::Inline{.data = configuration};
  osc.spec.files = {file};
  return osc;
}

std::string flags(const osc::Osc& before, const osc::Osc& now, const std::string& running = "1592.1.0") {
  const auto result = in_place_flags(&before, now, running);
  return result ? print(*result) : "error: " + result.error().message;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

struct Step {
  const char* name;
  const char* before;
  const char* now;
  const char* changes;
};
std::ostream& operator<<(std::ostream& out, const Step& step) { return out << step.name; }

class AsTheGoAgent : public ::testing::TestWithParam<Step> {};

TEST_P(AsTheGoAgent, SetsTheSameFlags) {
  const auto before = stored(GetParam().before);
  const auto result = in_place_flags(&before, stored(GetParam().now), "1592.1.0");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(print(*result), print(go_says(GetParam().changes)));
}

INSTANTIATE_TEST_SUITE_P(
    InPlace, AsTheGoAgent,
    ::testing::Values(Step{"RealWorker", "real/reconcile-worker-inplace-old.yaml",
                           "real/reconcile-worker-inplace-new.yaml", "real/inplace-old-to-new.changes.yaml"},
                      Step{"OsAndKubelet", "upgrades/47-inplace-os-and-kubelet/old.yaml",
                           "upgrades/47-inplace-os-and-kubelet/new.yaml",
                           "upgrades/47-inplace-os-and-kubelet/changes.yaml"},
                      Step{"Nothing", "upgrades/48-inplace-nothing/old.yaml", "upgrades/48-inplace-nothing/new.yaml",
                           "upgrades/48-inplace-nothing/changes.yaml"},
                      Step{"OnlyFiles", "upgrades/01-file-changed/old.yaml", "upgrades/01-file-changed/new.yaml",
                           "upgrades/01-file-changed/changes.yaml"}),
    [](const auto& row) { return row.param.name; });

TEST(InPlace, AsksForNothingOnAFirstApply) {
  const auto result = in_place_flags(nullptr, osc_of("1592.2", "1.34.1"), std::nullopt);
  ASSERT_TRUE(result);
  EXPECT_EQ(print(*result), "");
}

TEST(InPlace, AsksForNothingUnlessBothOscsAreInPlace) {
  const auto old = osc_of("1592.1", "1.33.5");
  auto now = osc_of("1592.2", "1.34.1");
  now.spec.in_place_updates.reset();
  EXPECT_EQ(flags(old, now), "");
  EXPECT_EQ(flags(now, old, "1.0"), "");
}

TEST(InPlace, ComparesTheOsWithWhatRunsNotWithWhatTheLastOscSaid) {
  EXPECT_EQ(flags(osc_of("1592.2.0", "1.34.1"), osc_of("1592.2.0", "1.34.1"), "1592.1.0"), "os");
  EXPECT_EQ(flags(osc_of("1592.1.0", "1.34.1"), osc_of("1592.2.0", "1.34.1"), "1592.2.0"), "");
}

TEST(InPlace, CannotTellWithoutTheRunningVersion) {
  const auto osc = osc_of("1592.1", "1.34.1");
  const auto result = in_place_flags(&osc, osc, std::nullopt);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Unavailable);
}

TEST(InPlace, LooksAtTheKubeletsMinorVersionAlone) {
  EXPECT_EQ(flags(osc_of("1592", "1.33.5"), osc_of("1592", "1.34.0")), "kubelet-minor");
  EXPECT_EQ(flags(osc_of("1592", "1.33.5"), osc_of("1592", "1.33.6")), "");
  EXPECT_EQ(flags(osc_of("1592", "1.33.5"), osc_of("1592", "2.33.0")), "");
  EXPECT_EQ(flags(osc_of("1592", "1.33.5"), osc_of("1592", "v1.33.5")), "");
  EXPECT_EQ(flags(osc_of("1592", "latest"), osc_of("1592", "latest")), "");  // equal as texts: nobody parses them
  EXPECT_THAT(flags(osc_of("1592", "1.33.5"), osc_of("1592", "latest")), ::testing::StartsWith("error"));
}

struct Setting {
  const char* name;
  const char* from;
  const char* to;
  const char* flags;
};
std::ostream& operator<<(std::ostream& out, const Setting& setting) { return out << setting.name; }

class KubeletSetting : public ::testing::TestWithParam<Setting> {};

TEST_P(KubeletSetting, CountsOrNot) {
  const auto& [name, from, to, expected] = GetParam();
  EXPECT_EQ(flags(osc_of("1592", "1.34.1"), osc_of("1592", "1.34.1", with(kKubelet, from, to))), expected);
}

INSTANTIATE_TEST_SUITE_P(
    InPlace, KubeletSetting,
    ::testing::Values(
        Setting{"EvictionHard", "{memory.available: 100Mi}", "{memory.available: 1Gi}", "kubelet-config"},
        Setting{"EvictionHardAdded", "{memory.available: 100Mi}", "{memory.available: 100Mi, nodefs.available: 5%}",
                "kubelet-config"},
        Setting{"EvictionHardGone", "evictionHard: {memory.available: 100Mi}", "maxPods: 10", "kubelet-config"},
        Setting{"EvictionHardOther", "{memory.available: 100Mi}", "{memory.available: 100Mi, pid.available: 5%}", ""},
        Setting{"EvictionSoft", "{memory.available: 200Mi}", "{memory.available: 300Mi}", ""},
        Setting{"Reserved", "cpu: 80m", "cpu: 90m", "kubelet-config"},
        Setting{"ReservedSameAmount", "memory: 1Gi", "memory: 1024Mi", "kubelet-config"},
        Setting{"ReservedNumber", "cpu: 80m", "cpu: 1", "kubelet-config"},
        Setting{"ReservedOther", "cpu: 80m", "cpu: 80m, hugepages-2Mi: 1Gi", ""},
        Setting{"CpuManager", "cpuManagerPolicy: none", "cpuManagerPolicy: static", "cpu-manager-policy"},
        Setting{"CpuManagerGone", "cpuManagerPolicy: none", "maxPods: 10", "cpu-manager-policy"}),
    [](const auto& row) { return row.param.name; });

TEST(InPlace, RefusesReservationsThatAreNoQuantities) {
  const auto good = osc_of("1592", "1.34.1");
  for (const char* bad : {"cpu: lots", "cpu: 80x", "cpu: \"\"", "cpu: 1e", "cpu: {a: 1}", "cpu: null"}) {
    const auto odd = osc_of("1592", "1.34.1", with(kKubelet, "cpu: 80m", bad));
    EXPECT_THAT(flags(good, odd), ::testing::HasSubstr("kubeReserved.cpu")) << bad;
    EXPECT_THAT(flags(odd, good), ::testing::HasSubstr("kubeReserved.cpu")) << bad;
    // Nobody asks once the thresholds differ.
    const auto other = osc_of("1592", "1.34.1", with(with(kKubelet, "cpu: 80m", bad), "100Mi", "101Mi"));
    EXPECT_EQ(flags(good, other), "kubelet-config") << bad;
  }
  for (const char* fine : {"cpu: 0.5", "cpu: .5", "cpu: 1e3", "cpu: 1E-3", "cpu: -1", "cpu: 12Ei", "cpu: 1E"}) {
    const auto odd = osc_of("1592", "1.34.1", with(kKubelet, "cpu: 80m", fine));
    EXPECT_EQ(flags(odd, odd), "") << fine;
  }
}

TEST(InPlace, NeedsAKubeletConfigurationInBothOscs) {
  const auto good = osc_of("1592", "1.34.1");
  auto without = good;
  without.spec.files.clear();
  EXPECT_THAT(flags(good, without), ::testing::StartsWith("error"));
  EXPECT_THAT(flags(without, good), ::testing::StartsWith("error: the OSC applied before"));
  // An OS extension's file is none.
  without.status.extension_files = good.spec.files;
  EXPECT_THAT(flags(good, without), ::testing::StartsWith("error"));
}

TEST(InPlace, ReadsTheFirstOfSeveralKubeletConfigurations) {
  const auto before = osc_of("1592", "1.34.1");
  auto now = before;
  now.spec.files.push_back(osc_of("1592", "1.34.1", with(kKubelet, "none", "static")).spec.files[0]);
  EXPECT_EQ(flags(before, now), "");
}

using Time = std::optional<std::string>;
osc::Osc rotation(std::optional<osc::Rotation> authorities, std::optional<osc::Rotation> key) {
  auto osc = osc_of("1592", "1.34.1");
  osc.spec.in_place_updates->credentials_rotation = osc::CredentialsRotation{
      .certificate_authorities = std::move(authorities), .service_account_key = std::move(key)};
  return osc;
}

TEST(InPlace, RotatesWhatIsGivenATime) {
  const osc::Rotation june{.last_initiation_time = "2026-06-01T10:00:00Z"};
  const osc::Rotation july{.last_initiation_time = "2026-07-01T10:00:00Z"};
  const osc::Rotation unset{};
  const auto none = osc_of("1592", "1.34.1");
  const char* authorities = "ca-kubelet ca-node-agent";

  EXPECT_EQ(flags(none, none), "");
  EXPECT_EQ(flags(none, rotation(june, std::nullopt)), authorities);
  EXPECT_EQ(flags(none, rotation(unset, june)), "service-account-key");
  EXPECT_EQ(flags(none, rotation(unset, unset)), "");
  EXPECT_EQ(flags(rotation(june, june), none), "");
  EXPECT_EQ(flags(rotation(june, june), rotation(june, june)), "");
  EXPECT_EQ(flags(rotation(june, june), rotation(july, june)), authorities);
  EXPECT_EQ(flags(rotation(june, june), rotation(june, july)), "service-account-key");
  EXPECT_EQ(flags(rotation(unset, june), rotation(june, june)), authorities);
  EXPECT_EQ(flags(rotation(june, june), rotation(unset, june)), authorities);
  // Present beside an old rotation that lacked it: upstream sees no change.
  EXPECT_EQ(flags(rotation(std::nullopt, june), rotation(june, june)), "");
  EXPECT_EQ(flags(rotation(june, june), rotation(std::nullopt, june)), "");
}

TEST(InPlace, TakesAPartialRotationAsItIs) {
  const auto now = stored("cases/inplace-updates-partial-rotation.yaml");
  ASSERT_TRUE(now.spec.in_place_updates && now.spec.in_place_updates->credentials_rotation);
  auto before = osc_of("1592", "1.34.1");
  auto with_kubelet = now;
  with_kubelet.spec.files = before.spec.files;
  EXPECT_EQ(flags(before, with_kubelet), "ca-kubelet ca-node-agent");
}

TEST(IsVersion, TakesWhatIsLeftOutForAWildcard) {
  const std::tuple<const char*, const char*, bool> kRows[] = {
      {"1592.6", "1592", true},     {"1592.6.3", "1592.6", true},         {"1592", "1592.6", false},
      {"1592", "1592.0", true},     {"1592.6", "1592.6.0", true},         {"1592.6.1", "1592.6.0", false},
      {"v1592.6", "1592.v6", true}, {"1592.6-dev", "1592.6+build", true}, {"1592.06", "1592.6", true},
      {"1592.10", "1592.1", false},
  };
  for (const auto& [running, wanted, expected] : kRows) {
    const auto result = is_version(running, wanted);
    ASSERT_TRUE(result) << running << " " << wanted;
    EXPECT_EQ(*result, expected) << running << " " << wanted;
  }
}

TEST(IsVersion, RefusesWhatIsNone) {
  for (const char* bad : {"", "v", "1.2.3.4", "1..2", "1.x", " 1", "-1"}) {
    EXPECT_FALSE(is_version("1592.1", bad)) << bad;
    EXPECT_FALSE(is_version(bad, "1592")) << bad;
  }
}

}  // namespace
}  // namespace gna::apply
