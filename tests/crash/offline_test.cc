// An apply on an offline tree, cut short at every call, by every error, by power cuts: run again it
// ends as if nothing had happened, and at no time was a file torn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>

#include "tests/crash/gna_run.h"
#include "tests/crash/power_cut.h"

namespace gna::crash {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kSeed = 20261123;
constexpr std::size_t kSamples = 1000;
constexpr std::size_t kShards = 4;  // of the power cuts, so that they run side by side

constexpr auto kGo = [](std::size_t, const Call&) { return Action{}; };

bool is_sync(const Call& call) { return call.op == Op::sync_file || call.op == Op::sync_file_system; }

std::string at_call(const Call& call) { return std::string(name(call.op)) + " " + call.path; }

class Offline : public ::testing::Test {
 protected:
  void SetUp() override { gna_.begin(); }

  GnaRun gna_;

  // "" if running again ends well from this disk.
  std::string heal() const {
    if (const auto again = gna_.apply(); again.exit_code != 0)
      return "exit " + std::to_string(again.exit_code) + ": " + gna_.output();
    return gna_.unlike_an_undisturbed_run();
  }
};

TEST_F(Offline, TheSecondApplyChangesNothing) {
  gna_.set(gna_.before());
  ASSERT_EQ(gna_.apply().exit_code, 0);
  for (const auto& call : gna_.apply(kGo).calls) EXPECT_TRUE(call.path.ends_with("/gna/lock")) << at_call(call);
}

TEST_F(Offline, KilledAtEachCallItHeals) {
  gna_.set(gna_.before());
  const auto whole = gna_.apply(kGo).calls;
  ASSERT_EQ(gna_.unlike_an_undisturbed_run(), "");
  EXPECT_GT(whole.size(), 100u);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    SCOPED_TRACE("killed at #" + std::to_string(at) + " " + at_call(whole[at]));
    gna_.set(gna_.before());
    const auto killed = gna_.apply(killed_at(at));
    ASSERT_EQ(killed.signal, SIGKILL);
    ASSERT_EQ(gna_.torn(), "");
    ASSERT_EQ(heal(), "");
  }
}

// Claimed before it is made: what a killed run left is known to whoever applies another OSC.
TEST_F(Offline, KilledAtEachCallTheWayBackLeavesNothing) {
  gna_.set(gna_.before());
  const auto whole = gna_.apply(kGo).calls;
  EXPECT_GT(whole.size(), 100u);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    SCOPED_TRACE("killed at #" + std::to_string(at) + " " + at_call(whole[at]));
    gna_.set(gna_.before());
    const auto killed = gna_.apply(killed_at(at));
    ASSERT_EQ(killed.signal, SIGKILL);
    ASSERT_EQ(gna_.go_back().exit_code, 0) << gna_.output();
    ASSERT_EQ(gna_.unlike_before(), "");
  }
}

TEST_F(Offline, AResetKilledAtEachCallHeals) {
  // Empty folders may stay: of links whose last one went just before, of the lock.
  constexpr auto kCounts = [](const std::string& path, const Entry&) {
    return !path.ends_with("/gna/lock") && !path.ends_with("/gna") && !path.ends_with(".target.wants");
  };
  gna_.set(gna_.before());
  const auto whole = gna_.reset(kGo).calls;
  const auto expected = filtered(read_tree(gna_.tree()), kCounts);
  EXPECT_GT(whole.size(), 50u);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    SCOPED_TRACE("killed at #" + std::to_string(at) + " " + at_call(whole[at]));
    gna_.set(gna_.before());
    const auto killed = gna_.reset(killed_at(at));
    ASSERT_EQ(killed.signal, SIGKILL);
    ASSERT_EQ(gna_.reset().exit_code, 0) << gna_.output();
    ASSERT_EQ(difference(filtered(read_tree(gna_.tree()), kCounts), expected), "");
  }
}

