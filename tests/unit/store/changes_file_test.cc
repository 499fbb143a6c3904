#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "gna/store/store.h"

namespace gna::store {
namespace {

namespace stdfs = std::filesystem;

std::string read(const stdfs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<stdfs::path> find(const char* folder, const char* name) {
  std::vector<stdfs::path> out;
  for (const auto& entry : stdfs::recursive_directory_iterator(stdfs::path(GNA_TESTDATA) / folder))
    if (entry.path().filename() == name) out.push_back(entry.path());
  return out;
}

void expect_same_bytes(const stdfs::path& path) {
  const auto bytes = read(path);
  const auto parsed = parse_changes(bytes);
  ASSERT_TRUE(parsed) << path << ": " << parsed.error().message;
  EXPECT_EQ(write(*parsed), bytes) << path;
}

void expect_corrupt(const char* text) {
  const auto parsed = parse_changes(text);
  ASSERT_FALSE(parsed) << text;
  EXPECT_EQ(parsed.error().code, Code::Corrupt) << text;
}

TEST(ChangesFile, OfEachUpgradeComesOutAsTheGoAgentWroteIt) {
  const auto files = find("osc/upgrades", "changes.yaml");
  EXPECT_EQ(files.size(), 49u);
  for (const auto& path : files) expect_same_bytes(path);
}

TEST(ChangesFile, OfEachGoldenRunComesOutAsTheGoAgentWroteIt) {
  const auto files = find("golden", "last-computed-osc-changes.yaml");
  EXPECT_EQ(files.size(), 200u);
  for (const auto& path : files) expect_same_bytes(path);
}

TEST(ChangesFile, KeepsTheEmptyNamesThatTheGoAgentsBugLeaves) {
  const auto parsed = parse_changes(
      read(stdfs::path(GNA_TESTDATA) /
           "golden/half-12-first-apply-enable/files/var/lib/gardener-node-agent/last-computed-osc-changes.yaml"));
  ASSERT_TRUE(parsed);
  const auto& kubelet = parsed->units_changed.at(0);
  EXPECT_EQ(kubelet.unit.name, "kubelet.service");
  EXPECT_TRUE(kubelet.unit.drop_ins.empty());
  ASSERT_EQ(kubelet.drop_ins_changed.size(), 1u);
  EXPECT_EQ(kubelet.drop_ins_changed[0], osc::DropIn{});
  EXPECT_TRUE(parsed->must_restart_node_agent);
  EXPECT_TRUE(parsed->config_file_changed);
}

TEST(ChangesFile, AnEmptyOneSaysNothing) {
  for (const auto* bytes : {"", "\n", "null\n"}) EXPECT_EQ(parse_changes(bytes).value(), ChangesFile{}) << bytes;
}

TEST(ChangesFile, EveryFieldRoundTrips) {
  const ChangesFile all = {
      .checksum = "12345678",
      .must_restart_node_agent = true,
      .units_changed = {{.unit = {.name = "a.service",
                                  .command = "start",
                                  .enable = false,
                                  .content = "",
                                  .drop_ins = {{"1.conf", "x\ny\n"}, {"2.conf", ""}},
                                  .file_paths = {"/a", "/b"}},
                         .drop_ins_changed = {{"1.conf", "x\ny\n"}},
                         .drop_ins_deleted = {{"0.conf", "z"}}}},
      .unit_commands = {{"a.service", "restart"}, {"b.service", "stop"}},
      .units_deleted = {{.name = "c.service"}},
      .files_changed = {{.path = "/f", .permissions = 0644, .content = {.inline_data = osc::Inline{"b64", "eA=="}}},
                        {.path = "/g", .content = {.secret_ref = osc::SecretRef{"n", "k"}}, .host_name = "h"},
                        {.path = "/h",
                         .content = {.image_ref = osc::ImageRef{"i:1", "/p"}, .transmit_unencoded = true}}},
      .files_deleted = {{.path = "/i", .content = {.inline_data = osc::Inline{"", " leading\n\n"}}}},
      .config_file_changed = true,
      .upstreams_to_probe = {"docker.io"},
      .registries_desired =
          {{.upstream = "_default",
            .server = "https://s",
            .hosts = {{.url = "https://h", .capabilities = {"pull"}, .ca_certs = {"ca.pem"}, .override_path = false}},
            .readiness_probe = true}},
      .registries_deleted = {{.upstream = "quay.io:443"}},
      .in_place = {true, true, true, true, true, true, true},
  };
  const auto bytes = write(all);
  const auto parsed = parse_changes(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message << "\n" << bytes;
  EXPECT_EQ(*parsed, all) << bytes;
}

TEST(ChangesFile, RefusesWhatItIsNot) {
  for (const auto* text : {"[]", "- a", "operatingSystemConfigChecksum: [1]", "units: 3", "units: {changed: {}}",
                           "a: [", "mustRestartNodeAgent: perhaps", "files: {changed: [{path: /a, content: 3}]}"})
    expect_corrupt(text);
}

TEST(ChangesFile, RefusesNamesThatLeadElsewhere) {
  for (const auto* text :
       {"files: {deleted: [{path: /etc/../x, content: {}}]}", "files: {deleted: [{path: etc/x, content: {}}]}",
        "files: {changed: [{path: /.., content: {}}]}", "units: {deleted: [{name: ../x.service}]}",
        "units: {changed: [{name: a.service, dropIns: [{name: ../../x, content: y}]}]}",
        "containerd: {registries: {deleted: [{upstream: ..}]}}"})
    expect_corrupt(text);
}

TEST(ChangesFile, TakesAnEmptyOrOlderOne) {
  EXPECT_EQ(parse_changes("operatingSystemConfigChecksum: abc\nunits: null\nlater: {}\n").value(),
            ChangesFile{.checksum = "abc"});
}

}  // namespace
}  // namespace gna::store
