// Store and Batch through power cuts and kills: whatever is left can be loaded and tells the truth.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "agent/fs/root_fs.h"
#include "gna/store/store.h"
#include "tests/crash/power_cut.h"
#include "tests/crash/scratch.h"
#include "tests/crash/store_program.h"
#include "tests/crash/tracer.h"

namespace gna::crash {
namespace {

constexpr unsigned kSeed = 20261123;
constexpr std::size_t kSamples = 1000;

const std::string kLastApplied = std::string(store::Store::kBase) + "/last-applied-osc.yaml";

class StoreCrash : public ::testing::Test {
 protected:
  Scratch scratch_;
  const std::string tree_ = scratch_.path("/tree");

  Ended run(const std::string& number, const std::function<Action(std::size_t, const Call&)>& decide) {
    return trace({.argv = {GNA_BINARY_DIR "/tests/crash/gna_crash_store_program", tree_, number},
                  .tree = tree_,
                  .output = scratch_.path("/output"),
                  .record_bytes = true},
                 decide);
  }
  Ended run(const std::string& number) {
    return run(number, [](std::size_t, const Call&) { return Action{}; });
  }
  static Action pretend_syncs(std::size_t, const Call& call) {
    const bool sync = call.op == Op::sync_file || call.op == Op::sync_file_system;
    return {.kind = sync ? Action::Kind::pretend : Action::Kind::go};
  }

