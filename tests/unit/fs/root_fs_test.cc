#include "agent/fs/root_fs.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "gna/base/digest.h"
#include "tests/support/temp_root.h"

namespace gna::fs {
namespace {

namespace stdfs = std::filesystem;

class RootFsTest : public ::testing::Test {
 protected:
  support::TempRoot tree_;
  RootFs fs_ = RootFs::open(tree_.path().string()).value();

  unsigned mode_of(std::string_view path) const {
    struct stat st{};
    EXPECT_EQ(::lstat(tree_.on_host(path).c_str(), &st), 0) << path;
    return st.st_mode & 07777;
  }
  std::vector<std::string> names_in(const std::string& directory) const { return fs_.list(directory).value(); }
};

TEST(RootFsOpen, SaysNotFoundWithoutADirectory) {
  EXPECT_EQ(RootFs::open("/nonexistent-gna-root").error().code, Code::NotFound);
}

TEST_F(RootFsTest, WritesBytesAndModeAndMakesParents) {
  const mode_t before = ::umask(077);
  ASSERT_TRUE(fs_.write("/etc/a/b.conf", std::string("x\0y\n", 4), 0644));
  ::umask(before);
  EXPECT_EQ(tree_.read("/etc/a/b.conf"), std::string("x\0y\n", 4));
  EXPECT_EQ(mode_of("/etc/a/b.conf"), 0644u);
  EXPECT_EQ(mode_of("/etc/a"), 0755u);
  EXPECT_EQ(names_in("/etc/a"), std::vector<std::string>{"b.conf"});
}

TEST_F(RootFsTest, ReplacesWhateverFileHasTheName) {
  tree_.write("/plain", "old", 0600);
  tree_.write("/elsewhere", "kept");
  stdfs::create_symlink("elsewhere", tree_.on_host("/link"));
  ASSERT_EQ(::mkfifo(tree_.on_host("/pipe").c_str(), 0600), 0);
  stdfs::create_hard_link(tree_.on_host("/elsewhere"), tree_.on_host("/hard"));
  for (const auto* path : {"/plain", "/link", "/pipe", "/hard"}) {
    ASSERT_TRUE(fs_.write(path, "new", 0640)) << path;
    EXPECT_EQ(fs_.look(path, false)->kind, observed::FileKind::regular) << path;
    EXPECT_EQ(tree_.read(path), "new") << path;
    EXPECT_EQ(mode_of(path), 0640u) << path;
  }
  EXPECT_EQ(tree_.read("/elsewhere"), "kept");
}

TEST_F(RootFsTest, LeavesADirectoryInPlaceAloneAndNoTempFileBehind) {
  tree_.write("/etc/thing/inner", "x");
  EXPECT_EQ(fs_.write("/etc/thing", "y", 0600).error().code, Code::Conflict);
  EXPECT_EQ(fs_.link("x", "/etc/thing").error().code, Code::Conflict);
  EXPECT_EQ(fs_.remove("/etc/thing").error().code, Code::Conflict);
  EXPECT_EQ(names_in("/etc"), std::vector<std::string>{"thing"});
  EXPECT_EQ(tree_.read("/etc/thing/inner"), "x");
}

TEST_F(RootFsTest, AFileWhereAParentShouldBeIsAConflict) {
  tree_.write("/etc/thing", "x");
  EXPECT_EQ(fs_.write("/etc/thing/inner/file", "y", 0600).error().code, Code::Conflict);
  EXPECT_EQ(fs_.obstacle("/etc/thing/inner/file").value(), "/etc/thing");
  EXPECT_EQ(fs_.obstacle("/etc/thing").value(), "");
  EXPECT_EQ(fs_.obstacle("/var/none/file").value(), "");
  stdfs::create_symlink("thing", tree_.on_host("/etc/to-file"));
  EXPECT_EQ(fs_.obstacle("/etc/to-file/x").value(), "/etc/to-file");
  stdfs::create_symlink("nowhere", tree_.on_host("/etc/dangling"));
  EXPECT_EQ(fs_.obstacle("/etc/dangling/a/x").value(), "/etc/dangling");
  stdfs::create_symlink("../etc", tree_.on_host("/etc/to-directory"));
  EXPECT_EQ(fs_.obstacle("/etc/to-directory/a/x").value(), "");
}

TEST_F(RootFsTest, RefusesPathsThatClimbOrNameNothing) {
  for (const auto* path : {"/../etc/x", "/etc/../../x", "/..", "..", "", "/", "/."})
    EXPECT_EQ(fs_.write(path, "x", 0600).error().code, Code::InvalidArgument) << path;
  EXPECT_EQ(fs_.write(std::string("/a\0b", 4), "x", 0600).error().code, Code::InvalidArgument);
  EXPECT_EQ(fs_.look("/a/../b", false).error().code, Code::InvalidArgument);
  EXPECT_TRUE(fs_.write("/..a/b..", "x", 0600));
}

TEST_F(RootFsTest, TellsWhatIsThere) {
  const std::string large(300'000, 'z');
  tree_.write("/large", large, 0754);
  tree_.write("/empty", "");
  stdfs::create_symlink("nowhere", tree_.on_host("/link"));
  ASSERT_EQ(::mkfifo(tree_.on_host("/pipe").c_str(), 0600), 0);
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  tree_.on_host("/socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(fs_.look("/large", true).value(),
            (observed::File{observed::FileKind::regular, 0754, 300'000, sha256_hex(large)}));
  EXPECT_EQ(fs_.look("/large", false)->sha256, "");
  EXPECT_EQ(fs_.look("/empty", true)->sha256, sha256_hex(""));
  EXPECT_EQ(fs_.look("/link", true)->kind, observed::FileKind::symlink);
  EXPECT_EQ(fs_.look("/pipe", true)->kind, observed::FileKind::other);
  EXPECT_EQ(fs_.look("/socket", true)->kind, observed::FileKind::other);
  EXPECT_EQ(fs_.look("/", true)->kind, observed::FileKind::directory);
  EXPECT_EQ(fs_.look("/absent", true)->kind, observed::FileKind::absent);
  EXPECT_EQ(fs_.look("/large/below", true)->kind, observed::FileKind::absent);
  EXPECT_EQ(fs_.look("/link/below", true)->kind, observed::FileKind::absent);
  ::close(server);
}

TEST_F(RootFsTest, ReadsRegularFilesOnlyAndNeverBlocks) {
  tree_.write("/file", "bytes");
  ASSERT_EQ(::mkfifo(tree_.on_host("/pipe").c_str(), 0600), 0);
  stdfs::create_symlink("file", tree_.on_host("/link"));
  EXPECT_EQ(fs_.read("/file").value(), "bytes");
  EXPECT_EQ(fs_.read("/link").value(), "bytes");
  EXPECT_EQ(fs_.read_link("/link").value(), "file");
  EXPECT_EQ(fs_.read_link("/file").error().code, Code::Conflict);
  EXPECT_EQ(fs_.read("/pipe").error().code, Code::Conflict);
  EXPECT_EQ(fs_.read("/").error().code, Code::Conflict);
  EXPECT_EQ(fs_.read("/absent").error().code, Code::NotFound);
  EXPECT_EQ(fs_.read("/file", 4).error().code, Code::InvalidArgument);
  EXPECT_EQ(fs_.read("/file", 5).value(), "bytes");
}

TEST_F(RootFsTest, ListsSortedNames) {
  for (const auto* name : {"/d/b", "/d/a", "/d/.c"}) tree_.write(name, "");
  EXPECT_EQ(names_in("/d"), (std::vector<std::string>{".c", "a", "b"}));
  EXPECT_EQ(fs_.list("/absent").error().code, Code::NotFound);
}

TEST_F(RootFsTest, LinksReplaceFilesAndLinks) {
  ASSERT_TRUE(fs_.link("/lib/a.service", "/etc/x.wants/a.service"));
  ASSERT_TRUE(fs_.link("/lib/b.service", "/etc/x.wants/a.service"));
  EXPECT_EQ(fs_.read_link("/etc/x.wants/a.service").value(), "/lib/b.service");
  EXPECT_EQ(names_in("/etc/x.wants").size(), 1u);
}

TEST_F(RootFsTest, MakesDirectoriesWithExactlyThisMode) {
  const mode_t before = ::umask(077);
  ASSERT_TRUE(fs_.make_directories("/var/lib/x/y", 0711));
  ::umask(before);
  EXPECT_EQ(mode_of("/var/lib/x/y"), 0711u);
  EXPECT_EQ(mode_of("/var"), 0711u);
  ASSERT_TRUE(fs_.make_directories("/var/lib/x/y", 0755));
  EXPECT_EQ(mode_of("/var/lib/x/y"), 0711u) << "what is there stays as it is";
}

TEST_F(RootFsTest, RemovingIsForFilesAndAbsentIsFine) {
  tree_.write("/d/file", "x");
  stdfs::create_symlink("file", tree_.on_host("/d/link"));
  EXPECT_TRUE(fs_.remove_directory_if_empty("/d"));
  EXPECT_TRUE(fs_.remove("/d/link"));
  EXPECT_EQ(tree_.read("/d/file"), "x");
  EXPECT_TRUE(fs_.remove("/d/file"));
  EXPECT_TRUE(fs_.remove("/d/file"));
  EXPECT_TRUE(fs_.remove("/none/file"));
  EXPECT_TRUE(fs_.remove_directory_if_empty("/d"));
  EXPECT_TRUE(fs_.remove_directory_if_empty("/d"));
  EXPECT_TRUE(fs_.remove_directory_if_empty("/none/d"));
  EXPECT_FALSE(tree_.exists("/d"));
}

TEST_F(RootFsTest, RemovesTreesWithoutFollowingLinks) {
  tree_.write("/keep/file", "x");
  tree_.write("/d/e/f/g", "x");
  stdfs::create_directory_symlink("/keep", tree_.on_host("/d/e/absolute"));
  stdfs::create_directory_symlink("../../keep", tree_.on_host("/d/e/relative"));
  ASSERT_TRUE(fs_.remove_tree("/d"));
  EXPECT_FALSE(tree_.exists("/d"));
  EXPECT_EQ(tree_.read("/keep/file"), "x");
  EXPECT_TRUE(fs_.remove_tree("/d"));
  stdfs::create_directory_symlink("keep", tree_.on_host("/link"));
  ASSERT_TRUE(fs_.remove_tree("/link"));
  EXPECT_EQ(tree_.read("/keep/file"), "x");
}

TEST_F(RootFsTest, SweepsOnlyTempFilesOfOurs) {
  for (const auto* name : {"/d/.gna-abcdefgh.tmp", "/d/.gna-abc.tmp", "/d/.gna-abcdefgh.tmpx", "/d/gna-abcdefgh.tmp"})
    tree_.write(name, "x");
  ASSERT_TRUE(fs_.sweep("/d"));
  EXPECT_EQ(names_in("/d"), (std::vector<std::string>{".gna-abc.tmp", ".gna-abcdefgh.tmpx", "gna-abcdefgh.tmp"}));
  EXPECT_TRUE(fs_.sweep("/none"));
}

TEST_F(RootFsTest, AReaderNeverSeesATornFile) {
  const std::string a(40'000, 'a');
  const std::string b(70'000, 'b');
  ASSERT_TRUE(fs_.write("/etc/f", a, 0600));
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::atomic<int> reads = 0;
  std::jthread reader([&] {
    while (!stop) {
      const auto bytes = fs_.read("/etc/f");
      if (!bytes || (*bytes != a && *bytes != b)) ++torn;
      ++reads;
    }
  });
  for (int i = 0; i < 100 || reads < 100; ++i) ASSERT_TRUE(fs_.write("/etc/f", i % 2 == 0 ? b : a, 0600));
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace gna::fs
