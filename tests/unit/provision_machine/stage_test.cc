#include "provision/stages/stage.h"

#include <gtest/gtest.h>

namespace gna::provision {
namespace {

using std::chrono::steady_clock;

const Deadline kSoon = steady_clock::now() + std::chrono::minutes(5);

TEST(Stages, EndWithTheFirstThatFails) {
  std::vector<std::string> ran, told;
  const std::vector<Stage> stages = {
      {"a", [&](Deadline) { return ran.push_back("a"), Found{.words = "x"}; }, {}},
      {"b", [&](Deadline) -> Result<Found> { return ran.push_back("b"), fail(Code::Unavailable, "no"); }, {}},
      {"c", [&](Deadline) { return ran.push_back("c"), Found{}; }, {}}};
  const auto end =
      run_stages(stages, {.ended = [&](const StageReport& report) { told.push_back(report.name); }}, kSoon);
  EXPECT_EQ(ran, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(told, ran);
  EXPECT_TRUE(end.failed);
  EXPECT_EQ(end.done, 1u);
  EXPECT_EQ(end.error.message, "b: no");
}

TEST(Stages, AreHeldAgainstWhatTheyPromise) {
  const auto broken = [](Deadline) -> Result<void> { return fail(Code::Conflict, "it is not"); };
  const auto done = run_stages({{"a", [](Deadline) { return Found{}; }, broken}}, {}, kSoon);
  EXPECT_TRUE(done.failed);
  EXPECT_EQ(done.error.code, Code::Conflict);
  const auto skipped =
      run_stages({{"a", [](Deadline) { return Found{.outcome = Outcome::skipped}; }, broken}}, {}, kSoon);
  EXPECT_FALSE(skipped.failed);
}

TEST(Stages, StopBetweenTwoOfThem) {
  int ran = 0;
  const Stage stage{"a", [&](Deadline) { return ++ran, Found{}; }, {}};
  const auto end = run_stages({stage, stage}, {.stopping = [&] { return ran == 1; }}, kSoon);
  EXPECT_TRUE(end.stopped);
  EXPECT_FALSE(end.failed);
  EXPECT_EQ(ran, 1);
}

TEST(Stages, BeginNothingWithoutTimeLeft) {
  int ran = 0;
  const auto end = run_stages({{"a", [&](Deadline) { return ++ran, Found{}; }, {}}}, {}, steady_clock::now());
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(end.error.code, Code::DeadlineExceeded);
}

}  // namespace
}  // namespace gna::provision