  // "" if the tree in `root` is one that run 2 may leave upon what run 1 made.
  static std::string judge(const std::string& root) {
    const auto disk = read_tree(root);
    std::size_t recorded = 0;
    for (const auto& path : kFiles)
      if (const auto wrong = torn(disk, path, 0640); !wrong.empty()) return wrong;
    if (const auto wrong = torn(disk, kSingleFile, 0600); !wrong.empty()) return wrong;
    const auto opened = fs::RootFs::open(root).value();
    const auto loaded = store::Store(opened).load();
    if (!loaded) return loaded.error().message;
    if (!loaded->manifest) return "takes it for the Go agent's";
    for (const auto& path : kFiles) {
      const auto& said = loaded->manifest->files.at(path);
      const bool second = said == applied_file(path, "2");
      if (!second && said != applied_file(path, "1")) return path + ": neither run's record";
      recorded += second ? 1 : 0;
      if (second && disk.at(path).bytes != content_of(path, "2")) return path + ": on record and not on disk";
    }
    if (loaded->last_applied_bytes == "osc 2\n" && store::Store(opened).load_previous().value_or("") != "osc 1\n")
      return "the way back is lost";
    if (loaded->last_applied_bytes == "osc 2\n" && recorded != kFiles.size()) return "last-applied before its edits";
    if (loaded->manifest->checksum == "2" && !loaded->interrupted && loaded->last_applied_bytes != "osc 2\n")
      return "finished without last-applied";
    return "";
  }
  static std::string torn(const Snapshot& disk, const std::string& path, std::uint32_t mode) {
    const auto found = disk.find(path);
    if (found == disk.end()) return path + ": gone";
    for (const auto* number : {"1", "2"})
      if (found->second == Entry{.mode = mode, .bytes = content_of(path, number)}) return "";
    return path + ": torn";
  }
  // The tree without what tells of the runs themselves. The store sweeps its own directories; temp
  // files elsewhere are the backend's to sweep.
  static Snapshot settled(const std::string& root) {
    return filtered(read_tree(root), [](const std::string& path, const Entry&) {
      return !(is_temp_file(path) && path.find("/gardener-node-agent/") == std::string::npos) &&
             !path.ends_with("/lock") && !path.ends_with("manifest.json") && !path.ends_with("/journal") &&
             !path.ends_with("index.json");
    });
  }
  std::string judge(const Snapshot& disk) {
    const auto root = scratch_.path("/disk");
    std::filesystem::remove_all(root);
    write_tree(disk, root);
    return judge(root);
  }
};

TEST_F(StoreCrash, EveryDiskAfterAPowerCutLoads) {
  std::filesystem::create_directory(tree_);
  ASSERT_EQ(run("1").exit_code, 0);
  const auto before = read_tree(tree_);
  const auto ended = run("2");
  ASSERT_EQ(ended.exit_code, 0);
  const PowerCut cuts(before, ended.calls, tree_);
  EXPECT_TRUE(cuts.uncertain(cuts.calls().size()).empty()) << "something was never synced";
  std::size_t disks = 0;
  cuts.enumerate(2, [&](const Cut& cut, const Snapshot& disk) {
    ++disks;
    ASSERT_EQ(judge(disk), "") << cut.text(cuts.calls(), tree_);
  });
  std::mt19937 random(kSeed);
  for (std::size_t i = 0; i < kSamples; ++i) {
    const auto cut = cuts.sample(random, 3);
    ASSERT_EQ(judge(cuts.disk_after(cut)), "") << cut.text(cuts.calls(), tree_);
  }
  RecordProperty("disks", static_cast<int>(disks));
  EXPECT_GT(disks, 50u);
}

TEST_F(StoreCrash, TheCheckerFindsWhatMissingSyncsTear) {
  std::filesystem::create_directory(tree_);
  ASSERT_EQ(run("1").exit_code, 0);
  const auto before = read_tree(tree_);
  auto ended = run("2", pretend_syncs);
  ASSERT_EQ(ended.exit_code, 0);
  std::erase_if(ended.calls,
                [](const Call& call) { return call.op == Op::sync_file || call.op == Op::sync_file_system; });
  const PowerCut cuts(before, ended.calls, tree_);
  std::size_t torn_files = 0;
  std::size_t bad_records = 0;
  std::mt19937 random(kSeed);
  for (std::size_t i = 0; i < kSamples; ++i) {
    const auto wrong = judge(cuts.disk_after(cuts.sample(random)));
    torn_files += wrong.ends_with(": torn") ? 1 : 0;
    bad_records += !wrong.empty() && !wrong.ends_with(": torn") ? 1 : 0;
  }
  EXPECT_GT(torn_files, 100u);
  EXPECT_GT(bad_records, 10u);
}

TEST_F(StoreCrash, KilledAtEachCallItLoadsAndTheNextRunEndsWell) {
  std::filesystem::create_directory(tree_);
  ASSERT_EQ(run("1").exit_code, 0);
  const auto before = read_tree(tree_);
  const auto whole = run("2").calls.size();
  const auto expected = settled(tree_);
  for (std::size_t at = 0; at < whole; ++at) {
    std::filesystem::remove_all(tree_);
    write_tree(before, tree_);
    const auto killed = run("2", killed_at(at));
    ASSERT_EQ(killed.signal, SIGKILL) << at;
    ASSERT_EQ(judge(tree_), "") << at;
    ASSERT_EQ(run("2").exit_code, 0) << at;
    ASSERT_EQ(difference(settled(tree_), expected), "") << at;
  }
}

TEST_F(StoreCrash, ACallThatFailsIsToldAndTheNextRunEndsWell) {
  std::filesystem::create_directory(tree_);
  ASSERT_EQ(run("1").exit_code, 0);
  const auto before = read_tree(tree_);
  const auto whole = run("2").calls.size();
  const auto expected = settled(tree_);
  for (const int error_number : {ENOSPC, EIO, EROFS, EACCES, EINTR, 0}) {
    for (std::size_t at = 0; at < whole; ++at) {
      std::filesystem::remove_all(tree_);
      write_tree(before, tree_);
      const auto failed = run("2", [&](std::size_t n, const Call&) {
        if (n != at) return Action{};
        return error_number == 0 ? Action{Action::Kind::shorten} : Action{Action::Kind::fail, error_number};
      });
      // Short writes and interruptions are no failures.
      ASSERT_EQ(failed.exit_code, error_number == 0 || error_number == EINTR ? 0 : 1)
          << at << " errno " << error_number;
      ASSERT_EQ(judge(tree_), "") << at << " errno " << error_number;
      for (const auto& [path, entry] : read_tree(tree_)) ASSERT_FALSE(is_temp_file(path)) << path << " at " << at;
      ASSERT_EQ(run("2").exit_code, 0) << at;
      ASSERT_EQ(difference(settled(tree_), expected), "") << at << " errno " << error_number;
    }
  }
}

}  // namespace
}  // namespace gna::crash
