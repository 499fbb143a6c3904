#include "tests/contract/unit_manager/unit_manager_contract.h"

#include <algorithm>

namespace gna::systemd {

namespace {

const std::string kDaemon = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
const std::string kOneshot = "[Service]\nType=oneshot\nExecStart=/bin/true\n";
const std::string kBroken = "[Service]\nType=oneshot\nExecStart=/bin/false\n";
const std::string kSlow = "[Service]\nExecStartPre=/bin/sleep 0.3\nExecStart=/bin/sleep infinity\n";

}  // namespace

UnitStatus UnitManagerContract::status(const std::string& name) {
  const auto seen = units().status({name}, soon());
  EXPECT_TRUE(seen) << seen.error().message;
  return seen ? seen->at(name) : UnitStatus();
}

std::vector<Result<void>> UnitManagerContract::run(const std::vector<JobRequest>& jobs) {
  std::vector<Result<void>> out(jobs.size());
  std::vector<int> told(jobs.size());
  units().run(
      jobs,
      [&](std::size_t i, Result<void> result) {
        ++told.at(i);
        out.at(i) = std::move(result);
      },
      soon());
  EXPECT_TRUE(std::ranges::all_of(told, [](int times) { return times == 1; }));
  return out;
}

TEST_P(UnitManagerContract, TellsOfEveryNameAlsoOfWhatIsNotThere) {
  machine_->install("gna-a.service", kDaemon);
  const auto seen = units().status({"gna-a.service", "gna-absent.service", "gna-t@.service", "no unit's name"}, soon());
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->size(), 4u);
  EXPECT_EQ(seen->at("gna-a.service").enablement, "disabled");
  for (const auto* name : {"gna-absent.service", "gna-t@.service", "no unit's name"})
    EXPECT_EQ(seen->at(name).enablement, "") << name;
  EXPECT_TRUE(units().status({}, soon()).value().empty());
}

TEST_P(UnitManagerContract, EnablesAndDisablesAsOftenAsAsked) {
  machine_->install("gna-a.service", kDaemon);
  for (int i = 0; i < 2; ++i) {
    const auto done = units().enable("gna-a.service", soon());
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(status("gna-a.service").enablement, "enabled");
  }
  for (int i = 0; i < 2; ++i) {
    const auto done = units().disable("gna-a.service", soon());
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(status("gna-a.service").enablement, "disabled");
  }
}

TEST_P(UnitManagerContract, TakesStaticUnits) {
  machine_->install("gna-static.service", kOneshot);
  EXPECT_TRUE(units().enable("gna-static.service", soon()));
  EXPECT_EQ(status("gna-static.service").enablement, "static");
  EXPECT_TRUE(units().disable("gna-static.service", soon()));
}

TEST_P(UnitManagerContract, TellsWhatCannotBeEnabled) {
  machine_->install("gna-masked.service", "");
  const auto absent = units().enable("gna-absent.service", soon());
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::NotFound) << absent.error().message;
  const auto masked = units().enable("gna-masked.service", soon());
  ASSERT_FALSE(masked);
  EXPECT_EQ(masked.error().code, Code::Conflict) << masked.error().message;
  EXPECT_TRUE(units().disable("gna-absent.service", soon()));
}

TEST_P(UnitManagerContract, RunsNoJobsWhereNoneAreAsked) {
  EXPECT_TRUE(run({}).empty());
  EXPECT_TRUE(units().reload(soon()));
}

TEST_P(LiveUnitManagerContract, IsLive) { EXPECT_TRUE(units().live()); }

TEST_P(LiveUnitManagerContract, StartsStopsAndRestarts) {
  machine_->install("gna-a.service", kDaemon);
  ASSERT_TRUE(units().reload(soon()));
  EXPECT_EQ(status("gna-a.service").active, "inactive");
  ASSERT_TRUE(run_one("gna-a.service", plan::Job::start));
  const auto started = status("gna-a.service");
  EXPECT_EQ(started.load, "loaded");
  EXPECT_EQ(started.active, "active");
  EXPECT_EQ(started.sub, "running");
  EXPECT_EQ(started.type, "simple");
  EXPECT_EQ(started.invocation.size(), 32u);
  EXPECT_FALSE(started.job_queued);

  ASSERT_TRUE(run_one("gna-a.service", plan::Job::start));
  EXPECT_EQ(status("gna-a.service").invocation, started.invocation) << "what runs is not started again";
  ASSERT_TRUE(run_one("gna-a.service", plan::Job::restart));
  EXPECT_NE(status("gna-a.service").invocation, started.invocation);
  EXPECT_EQ(status("gna-a.service").active, "active");

  ASSERT_TRUE(run_one("gna-a.service", plan::Job::stop));
  EXPECT_EQ(status("gna-a.service").active, "inactive");
}

