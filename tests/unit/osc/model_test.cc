#include <gtest/gtest.h>

#include "gna/osc/osc.h"

namespace gna::osc {
namespace {

TEST(MergedUnits, CollapseIntoTheFirstPlace) {
  const Osc osc = {
      .spec = {.units = {{.name = "a.service",
                          .command = "start",
                          .enable = true,
                          .content = "old",
                          .drop_ins = {{"10.conf", "1"}},
                          .file_paths = {"/x"}},
                         {.name = "b.service"},
                         {.name = "a.service", .enable = false}}},
      .status = {
          .extension_units = {
              {.name = "c.service"},
              {.name = "a.service", .content = "new", .drop_ins = {{"10.conf", "2"}}, .file_paths = {"/x", "/y"}}}}};
  const std::vector<Unit> expected = {{.name = "a.service",
                                       .command = "start",
                                       .enable = false,
                                       .content = "new",
                                       .drop_ins = {{"10.conf", "1"}, {"10.conf", "2"}},
                                       .file_paths = {"/x", "/x", "/y"}},
                                      {.name = "b.service"},
                                      {.name = "c.service"}};
  EXPECT_EQ(merged_units(osc), expected);
}

TEST(FilesForHost, LeaveOutThoseOfOthers) {
  const Osc osc = {
      .spec = {.files = {{.path = "/all"}, {.path = "/host", .host_name = "a"}, {.path = "/host", .host_name = "b"}}},
      .status = {.extension_files = {{.path = "/more"}}}};
  const auto paths = [&osc](const std::string& host) {
    std::vector<std::string> out;
    for (const File& file : files_for_host(osc, host)) out.push_back(file.path + file.host_name.value_or(""));
    return out;
  };
  EXPECT_EQ(paths("b"), (std::vector<std::string>{"/all", "/hostb", "/more"}));
  EXPECT_EQ(paths("B"), (std::vector<std::string>{"/all", "/more"}));
  EXPECT_EQ(paths(""), (std::vector<std::string>{"/all", "/more"}));
}

TEST(HasContainerd, NeedsNameAndBlock) {
  Osc osc;
  EXPECT_FALSE(has_containerd(osc));
  osc.spec.cri_config = CriConfig{.name = "containerd"};
  EXPECT_FALSE(has_containerd(osc));
  osc.spec.cri_config->containerd = Containerd{};
  EXPECT_TRUE(has_containerd(osc));
  osc.spec.cri_config->name = "docker";
  EXPECT_FALSE(has_containerd(osc));
}

TEST(Decode, KnowsTwoEncodings) {
  EXPECT_EQ(decode({"", "aGk="}), "aGk=");
  EXPECT_EQ(decode({"b64", "aGk="}), "hi");
  EXPECT_EQ(decode({"b64", "aG\nk="}), "hi");
  EXPECT_EQ(decode({"b64", "aGk"}), std::nullopt);
  EXPECT_EQ(decode({"B64", "aGk="}), std::nullopt);
}

}  // namespace
}  // namespace gna::osc
