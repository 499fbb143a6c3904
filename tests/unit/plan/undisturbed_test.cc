#include <gtest/gtest.h>

#include <functional>

#include "gna/plan/changes.h"

namespace gna::plan {
namespace {

struct Node {
  Applied applied = {
      .files = {{"/etc/a", {.mode = 0644, .sha256 = "1"}}},
      .units = {{"u.service",
                 {.owns_file = true, .file_sha256 = "2", .drop_ins = {{"d.conf", "3"}}, .started_with = "x"}}},
      .registries = {{"docker.io", {.digest = "d", .sha256 = "4"}}},
      .containerd = desired::Containerd{},
      .containerd_config_sha256 = "5",
      .containerd_started_with = "y"};
  observed::State now = {
      .files = {{"/etc/a", {.kind = observed::FileKind::regular, .mode = 0644, .sha256 = "1"}}},
      .units = {{"u.service",
                 {.unit_file = {.kind = observed::FileKind::regular, .mode = 0600, .sha256 = "2"},
                  .drop_ins = {{"d.conf", {.kind = observed::FileKind::regular, .mode = 0600, .sha256 = "3"}}},
                  .enablement = "enabled",
                  .load = "loaded",
                  .active = "active"}}},
      .registries = {{"docker.io", "4"}},
      .containerd_config_sha256 = "5"};
};

TEST(Undisturbed, HoldsWhenAllIsAsItWasLeft) {
  const Node node;
  EXPECT_TRUE(undisturbed(node.applied, node.now));
}

struct Disturbance {
  const char* name;
  std::function<void(Node&)> happen;
};

class Disturbed : public ::testing::TestWithParam<Disturbance> {};

TEST_P(Disturbed, IsSeen) {
  Node node;
  GetParam().happen(node);
  EXPECT_FALSE(undisturbed(node.applied, node.now));
}

INSTANTIATE_TEST_SUITE_P(
    Each, Disturbed,
    ::testing::Values(
        Disturbance{"file_content", [](Node& n) { n.now.files.at("/etc/a").sha256 = "other"; }},
        Disturbance{"file_mode", [](Node& n) { n.now.files.at("/etc/a").mode = 0600; }},
        Disturbance{"file_gone", [](Node& n) { n.now.files.clear(); }},
        Disturbance{"unit_file", [](Node& n) { n.now.units.at("u.service").unit_file.sha256 = "other"; }},
        Disturbance{"drop_in", [](Node& n) { n.now.units.at("u.service").drop_ins.clear(); }},
        Disturbance{"enablement", [](Node& n) { n.now.units.at("u.service").enablement = "disabled"; }},
        Disturbance{"dead", [](Node& n) { n.now.units.at("u.service").active = "failed"; }},
        Disturbance{"needs_reload", [](Node& n) { n.now.units.at("u.service").need_reload = true; }},
        Disturbance{"agent_not_restarted",
                    [](Node& n) {
                      n.applied.units.at("u.service").sent_with = "x";
                      n.applied.units.at("u.service").invocation_before = "1";
                      n.now.units.at("u.service").invocation = "1";
                    }},
        Disturbance{"restart_owed", [](Node& n) { n.applied.units.at("u.service").started_with.clear(); }},
        Disturbance{"reload_owed", [](Node& n) { n.applied.reload_owed = true; }},
        Disturbance{"mirror", [](Node& n) { n.now.registries.clear(); }},
        Disturbance{"config_toml", [](Node& n) { n.now.containerd_config_sha256 = "other"; }},
        Disturbance{"containerd_restart_owed", [](Node& n) { n.applied.containerd_started_with.clear(); }}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace gna::plan