TEST_P(LiveUnitManagerContract, LetsAOneshotRunThrough) {
  machine_->install("gna-once.service", kOneshot);
  ASSERT_TRUE(units().reload(soon()));
  ASSERT_TRUE(run_one("gna-once.service", plan::Job::restart));
  const auto seen = status("gna-once.service");
  EXPECT_EQ(seen.active, "inactive");
  EXPECT_EQ(seen.sub, "dead");
  EXPECT_EQ(seen.type, "oneshot");
}

TEST_P(LiveUnitManagerContract, WaitsForTheEndOfAJob) {
  machine_->install("gna-slow.service", kSlow);
  ASSERT_TRUE(units().reload(soon()));
  ASSERT_TRUE(run_one("gna-slow.service", plan::Job::restart));
  EXPECT_EQ(status("gna-slow.service").active, "active");
  EXPECT_TRUE(run_one("gna-slow.service", plan::Job::stop));
}

TEST_P(LiveUnitManagerContract, OneFailureIsNotTheOthers) {
  machine_->install("gna-a.service", kDaemon);
  machine_->install("gna-broken.service", kBroken);
  machine_->install("gna-masked.service", "");
  ASSERT_TRUE(units().reload(soon()));
  const auto results = run({{"gna-broken.service", plan::Job::restart},
                            {"gna-absent.service", plan::Job::restart},
                            {"gna-a.service", plan::Job::restart},
                            {"gna-masked.service", plan::Job::start},
                            {"gna-absent.service", plan::Job::stop}});
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, Code::Unavailable) << results[0].error().message;
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, Code::NotFound) << results[1].error().message;
  EXPECT_TRUE(results[2]);
  ASSERT_FALSE(results[3]);
  EXPECT_EQ(results[3].error().code, Code::Conflict) << results[3].error().message;
  EXPECT_TRUE(results[4]) << "what does not exist does not run";
  EXPECT_EQ(status("gna-broken.service").active, "failed");
  EXPECT_EQ(status("gna-absent.service").load, "not-found");
  EXPECT_TRUE(run_one("gna-a.service", plan::Job::stop));
}

TEST_P(LiveUnitManagerContract, KnowsWhenAReloadIsDue) {
  machine_->install("gna-a.service", kDaemon);
  ASSERT_TRUE(units().reload(soon()));
  ASSERT_TRUE(run_one("gna-a.service", plan::Job::start));
  EXPECT_FALSE(status("gna-a.service").need_reload);
  machine_->install("gna-a.service", "[Unit]\nDescription=another\n" + kDaemon);
  EXPECT_TRUE(status("gna-a.service").need_reload);
  ASSERT_TRUE(units().reload(soon()));
  EXPECT_FALSE(status("gna-a.service").need_reload);
  EXPECT_TRUE(run_one("gna-a.service", plan::Job::stop));
}

TEST_P(LiveUnitManagerContract, RunsManyJobsAtOnce) {
  std::vector<JobRequest> jobs;
  std::set<std::string> names;
  for (int i = 0; i < 150; ++i) {
    jobs.push_back({"gna-" + std::to_string(i) + ".service", plan::Job::restart});
    machine_->install(jobs.back().unit, kOneshot);
    names.insert(jobs.back().unit);
  }
  ASSERT_TRUE(units().reload(soon()));
  EXPECT_TRUE(std::ranges::all_of(run(jobs), [](const auto& result) { return result.has_value(); }));
  const auto seen = units().status(names, soon());
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_TRUE(std::ranges::all_of(*seen, [](const auto& unit) { return unit.second.enablement == "static"; }));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(UnitManagerContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveUnitManagerContract);

}  // namespace gna::systemd
