#include <gtest/gtest.h>
#include <sys/mount.h>

#include "agent/content/overlay.h"

namespace gna::content {
namespace {

const std::string kSnapshots = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/";

TEST(ParseOverlay, NamesLayersFromTheirCommonDirectory) {
  const auto overlay = parse_overlay({"index=off", "lowerdir=" + kSnapshots + "12/fs:" + kSnapshots + "1/fs"});
  ASSERT_TRUE(overlay) << overlay.error().message;
  EXPECT_EQ(*overlay, (Overlay{.directory = kSnapshots, .flags = 0, .data = "index=off,lowerdir=12/fs:1/fs"}));
}

TEST(ParseOverlay, FitsManyLayersIntoOnePage) {
  std::string lower;
  for (int i = 60; i > 0; --i) lower += (lower.empty() ? "" : ":") + kSnapshots + std::to_string(i) + "/fs";
  ASSERT_GT(lower.size(), 4096u);
  const auto overlay = parse_overlay({"lowerdir=" + lower});
  ASSERT_TRUE(overlay) << overlay.error().message;
  EXPECT_LT(overlay->data.size(), 500u);
}

TEST(ParseOverlay, TurnsFlagsIntoFlags) {
  const auto overlay = parse_overlay({"ro", "nosuid", "lowerdir=/a/1:/a/2", "userxattr"});
  ASSERT_TRUE(overlay) << overlay.error().message;
  EXPECT_EQ(overlay->flags, static_cast<unsigned long>(MS_RDONLY | MS_NOSUID));
  EXPECT_EQ(overlay->data, "userxattr,lowerdir=1:2");
}

TEST(ParseOverlay, NeverCutsANameInHalf) {
  const auto overlay = parse_overlay({"lowerdir=/a/12/fs:/a/1/fs:/a/123/fs"});
  ASSERT_TRUE(overlay) << overlay.error().message;
  EXPECT_EQ(overlay->directory, "/a/");
  const auto single = parse_overlay({"lowerdir=/a/12/fs"});
  ASSERT_TRUE(single) << single.error().message;
  EXPECT_EQ(single->directory, "/a/12/");
  EXPECT_EQ(single->data, "lowerdir=fs");
}

TEST(ParseOverlay, RefusesWhatIsNoView) {
  for (const auto& options : std::vector<std::vector<std::string>>{
           {"lowerdir=/a/1", "upperdir=/a/2", "workdir=/a/3"}, {}, {"index=off"}, {"lowerdir=a:b"}, {"lowerdir="}}) {
    const auto overlay = parse_overlay(options);
    ASSERT_FALSE(overlay);
    EXPECT_EQ(overlay.error().code, Code::Unsupported);
  }
}

TEST(ParseOverlay, RefusesWhatNoPageHolds) {
  std::string lower;
  for (int i = 1000; i > 0; --i) lower += (lower.empty() ? "/a/" : ":/a/") + std::to_string(i) + "/fs";
  const auto overlay = parse_overlay({"lowerdir=" + lower});
  ASSERT_FALSE(overlay);
  EXPECT_EQ(overlay.error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace gna::content
