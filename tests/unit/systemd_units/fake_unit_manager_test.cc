#include "tests/support/fake_unit_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace gna::support {
namespace {

using ::testing::ElementsAre;

const Deadline kSoon = std::chrono::steady_clock::now() + std::chrono::minutes(1);

TEST(FakeUnitManager, RecordsInTheWordsOfTheGoldenData) {
  FakeUnitManager fake;
  fake.script("fail 2nd restart of demo.service with Unavailable");
  const std::vector<systemd::JobRequest> twice = {{"demo.service", plan::Job::restart},
                                                  {"demo.service", plan::Job::restart}};
  std::vector<Result<void>> results(2);
  ASSERT_TRUE(fake.enable("demo.service", kSoon));
  ASSERT_TRUE(fake.reload(kSoon));
  fake.run(twice, [&](std::size_t i, Result<void> result) { results[i] = std::move(result); }, kSoon);
  ASSERT_TRUE(fake.disable("demo.service", kSoon));
  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, Code::Unavailable);
  EXPECT_THAT(fake.operations(), ElementsAre("enable demo.service", "daemon-reload", "restart demo.service",
                                             "restart demo.service -> failed", "disable demo.service"));
}

TEST(Mishap, CountsItsUnitAlone) {
  UnitScript script;
  script.add("fail 2nd restart of a.service with failed");
  EXPECT_TRUE(script.next("restart", "a.service").empty());
  EXPECT_TRUE(script.next("restart", "b.service").empty());
  EXPECT_EQ(script.next("restart", "a.service").size(), 1u);
  EXPECT_TRUE(script.next("restart", "a.service").empty());
}

TEST(Mishap, WithoutUnitCountsAll) {
  UnitScript script;
  script.add("delay 2nd restart by 20ms");
  EXPECT_TRUE(script.next("restart", "a.service").empty());
  EXPECT_EQ(script.next("restart", "b.service").at(0).milliseconds, 20u);
}

TEST(Mishap, RefusesWhatItDoesNotUnderstand) {
  for (const auto* line : {"", "fall restart with x", "fail reboot of a with x", "fail restart of a", "vanish restart",
                           "delay restart by 20", "fail restart with x y"})
    EXPECT_THROW(parse_mishap(line), std::invalid_argument) << line;
}

}  // namespace
}  // namespace gna::support