class OfflineFailing : public Offline, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Errors, OfflineFailing, ::testing::Values(ENOSPC, EIO, EROFS, EACCES, EINTR, 0),
                         [](const auto& i) {
                           switch (i.param) {
                             case ENOSPC: return "ENOSPC";
                             case EIO: return "EIO";
                             case EROFS: return "EROFS";
                             case EACCES: return "EACCES";
                             case EINTR: return "EINTR";
                             default: return "ShortWrite";
                           }
                         });

TEST_P(OfflineFailing, IsToldAndHeals) {
  gna_.set(gna_.before());
  const auto whole = gna_.apply(kGo).calls;
  const bool harmless = GetParam() == EINTR || GetParam() == 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (GetParam() == 0 && whole[at].op != Op::write) continue;
    SCOPED_TRACE("at #" + std::to_string(at) + " " + at_call(whole[at]));
    gna_.set(gna_.before());
    const auto failed = gna_.apply([&](std::size_t n, const Call&) {
      if (n != at) return Action{};
      return GetParam() == 0 ? Action{Action::Kind::shorten} : Action{Action::Kind::fail, GetParam()};
    });
    ASSERT_EQ(failed.exit_code, harmless ? 0 : 1) << gna_.output();
    ASSERT_EQ(gna_.torn(), "");
    const auto disk = read_tree(gna_.tree());
    for (const auto& [path, entry] : disk) ASSERT_FALSE(is_temp_file(path)) << path;
    if (harmless) {
      ASSERT_EQ(gna_.unlike_an_undisturbed_run(), "");
    } else {
      // Which, why, and what now.
      EXPECT_THAT(gna_.output(), HasSubstr("gna: error: "));
      EXPECT_THAT(gna_.output(), HasSubstr(std::strerror(GetParam())));
      if (!whole[at].path.ends_with("/gna/lock")) {
        EXPECT_THAT(gna_.output(), HasSubstr("Running it again resumes"));
      }
      // What was done is on record: it is not done again.
      ASSERT_EQ(heal(), "");
    }
  }
}

class OfflinePowerCut : public Offline, public ::testing::WithParamInterface<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Shard, OfflinePowerCut, ::testing::Range(std::size_t{0}, kShards),
                         [](const auto& i) { return std::to_string(i.param); });

TEST_P(OfflinePowerCut, HealsFromEveryDisk) {
  gna_.set(gna_.before());
  const PowerCut cuts(gna_.before(), gna_.apply(kGo).calls, gna_.tree());
  ASSERT_EQ(gna_.unlike_an_undisturbed_run(), "");
  std::size_t disks = 0;
  const auto judge = [&](const Cut& cut, const Snapshot& disk) {
    if (disks++ % kShards != GetParam()) return;
    SCOPED_TRACE(cut.text(cuts.calls(), gna_.tree()));
    ASSERT_EQ(gna_.torn(disk), "");
    gna_.set(disk);
    ASSERT_EQ(heal(), "");
  };
  cuts.enumerate(2, [&](const Cut& cut, const Snapshot& disk) {
    if (!HasFatalFailure()) judge(cut, disk);
  });
  std::mt19937 random(kSeed);
  for (std::size_t i = 0; i < kSamples && !HasFatalFailure(); ++i) {
    const auto cut = cuts.sample(random, 3);
    ASSERT_GE(cut.lost.size(), 3u);
    judge(cut, cuts.disk_after(cut));
  }
  RecordProperty("disks", static_cast<int>(disks));
  EXPECT_GT(disks, kSamples);
}

TEST_F(Offline, TheCheckerFindsWhatMissingSyncsTear) {
  gna_.set(gna_.before());
  auto calls = gna_.apply([](std::size_t, const Call& call) {
                     return Action{is_sync(call) ? Action::Kind::pretend : Action::Kind::go};
                   })
                   .calls;
  std::erase_if(calls, is_sync);
  const PowerCut cuts(gna_.before(), calls, gna_.tree());
  std::size_t torn = 0;
  std::mt19937 random(kSeed);
  for (std::size_t i = 0; i < kSamples; ++i) torn += gna_.torn(cuts.disk_after(cuts.sample(random))).empty() ? 0 : 1;
  EXPECT_GT(torn, kSamples / 4);
}

}  // namespace
}  // namespace gna::crash
