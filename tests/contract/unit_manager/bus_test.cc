// What only the bus can do wrong: systemd that goes away, jobs whose end nobody tells, time
// that runs out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "backends/systemd/bus.h"
#include "tests/support/fake_systemd1.h"
#include "tests/support/private_bus.h"
#include "tests/support/temp_root.h"

namespace gna::systemd {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

class Bus : public ::testing::Test {
 protected:
  void start(std::vector<std::string> script) {
    systemd_ = std::make_unique<support::FakeSystemd1>(support::FakeSystemd1Options{
        .address = bus_.address(), .log = work_.path() / "log", .root = {}, .script = std::move(script)});
  }
  UnitManager& units(std::chrono::milliseconds per_job = std::chrono::seconds(60)) {
    if (units_ == nullptr) units_ = make_bus_unit_manager({.address = bus_.address(), .per_job = per_job});
    return *units_;
  }
  std::vector<Result<void>> run(const std::vector<JobRequest>& jobs) {
    std::vector<Result<void>> out(jobs.size());
    units().run(jobs, [&](std::size_t i, Result<void> result) { out.at(i) = std::move(result); }, soon());
    return out;
  }
  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }
  long starts(const std::string& unit) const {
    return std::ranges::count_if(systemd_->log(), [&](const auto& line) { return line == "started " + unit + " -"; });
  }

  support::TempRoot work_;
  support::PrivateBus bus_{work_.path() / "bus"};
  std::unique_ptr<support::FakeSystemd1> systemd_ = {};
  std::unique_ptr<UnitManager> units_ = {};
};

TEST_F(Bus, SendsAllJobsBeforeItWaits) {
  // The second would not even be asked for, if the first were waited for.
  start({"delay 1st restart of a.service by 100ms"});
  const auto results = run({{"a.service"}, {"b.service"}});
  EXPECT_TRUE(results[0] && results[1]);
  EXPECT_THAT(systemd_->log(),
              ElementsAre("restart a.service", "restart b.service", "started b.service -", "started a.service -"));
}

TEST_F(Bus, NamesTheJobsResultAndTheUnitsState) {
  start({"fail restart of a.service with dependency", "fail restart of b.service with canceled"});
  const auto results = run({{"a.service"}, {"b.service"}});
  ASSERT_FALSE(results[0] || results[1]);
  EXPECT_EQ(results[0].error().code, Code::Unavailable);
  EXPECT_EQ(results[0].error().message,
            "restart a.service: job dependency, the unit is failed (failed), result exit-code");
  EXPECT_EQ(results[1].error().code, Code::Conflict);
}

TEST_F(Bus, SaysThatAnOutcomeIsUnknownAndHowTheUnitIs) {
  start({"delay restart of a.service by 60000ms"});
  units(std::chrono::milliseconds(50));
  const auto results = run({{"a.service"}, {"b.service"}});
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, Code::DeadlineExceeded);
  EXPECT_EQ(results[0].error().message, "restart a.service: outcome unknown, looked again: activating (start-pre)");
  EXPECT_TRUE(results[1]);
}

TEST_F(Bus, WaitsForNoAnswerForEver) {
  start({"delay daemon-reload by 2000ms"});
  units_ = make_bus_unit_manager({.address = bus_.address(), .per_question = std::chrono::milliseconds(20)});
  EXPECT_EQ(units().reload(soon()).error().code, Code::DeadlineExceeded);
  EXPECT_TRUE(systemd_->log().empty()) << "it was not waited for";
}

TEST_F(Bus, TurnsRefusalsIntoCodes) {
  start({"fail enable of a.service with org.freedesktop.systemd1.UnitMasked",
         "fail enable of b.service with org.freedesktop.DBus.Error.AccessDenied",
         "fail disable of a.service with org.freedesktop.systemd1.NoSuchUnit",
         "fail daemon-reload with org.freedesktop.DBus.Error.UnknownMethod",
         "fail restart of c.service with org.freedesktop.systemd1.LoadFailed"});
  EXPECT_EQ(units().enable("a.service", soon()).error().code, Code::Conflict);
  EXPECT_EQ(units().enable("b.service", soon()).error().code, Code::PermissionDenied);
  EXPECT_TRUE(units().disable("a.service", soon()));
  EXPECT_EQ(units().reload(soon()).error().code, Code::Unsupported);
  EXPECT_EQ(run({{"c.service"}})[0].error().code, Code::Conflict);
}

TEST_F(Bus, AsksAgainWhenSystemdIsReexecuted) {
  start({"vanish at 1st status", "vanish after 1st enable of a.service", "vanish at 1st daemon-reload"});
  ASSERT_TRUE(units().status({"a.service"}, soon()));
  ASSERT_TRUE(units().enable("a.service", soon()));
  ASSERT_TRUE(units().reload(soon()));
  EXPECT_THAT(systemd_->operations(), ElementsAre("enable a.service", "enable a.service", "daemon-reload"));
}

TEST_F(Bus, SendsAJobAgainThatNeverArrived) {
  start({"vanish at 1st restart of a.service"});
  ASSERT_TRUE(units().reload(soon()));
  const auto results = run({{"a.service"}, {"b.service"}});
  EXPECT_TRUE(results[0]) << results[0].error().message;
  EXPECT_TRUE(results[1]) << results[1].error().message;
  EXPECT_EQ(starts("a.service"), 1);
  EXPECT_EQ(starts("b.service"), 1);
}

TEST_F(Bus, DoesNotRestartTwiceWhatArrivedButWasNotAnswered) {
  start({"vanish after 1st restart of a.service", "delay restart of b.service by 400ms",
         "vanish after 1st restart of b.service"});
  ASSERT_TRUE(units().reload(soon()));
  const auto results = run({{"a.service"}, {"b.service"}});
  EXPECT_TRUE(results[0]) << results[0].error().message;
  EXPECT_TRUE(results[1]) << results[1].error().message;
  EXPECT_EQ(starts("a.service"), 1);
  EXPECT_EQ(starts("b.service"), 1);
}

TEST_F(Bus, FollowsItsJobsOverARestartOfTheBus) {
  start({"delay restart of a.service by 500ms"});
  ASSERT_TRUE(units().reload(soon()));
  std::vector<Result<void>> results;
  std::jthread runner([&] { results = run({{"a.service"}}); });
  while (systemd_->log().size() < 2) std::this_thread::yield();  // until the job is queued
  bus_.stop();
  bus_.start();
  runner.join();
  EXPECT_TRUE(results[0]) << results[0].error().message;
  EXPECT_EQ(starts("a.service"), 1);
}

TEST_F(Bus, GivesUpWhereThereIsNone) {
  bus_.stop();
  EXPECT_EQ(units().status({"a.service"}, soon()).error().code, Code::Unavailable);
  EXPECT_EQ(run({{"a.service"}})[0].error().code, Code::Unavailable);
}

TEST_F(Bus, GivesUpWhereNoSystemdIsOnIt) {
  EXPECT_EQ(units().enable("a.service", soon()).error().code, Code::Unavailable);
}

TEST_F(Bus, KeepsUnitsAndLogOverItsOwnEnd) {
  start({});
  ASSERT_TRUE(run({{"a.service"}})[0]);
  const auto before = units().status({"a.service"}, soon()).value().at("a.service");
  systemd_.reset();
  start({});
  const auto after = units().status({"a.service"}, soon()).value().at("a.service");
  EXPECT_EQ(after.active, "active");
  EXPECT_EQ(after.invocation, before.invocation);
  EXPECT_THAT(systemd_->log(), Contains("restart a.service"));
}

}  // namespace
}  // namespace gna::systemd
