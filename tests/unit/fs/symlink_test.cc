// Which symlinks on the way are followed.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/fs/root_fs.h"
#include "tests/support/temp_root.h"

namespace gna::fs {
namespace {

namespace stdfs = std::filesystem;

constexpr uid_t kStranger = 12345;

class Symlink : public ::testing::Test {
 protected:
  support::TempRoot tree_;
  RootFs fs_ = RootFs::open(tree_.path().string()).value();

  void link(const std::string& target, std::string_view path) {
    stdfs::create_directories(tree_.on_host(path).parent_path());
    stdfs::create_symlink(target, tree_.on_host(path));
  }
  void expect_leads_to(const std::string& path, std::string_view real) {
    const auto written = fs_.write(path, path, 0600);
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(tree_.read(real), path);
    EXPECT_EQ(fs_.read(path).value(), path);
    EXPECT_EQ(fs_.look(path, true)->size_bytes, path.size());
  }
  void expect_refused(const std::string& path) {
    EXPECT_EQ(fs_.write(path, "x", 0600).error().code, Code::PermissionDenied) << path;
    EXPECT_EQ(fs_.read(path).error().code, Code::PermissionDenied) << path;
    EXPECT_EQ(fs_.look(path, true).error().code, Code::PermissionDenied) << path;
    EXPECT_EQ(fs_.remove(path).error().code, Code::PermissionDenied) << path;
    EXPECT_EQ(fs_.make_directories(path).error().code, Code::PermissionDenied) << path;
  }
};

TEST_F(Symlink, StaysBelowTheRootWhateverItSays) {
  tree_.write("/real/keep", "");
  link("real", "/relative");
  link("/real", "/absolute");
  link("../../../../../../../../real", "/climbs");
  link("..", "/real/up");
  link("/", "/whole");
  link("absolute/", "/chain");
  expect_leads_to("/relative/a", "/real/a");
  expect_leads_to("/absolute/b", "/real/b");
  expect_leads_to("/climbs/c", "/real/c");
  expect_leads_to("/real/up/real/d", "/real/d");
  expect_leads_to("/whole/real/up/real/up/real/e", "/real/e");
  expect_leads_to("/chain/f", "/real/f");
  expect_leads_to("/chain/new/directories/g", "/real/new/directories/g");
}

TEST_F(Symlink, OfTheHostIsNotReached) {
  link("/etc", "/out");
  EXPECT_EQ(fs_.read("/out/passwd").error().code, Code::NotFound);
  EXPECT_EQ(fs_.look("/out/passwd", true)->kind, observed::FileKind::absent);
}

TEST_F(Symlink, LoopsAndDanglingOnesAreErrors) {
  link("b", "/a");
  link("a", "/b");
  link("nowhere", "/dangling");
  EXPECT_EQ(fs_.write("/a/x", "x", 0600).error().code, Code::Conflict);
  EXPECT_EQ(fs_.read("/a").error().code, Code::Conflict);
  EXPECT_EQ(fs_.write("/dangling/x", "x", 0600).error().code, Code::NotFound);
  EXPECT_EQ(fs_.read("/dangling").error().code, Code::NotFound);
  EXPECT_EQ(fs_.obstacle("/a/x").value(), "/a");
  EXPECT_FALSE(tree_.exists("/nowhere"));
}

TEST_F(Symlink, ThatIsTheLastComponentIsReplacedNotFollowed) {
  tree_.write("/target", "kept");
  link("target", "/link");
  ASSERT_TRUE(fs_.write("/link", "new", 0600));
  EXPECT_EQ(tree_.read("/target"), "kept");
  link("target", "/gone");
  ASSERT_TRUE(fs_.remove("/gone"));
  EXPECT_EQ(tree_.read("/target"), "kept");
}

TEST_F(Symlink, OfAStrangerIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  tree_.write("/real/keep", "");
  link("real", "/theirs");
  ASSERT_EQ(::lchown(tree_.on_host("/theirs").c_str(), kStranger, 0), 0);
  expect_refused("/theirs/x");
  EXPECT_EQ(fs_.obstacle("/theirs/x").error().code, Code::PermissionDenied);
  EXPECT_TRUE(fs_.write("/theirs", "x", 0600)) << "as the last component it is replaced";
}

TEST_F(Symlink, InADirectoryThatOthersMayWriteIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  tree_.write("/real/keep", "");
  link("/real", "/group/l");
  ASSERT_EQ(::chmod(tree_.on_host("/group").c_str(), 0775), 0);
  link("/real", "/world/l");
  ASSERT_EQ(::chmod(tree_.on_host("/world").c_str(), 0777), 0);
  link("/real", "/home/l");
  ASSERT_EQ(::chown(tree_.on_host("/home").c_str(), kStranger, 0), 0);
  expect_refused("/group/l/x");
  expect_refused("/world/l/x");
  expect_refused("/home/l/x");
  // As in /tmp: others can add names, but not replace root's.
  ASSERT_EQ(::chmod(tree_.on_host("/world").c_str(), 01777), 0);
  expect_leads_to("/world/l/x", "/real/x");
}

TEST_F(Symlink, LeadingOnToAStrangersOneIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  tree_.write("/real/keep", "");
  link("theirs", "/ours");
  link("real", "/theirs");
  ASSERT_EQ(::lchown(tree_.on_host("/theirs").c_str(), kStranger, 0), 0);
  expect_refused("/ours/x");
}

}  // namespace
}  // namespace gna::fs
