#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gna/desired/render.h"

namespace gna::desired {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Pair;

const Facts kNodeA{.host_name = "node-a"};

osc::File inline_file(std::string path, std::string data) {
  return {.path = std::move(path), .content = {.inline_data = osc::Inline{.data = std::move(data)}}};
}

State rendered(const osc::Osc& osc) {
  auto state = render(osc, kNodeA, {});
  EXPECT_TRUE(state) << state.error().message;
  return state.value_or(State{});
}

TEST(Render, FillsInDefaults) {
  osc::Osc osc;
  osc.spec.files = {inline_file("/etc/a", "x")};
  osc.spec.units = {{.name = "a.service", .content = "[Service]\n"}};
  const auto state = rendered(osc);
  EXPECT_EQ(state.files.at("/etc/a").mode, 0600u);
  EXPECT_TRUE(state.units.at("a.service").enabled);
  EXPECT_EQ(state.units.at("a.service").run, Run::running);
}

TEST(Render, KeepsOnlyThisHostsFiles) {
  osc::Osc osc;
  osc.spec.files = {inline_file("/etc/a", "a"), inline_file("/etc/b", "b")};
  osc.spec.files[0].host_name = "node-a";
  osc.spec.files[1].host_name = "node-b";
  EXPECT_THAT(rendered(osc).files, ElementsAre(Key("/etc/a")));
}

TEST(Render, ASecretThatNobodyAnswersIsAnInputError) {
  osc::Osc osc;
  osc.spec.files = {{.path = "/etc/a", .content = {.secret_ref = osc::SecretRef{"s", "k"}}}};
  const auto state = render(osc, kNodeA, {});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Code::InvalidArgument);
  EXPECT_THAT(state.error().message, ::testing::HasSubstr("spec.files[0]"));
}

struct SecrecyCase {
  const char* name;
  const char* path;
  std::optional<std::uint32_t> permissions;
  bool secret;
};
class Secrecy : public ::testing::TestWithParam<SecrecyCase> {};
TEST_P(Secrecy, IsDecidedByModeAndPlace) {
  osc::Osc osc;
  osc.spec.files = {inline_file(GetParam().path, "x")};
  osc.spec.files[0].permissions = GetParam().permissions;
  EXPECT_EQ(rendered(osc).files.at(GetParam().path).secret, GetParam().secret);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Secrecy,
    ::testing::Values(SecrecyCase{"given_0600", "/etc/a", 0600, true}, SecrecyCase{"given_0400", "/etc/a", 0400, true},
                      SecrecyCase{"default_0600", "/etc/a", std::nullopt, false},
                      SecrecyCase{"kubelet_config", "/var/lib/kubelet/config/kubelet", 0600, false},
                      SecrecyCase{"agent_config", "/var/lib/gardener-node-agent/config-v1.yaml", 0600, false},
                      SecrecyCase{"credentials", "/var/lib/x/credentials/token", 0644, true},
                      SecrecyCase{"pki", "/var/lib/kubelet/pki/x.pem", 0644, true},
                      SecrecyCase{"kubeconfig", "/var/lib/x/kubeconfig", 0644, true},
                      SecrecyCase{"public_text", "/etc/a", 0644, false}),
    [](const auto& test) { return test.param.name; });

TEST(Render, TheAgentsUnitCannotBeSwitchedOff) {
  osc::Osc osc;
  osc.spec.units = {{.name = "gardener-node-agent.service", .command = "stop", .enable = false, .content = "x"}};
  const auto unit = rendered(osc).units.at("gardener-node-agent.service");
  EXPECT_TRUE(unit.enabled);
  EXPECT_EQ(unit.run, Run::running);
}

TEST(Render, ReadsSysctlAsTheKernelWould) {
  osc::Osc osc;
  osc.spec.files = {inline_file("/etc/sysctl.d/99-x.conf",
                                "# no\nkernel/panic = 10\n-net.core.somaxconn=32768\nnet/ipv4/conf/eth0.1/x = 1\n")};
  EXPECT_THAT(rendered(osc).sysctl, ElementsAre(Pair("kernel.panic", "10"), Pair("net.core.somaxconn", "32768"),
                                                Pair("net.ipv4.conf.eth0/1.x", "1")));
}

osc::Osc with_containerd() {
  osc::Osc osc;
  osc.spec.cri_config = osc::CriConfig{.name = "containerd", .containerd = osc::Containerd{.sandbox_image = "pause"}};
  return osc;
}

// Upstream writes files first, units and mirrors over them.
TEST(Render, LeavesAPathToTheUnitOrTheMirrorThatOwnsIt) {
  auto osc = with_containerd();
  osc.spec.cri_config->containerd->registries = {{.upstream = "docker.io"}};
  osc.spec.units = {{.name = "a.service", .content = "", .drop_ins = {{"x.conf", "y"}}}, {.name = "b.service"}};
  osc.spec.files = {inline_file("/etc/systemd/system/a.service", "x"),
                    inline_file("/etc/systemd/system/a.service.d/x.conf", "x"),
                    inline_file("/etc/containerd/certs.d/docker.io/hosts.toml", "x"),
                    inline_file("/etc/containerd/config.toml", "x")};
  EXPECT_THAT(rendered(osc).files, ::testing::IsEmpty());
  osc.spec.files = {inline_file("/etc/systemd/system/a.service.d/y.conf", "x"),
                    inline_file("/etc/systemd/system/b.service", "x"),
                    inline_file("/etc/containerd/certs.d/quay.io/hosts.toml", "x")};
  EXPECT_THAT(rendered(osc).files, ::testing::SizeIs(3));
}

TEST(PathDropIn, IsAddedOnceAndKeepsThePathOfTheLastAppliedOne) {
  auto first = with_containerd();
  inject_path_drop_in(first, "/opt/bin");
  EXPECT_EQ(injected_path(&first), "/opt/bin");
  auto again = first;
  inject_path_drop_in(again, injected_path(&first));
  EXPECT_EQ(first, again);
  EXPECT_EQ(first.spec.units.back().drop_ins.back().content,
            "[Service]\nEnvironment=\"PATH=/var/bin/containerruntimes:/opt/bin\"\n");
}

TEST(PathDropIn, NeedsAContainerdBlock) {
  osc::Osc osc;
  inject_path_drop_in(osc, kDefaultPath);
  EXPECT_TRUE(osc.spec.units.empty());
  EXPECT_EQ(injected_path(nullptr), kDefaultPath);
}

}  // namespace
}  // namespace gna::desired
