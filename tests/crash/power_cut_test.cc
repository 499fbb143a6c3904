// The model itself, on the smallest of runs.
#include "tests/crash/power_cut.h"

#include <gtest/gtest.h>

#include <set>

namespace gna::crash {
namespace {

const std::string kTree = "/t";

Call create(const std::string& path, std::uint64_t inode) {
  return {.op = Op::create, .path = kTree + path, .mode = 0600, .inode = inode};
}
Call write(const std::string& path, std::uint64_t inode, const std::string& bytes) {
  return {
      .op = Op::write, .path = kTree + path, .bytes = bytes, .inode = inode, .result = static_cast<long>(bytes.size())};
}
Call rename(const std::string& from, const std::string& to) {
  return {.op = Op::rename, .path = kTree + to, .from = kTree + from};
}
Call sync(const std::string& path, std::uint64_t inode = 0) {
  return {.op = Op::sync_file, .path = kTree + path, .inode = inode};
}

const Snapshot kBefore = {{"/d", {.kind = Entry::Kind::directory, .mode = 0755}},
                          {"/d/f", {.mode = 0600, .bytes = "old"}}};

// What /d/f may hold, over all disks.
std::set<std::string> contents(const PowerCut& cuts) {
  std::set<std::string> out;
  cuts.enumerate(2, [&](const Cut&, const Snapshot& disk) {
    const auto found = disk.find("/d/f");
    out.insert(found == disk.end() ? "absent" : found->second.bytes);
  });
  return out;
}

TEST(PowerCut, ACarefulReplacementIsOldOrNew) {
  const PowerCut cuts(kBefore,
                      {create("/d/.gna-bbbbbbbb.tmp", 7), write("/d/.gna-bbbbbbbb.tmp", 7, "new!"),
                       sync("/d/.gna-bbbbbbbb.tmp", 7), rename("/d/.gna-bbbbbbbb.tmp", "/d/f"), sync("/d")},
                      kTree);
  EXPECT_EQ(contents(cuts), (std::set<std::string>{"old", "new!"}));
  EXPECT_TRUE(cuts.uncertain(cuts.calls().size()).empty());
  EXPECT_EQ(cuts.disk_after({.after = 5}).at("/d/f").bytes, "new!");
}

TEST(PowerCut, WithoutTheFirstSyncItMayBeTorn) {
  const PowerCut cuts(kBefore,
                      {create("/d/.gna-bbbbbbbb.tmp", 7), write("/d/.gna-bbbbbbbb.tmp", 7, "new!"),
                       rename("/d/.gna-bbbbbbbb.tmp", "/d/f"), sync("/d")},
                      kTree);
  EXPECT_EQ(contents(cuts), (std::set<std::string>{"old", "new!", "ne", ""}));
}

TEST(PowerCut, AWriteInPlaceMayBeTorn) {
  const PowerCut cuts(kBefore, {write("/d/f", 0, "longer"), sync("/d/f")}, kTree);
  EXPECT_EQ(contents(cuts), (std::set<std::string>{"old", "lon", "longer"}));
}

TEST(PowerCut, ALostDirectoryTakesItsFilesAlong) {
  const PowerCut cuts({},
                      {{.op = Op::mkdir, .path = kTree + "/d", .mode = 0755},
                       create("/d/f", 7),
                       write("/d/f", 7, "x"),
                       sync("/d/f", 7),
                       sync("/d")},
                      kTree);
  EXPECT_EQ(cuts.uncertain(5), (std::vector<std::size_t>{0}));
  EXPECT_TRUE(cuts.disk_after({.after = 5, .lost = {{.call = 0}}}).empty());
}

TEST(PowerCut, SyncOfTheFileSystemMakesEverythingCertain) {
  const PowerCut cuts({},
                      {{.op = Op::mkdir, .path = kTree + "/d", .mode = 0755},
                       create("/d/f", 7),
                       write("/d/f", 7, "x"),
                       {.op = Op::sync_file_system, .path = kTree}},
                      kTree);
  EXPECT_EQ(cuts.uncertain(3).size(), 3u);
  EXPECT_TRUE(cuts.uncertain(4).empty());
}

TEST(PowerCut, SamplesLoseAsMuchAsIsAskedFor) {
  const PowerCut cuts(kBefore, {create("/d/a", 7), write("/d/a", 7, "x"), create("/d/b", 8), write("/d/b", 8, "y")},
                      kTree);
  std::mt19937 random(1);
  std::set<std::size_t> losses;
  for (int i = 0; i < 200; ++i) losses.insert(cuts.sample(random, 3).lost.size());
  EXPECT_EQ(losses, (std::set<std::size_t>{3, 4}));
  EXPECT_EQ(PowerCut(kBefore, {}, kTree).sample(random, 3).lost.size(), 0u);
}

TEST(PowerCut, FailedCallsDidNotHappen) {
  auto failed = rename("/d/f", "/d/g");
  failed.result = -28;
  EXPECT_EQ(PowerCut(kBefore, {failed}, kTree).disk_after({.after = 0}), kBefore);
}

}  // namespace
}  // namespace gna::crash
