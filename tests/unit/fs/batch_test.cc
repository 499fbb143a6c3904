#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/fs/root_fs.h"
#include "gna/base/digest.h"
#include "tests/support/temp_root.h"

namespace gna::fs {
namespace {

class BatchTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  support::TempRoot tree_;
  RootFs fs_ = RootFs::open(tree_.path().string()).value();

  std::size_t temps_in(const std::string& directory) const {
    const auto names = fs_.list(directory).value();
    return static_cast<std::size_t>(
        std::ranges::count_if(names, [](const auto& n) { return n.starts_with(kTempPrefix); }));
  }
};

// Few files are synced one by one, many at once.
INSTANTIATE_TEST_SUITE_P(Few, BatchTest, ::testing::Values(1, 4),
                         [](const auto& i) { return std::to_string(i.param); });
INSTANTIATE_TEST_SUITE_P(Many, BatchTest, ::testing::Values(5, 60),
                         [](const auto& i) { return std::to_string(i.param); });

TEST_P(BatchTest, MakesEverythingTrueAtCommitAndNothingBefore) {
  Batch batch(fs_);
  for (std::size_t i = 0; i < GetParam(); ++i)
    ASSERT_TRUE(batch.stage(100 + i, "/d" + std::to_string(i % 3) + "/f" + std::to_string(i), std::to_string(i), 0640));
  EXPECT_FALSE(tree_.exists("/d0/f0"));
  const auto committed = batch.commit();
  ASSERT_EQ(committed.size(), GetParam());
  for (std::size_t i = 0; i < GetParam(); ++i) {
    EXPECT_EQ(committed[i].ticket, 100 + i);
    EXPECT_TRUE(committed[i].result);
    EXPECT_EQ(tree_.read("/d" + std::to_string(i % 3) + "/f" + std::to_string(i)), std::to_string(i));
  }
  EXPECT_EQ(temps_in("/d0"), 0u);
  EXPECT_TRUE(batch.commit().empty());
}

TEST_P(BatchTest, RemovesWhatWasNotCommitted) {
  {
    Batch batch(fs_);
    for (std::size_t i = 0; i < GetParam(); ++i) ASSERT_TRUE(batch.stage(i, "/d/f" + std::to_string(i), "x", 0600));
    EXPECT_EQ(temps_in("/d"), GetParam());
  }
  EXPECT_TRUE(fs_.list("/d")->empty());
}

TEST_P(BatchTest, OneFailureLeavesTheOthersAlone) {
  tree_.write("/d/directory/inner", "x");
  Batch batch(fs_);
  ASSERT_TRUE(batch.stage(1, "/d/directory", "in the way", 0600));
  for (std::size_t i = 0; i < GetParam(); ++i) ASSERT_TRUE(batch.stage(2 + i, "/d/f" + std::to_string(i), "x", 0600));
  EXPECT_EQ(batch.stage(99, "/d/f0/below/..", "x", 0600).error().code, Code::InvalidArgument);
  const auto committed = batch.commit();
  ASSERT_EQ(committed.size(), GetParam() + 1);
  EXPECT_EQ(committed[0].result.error().code, Code::Conflict);
  for (std::size_t i = 1; i < committed.size(); ++i) EXPECT_TRUE(committed[i].result);
  EXPECT_EQ(temps_in("/d"), 0u);
  EXPECT_EQ(tree_.read("/d/directory/inner"), "x");
}

TEST(Batch, CopiesFromADescriptorAndTellsTheDigest) {
  const support::TempRoot tree;
  const auto fs = RootFs::open(tree.path().string()).value();
  std::string bytes(400'000, 'q');
  bytes[399'999] = 'r';
  tree.write("/source", bytes);
  Batch batch(fs);
  const auto from = fs.open_read("/source").value();
  EXPECT_EQ(batch.stage_from(7, "/opt/bin/kubelet", from.get(), 0755).value(), sha256_hex(bytes));
  ASSERT_TRUE(batch.commit().at(0).result);
  EXPECT_EQ(tree.read("/opt/bin/kubelet"), bytes);
  EXPECT_EQ(fs.look("/opt/bin/kubelet", false)->mode, 0755u);
}

TEST(Batch, AFailedReadLeavesNothingBehind) {
  const support::TempRoot tree;
  const auto fs = RootFs::open(tree.path().string()).value();
  tree.write("/d/x", "");
  Batch batch(fs);
  const Fd directory(::open(tree.path().c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_EQ(batch.stage_from(1, "/d/f", directory.get(), 0600).error().code, Code::Conflict);
  EXPECT_EQ(fs.list("/d").value(), std::vector<std::string>{"x"});
}

TEST(Batch, RemovalsTakeTheirEmptyDirectoryAlong) {
  const support::TempRoot tree;
  const auto fs = RootFs::open(tree.path().string()).value();
  tree.write("/u/a.service.d/1.conf", "x");
  tree.write("/u/a.service.d/2.conf", "x");
  tree.write("/u/b.service.d/1.conf", "x");
  tree.write("/u/b.service.d/foreign.conf", "x");
  tree.write("/u/c.service.d/1.conf", "x");
  Batch batch(fs);
  batch.stage_removal(1, "/u/a.service.d/1.conf", true);
  batch.stage_removal(2, "/u/a.service.d/2.conf", true);
  batch.stage_removal(3, "/u/b.service.d/1.conf", true);
  batch.stage_removal(4, "/u/c.service.d/1.conf", false);
  batch.stage_removal(5, "/u/none.service.d/1.conf", true);
  for (const auto& [ticket, result] : batch.commit()) EXPECT_TRUE(result) << ticket;
  EXPECT_EQ(fs.list("/u").value(), (std::vector<std::string>{"b.service.d", "c.service.d"}));
  EXPECT_EQ(fs.list("/u/b.service.d").value(), std::vector<std::string>{"foreign.conf"});
  EXPECT_TRUE(fs.list("/u/c.service.d")->empty());
}

TEST(Batch, AWriteKeepsTheDirectoryThatARemovalWouldTake) {
  const support::TempRoot tree;
  const auto fs = RootFs::open(tree.path().string()).value();
  tree.write("/d/old", "x");
  Batch batch(fs);
  batch.stage_removal(1, "/d/old", true);
  ASSERT_TRUE(batch.stage(2, "/d/new", "y", 0600));
  for (const auto& [ticket, result] : batch.commit()) EXPECT_TRUE(result) << ticket;
  EXPECT_EQ(fs.list("/d").value(), std::vector<std::string>{"new"});
}

TEST(Batch, GivesNewDirectoriesTheModeThatWasAskedFor) {
  const support::TempRoot tree;
  const auto fs = RootFs::open(tree.path().string()).value();
  Batch batch(fs);
  ASSERT_TRUE(batch.stage(1, "/secret/deep/f", "y", 0600, 0700));
  ASSERT_TRUE(batch.commit().at(0).result);
  EXPECT_EQ(fs.look("/secret", false)->mode, 0700u);
  EXPECT_EQ(fs.look("/secret/deep", false)->mode, 0700u);
}

}  // namespace
}  // namespace gna::fs
