// What the Go agent's two files tell.
#include <gtest/gtest.h>

#include "gna/base/digest.h"
#include "gna/store/store.h"

namespace gna::store {
namespace {

desired::Unit unit(std::string text, std::map<std::string, std::string> drop_ins = {}) {
  return {.content = std::move(text), .drop_ins = std::move(drop_ins)};
}

desired::State before() {
  return {.files = {{"/etc/same", {.content = "same\n", .mode = 0644}},
                    {"/etc/changes", {.content = "old\n"}},
                    {"/etc/goes", {.content = "bye\n", .mode = 0640}}},
          .units = {{"same.service", unit("s")},
                    {"changes.service", unit("old", {{"0.conf", "0"}})},
                    {"goes.service", unit("g", {{"g.conf", "g"}})}},
          .containerd = desired::Containerd{.sandbox_image = "pause:1"},
          .registries = {{"docker.io", {.upstream = "docker.io"}}, {"quay.io", {.upstream = "quay.io"}}}};
}

desired::State now() {
  return {.files = {{"/etc/same", {.content = "same\n", .mode = 0644}},
                    {"/etc/changes", {.content = "new\n"}},
                    {"/etc/fresh", {.content = "fresh\n"}},
                    {"/opt/bin/tool", {.content = desired::ImageSource{"i:2", "/tool"}, .mode = 0755}}},
          .units = {{"same.service", unit("s")},
                    {"changes.service", unit("new", {{"1.conf", "1"}, {"2.conf", "2"}})},
                    {"fresh.service", unit("f", {{"f.conf", "f"}})}},
          .containerd = desired::Containerd{.sandbox_image = "pause:2"},
          .registries = {{"docker.io", {.upstream = "docker.io", .server = "https://new"}}}};
}

plan::Applied read(const desired::State* last, const std::optional<ChangesFile>& changes) {
  return from_go_files(last, now(), "sum", changes, "node-a");
}

TEST(FromGoFiles, IsEmptyWithoutAny) { EXPECT_EQ(read(nullptr, std::nullopt), plan::Applied{}); }

TEST(FromGoFiles, TakesTheLastAppliedOscAsItStands) {
  const auto last = before();
  const auto applied = read(&last, std::nullopt);
  EXPECT_EQ(applied.files.at("/etc/goes"), (plan::AppliedFile{.mode = 0640, .sha256 = sha256_hex("bye\n")}));
  EXPECT_EQ(applied.files.size(), 3u);
  const auto& goes = applied.units.at("goes.service");
  EXPECT_TRUE(goes.owns_file);
  EXPECT_EQ(goes.file_sha256, sha256_hex("g"));
  EXPECT_EQ(goes.drop_ins, (std::map<std::string, std::string>{{"g.conf", sha256_hex("g")}}));
  EXPECT_EQ(goes.started_with, desired::digest(last.units.at("goes.service"), last));
  EXPECT_EQ(applied.registries.at("quay.io").digest, desired::digest(last.registries.at("quay.io")));
  EXPECT_EQ(applied.containerd, last.containerd);
  EXPECT_EQ(applied.containerd_started_with, desired::containerd_digest(last));
  EXPECT_TRUE(applied.containerd_originals.empty());
  EXPECT_EQ(applied.checksum, "");
}

TEST(FromGoFiles, KnowsTheChecksumOfACompleteRun) {
  const auto last = before();
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "other"}).checksum, "other");
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "sum", .upstreams_to_probe = {"docker.io"}}).checksum, "sum");
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "other", .unit_commands = {{"a", "restart"}}}).checksum, "");
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "sum", .unit_commands = {{"a", "restart"}}}).checksum, "");
}

