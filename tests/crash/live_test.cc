// An apply as on a live node, killed at every call and every message: run again, the tree is that of an
// undisturbed run, no unit has lost its restart and none got a second one, and a watcher that reads all
// the time never saw a torn file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "tests/crash/live_run.h"
#include "tests/crash/watcher.h"

namespace gna::crash {
namespace {

constexpr std::size_t kShards = 4;

constexpr auto kGo = [](std::size_t, const Call&) { return Action{}; };

class Live : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: chroot and mounts";
    gna_ = std::make_unique<LiveRun>();
    gna_->begin();
    after_ = read_tree(gna_->tree());
  }
  std::unique_ptr<LiveRun> gna_;
  Snapshot after_;
};

TEST_F(Live, TheSecondApplyChangesNothingAndSendsNoJob) {
  gna_->set(gna_->before());
  ASSERT_EQ(gna_->apply().exit_code, 0) << gna_->output();
  ASSERT_EQ(gna_->unlike_an_undisturbed_run(), "");
  for (const auto& call : gna_->apply(kGo).calls)
    EXPECT_TRUE(call.op == Op::message || call.path.ends_with("/gna/lock")) << name(call.op) << " " << call.path;
  EXPECT_EQ(gna_->unlike_an_undisturbed_run(), "") << gna_->output();
}

// What is killed below has a step of each kind, and each verb of a job.
TEST_F(Live, TheRunHasAllKindsOfSteps) {
  const auto last_run = after_.at("/var/lib/gardener-node-agent/gna/last-run.json").bytes;
  for (const std::string step : {"clear:/etc/demo/way",
                                 "directory:/var/bin/containerruntimes",
                                 "containerd-config",
                                 "file:/etc/demo/watched",
                                 "file:/etc/demo/drifts",
                                 "file:/etc/demo/deep/goes",
                                 "file:/opt/bin/tool",
                                 "file:/var/lib/kubelet/cpu_manager_state",
                                 "registry:docker.io",
                                 "registry:quay.io",
                                 "registry:probed.example",
                                 "await:probed.example",
                                 "unit:changes.service",
                                 "dropIn:changes.service.d/20-goes.conf",
                                 "dropIn:changes.service.d/30-comes.conf",
                                 "enable:fresh.service",
                                 "disable:flips.service",
                                 "retire:goes.service",
                                 "retire:foreign.service",
                                 "daemon-reload",
                                 "restart:changes.service",
                                 "restart:containerd.service",
                                 "start:ends.service",
                                 "stop:flips.service",
                                 "restart:gardener-node-agent.service"})
    EXPECT_NE(last_run.find("\"id\": \"" + step + "\",\n   \"result\": \"done\""), std::string::npos)
        << step << " in " << last_run;
}

TEST_F(Live, KilledAroundALateMirrorTheWayBackLeavesNothing) {
  gna_->set(gna_->before());
  const auto whole = gna_->apply(kGo).calls;
  std::size_t points = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (whole[at].path.find("probed.example") == std::string::npos) continue;
    SCOPED_TRACE("killed around #" + std::to_string(at) + " " + name(whole[at].op) + " " + whole[at].path);
    gna_->set(gna_->before());
    // By path, not by number: how many messages came before is not always the same.
    const auto killed = gna_->apply([&, seen = std::size_t{0}](std::size_t, const Call& call) mutable {
      const bool here = call.path.find("probed.example") != std::string::npos && seen++ == points;
      return Action{here ? Action::Kind::kill_after : Action::Kind::go};
    });
    ++points;
    ASSERT_EQ(killed.signal, SIGKILL);
    ASSERT_EQ(gna_->go_back().exit_code, 0) << gna_->output();
    ASSERT_EQ(gna_->unlike_before(), "");
  }
  EXPECT_GE(points, 5u);
}

class LiveKilled : public Live, public ::testing::WithParamInterface<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Shard, LiveKilled, ::testing::Range(std::size_t{0}, kShards),
                         [](const auto& i) { return std::to_string(i.param); });

TEST_P(LiveKilled, AtEachCallItHeals) {
  gna_->set(gna_->before());
  const auto whole = gna_->apply(kGo).calls;
  ASSERT_EQ(gna_->unlike_an_undisturbed_run(), "");
  EXPECT_GT(whole.size(), 200u);
  const auto watched = [](const std::string& path) {
    return !path.starts_with("/var/lib/gardener-node-agent/") || path.ends_with("/last-applied-osc.yaml");
  };
  for (std::size_t at = GetParam(); at < whole.size(); at += kShards) {
    SCOPED_TRACE("killed at #" + std::to_string(at) + " " + name(whole[at].op) + " " + whole[at].path);
    gna_->set(gna_->before());
    Watcher watcher(gna_->tree(), gna_->before(), after_, watched);
    const auto killed = gna_->apply(killed_at(at));
    // How many messages it takes is not always the same.
    ASSERT_TRUE(killed.signal == SIGKILL || whole[at].op == Op::message) << gna_->output();
    ASSERT_EQ(gna_->torn(), "");
    ASSERT_EQ(gna_->apply().exit_code, 0) << gna_->output();
    EXPECT_EQ(watcher.torn(), std::set<std::string>{});
    ASSERT_GT(watcher.rounds(), 0u);
    ASSERT_EQ(gna_->unlike_an_undisturbed_run(), "");
  }
}

class LiveFull : public Live, public ::testing::WithParamInterface<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Shard, LiveFull, ::testing::Range(std::size_t{0}, kShards),
                         [](const auto& i) { return std::to_string(i.param); });

// From some call on the disk is full: that costs no unit its restart, and gives none a second one.
TEST_P(LiveFull, FromEachCallItHeals) {
  const auto takes_space = [](const Call& call) {
    return call.op == Op::create || call.op == Op::write || call.op == Op::mkdir;
  };
  gna_->set(gna_->before());
  const auto whole = gna_->apply(kGo).calls;
  const auto points = static_cast<std::size_t>(std::ranges::count_if(whole, takes_space));
  EXPECT_GT(points, 50u);
  for (std::size_t at = GetParam(); at < points; at += kShards) {
    gna_->set(gna_->before());
    std::string where;
    const auto failed = gna_->apply([&, seen = std::size_t{0}](std::size_t, const Call& call) mutable {
      if (!takes_space(call) || seen++ < at) return Action{};
      if (where.empty()) where = std::string(name(call.op)) + " " + call.path;
      return Action{Action::Kind::fail, ENOSPC};
    });
    SCOPED_TRACE("full from #" + std::to_string(at) + " on, " + where);
    EXPECT_EQ(failed.exit_code, 1) << gna_->output();
    ASSERT_EQ(gna_->torn(), "");
    ASSERT_EQ(gna_->apply().exit_code, 0) << gna_->output();
    EXPECT_EQ(gna_->unlike_an_undisturbed_run(), "");
  }
}

}  // namespace
}  // namespace gna::crash