TEST(FromGoFiles, HalfDoneIsTheOscLessWhatIsListed) {
  const auto last = before();
  const auto wanted = now();
  const ChangesFile changes = {
      .checksum = "sum",
      .units_changed = {{.unit = {.name = "changes.service", .content = "new", .drop_ins = {{"2.conf", "2"}}},
                         .drop_ins_changed = {{"2.conf", "2"}, {"", ""}},
                         .drop_ins_deleted = {{"0.conf", "0"}}}},
      .unit_commands = {{"changes.service", "restart"}, {"fresh.service", "restart"}},
      .units_deleted = {{.name = "goes.service", .content = "g"}},
      .files_changed = {{.path = "/etc/changes"}, {.path = "/opt/bin/tool"}},
      .files_deleted = {{.path = "/etc/goes"}},
      .registries_desired = {{.upstream = "docker.io"}},
      .registries_deleted = {{.upstream = "quay.io"}},
  };
  const auto applied = read(&last, changes);
  EXPECT_EQ(applied.files.at("/etc/same").sha256, sha256_hex("same\n"));
  EXPECT_EQ(applied.files.at("/etc/changes").sha256, sha256_hex("old\n"));
  EXPECT_EQ(applied.files.at("/etc/fresh").sha256, sha256_hex("fresh\n"));
  EXPECT_FALSE(applied.files.contains("/opt/bin/tool"));
  EXPECT_EQ(applied.files.at("/etc/goes").sha256, sha256_hex("bye\n"));

  EXPECT_EQ(applied.units.at("same.service").started_with, desired::digest(wanted.units.at("same.service"), wanted));
  const auto& changed = applied.units.at("changes.service");
  EXPECT_EQ(changed.started_with, "");
  EXPECT_TRUE(changed.owns_file);
  EXPECT_EQ(changed.drop_ins, (std::map<std::string, std::string>{{"0.conf", ""}, {"1.conf", ""}, {"2.conf", ""}}))
      << "what is done already has lost its name in the list";
  const auto& fresh = applied.units.at("fresh.service");
  EXPECT_EQ(fresh.started_with, "");
  EXPECT_EQ(fresh.drop_ins, (std::map<std::string, std::string>{{"f.conf", sha256_hex("f")}}));
  EXPECT_EQ(applied.units.at("goes.service").file_sha256, sha256_hex("g"));
  EXPECT_TRUE(applied.reload_owed);

  EXPECT_EQ(applied.registries.at("docker.io").digest, desired::digest(last.registries.at("docker.io")));
  EXPECT_EQ(applied.registries.at("quay.io").digest, desired::digest(last.registries.at("quay.io")));
  EXPECT_EQ(applied.containerd, wanted.containerd);
  EXPECT_EQ(applied.containerd_started_with, desired::containerd_digest(wanted));
  EXPECT_FALSE(applied.agent_restart_owed);
}

TEST(FromGoFiles, FirstRunHalfDoneNeedsNoLastApplied) {
  const ChangesFile changes = {
      .checksum = "sum",
      .must_restart_node_agent = true,
      .units_changed = {{.unit = {.name = "fresh.service", .content = "f"}, .drop_ins_changed = {{"", ""}}}},
      .files_changed = {{.path = "/etc/fresh"}},
      .files_deleted = {{.path = "/etc/gone",
                         .permissions = 0644,
                         .content = {.inline_data = osc::Inline{"b64", "eA=="}}},
                        {.path = "/etc/theirs", .host_name = "node-b"},
                        {.path = "/etc/same"}},
      .config_file_changed = true,
      .registries_desired = {{.upstream = "docker.io"}},
  };
  const auto applied = read(nullptr, changes);
  EXPECT_FALSE(applied.files.contains("/etc/fresh"));
  EXPECT_FALSE(applied.files.contains("/etc/theirs"));
  EXPECT_EQ(applied.files.at("/etc/gone"), (plan::AppliedFile{.mode = 0644, .sha256 = sha256_hex("x")}));
  EXPECT_EQ(applied.files.at("/etc/same").sha256, sha256_hex("same\n")) << "wanted again";
  EXPECT_EQ(applied.units.at("fresh.service").drop_ins.size(), 1u);
  EXPECT_FALSE(applied.units.at("fresh.service").drop_ins.contains(""));
  EXPECT_FALSE(applied.registries.contains("docker.io"));
  EXPECT_EQ(applied.containerd_started_with, "");
  EXPECT_TRUE(applied.agent_restart_owed);
}

TEST(FromGoFiles, ARestartOfContainerdThatIsListedIsOwed) {
  const auto last = before();
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "sum", .unit_commands = {{"containerd.service", "restart"}}})
                .containerd_started_with,
            "");
  EXPECT_EQ(read(&last, ChangesFile{.checksum = "other", .config_file_changed = true}).containerd_started_with, "");
}

TEST(FromGoFiles, ImagesHaveNoKnownBytes) {
  const auto last = now();
  const auto applied = read(&last, std::nullopt);
  EXPECT_EQ(applied.files.at("/opt/bin/tool"),
            (plan::AppliedFile{.mode = 0755, .image = desired::ImageSource{"i:2", "/tool"}}));
}

}  // namespace
}  // namespace gna::store
