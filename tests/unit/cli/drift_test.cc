#include "agent/cli/drift.h"

#include <gtest/gtest.h>

namespace gna::cli {
namespace {

const Masker kMasker("key");

struct UnitCase {
  std::string name;
  observed::Unit now;
  desired::Unit wanted = {};
  std::string problem;
};

class UnitProblem : public ::testing::TestWithParam<UnitCase> {};

TEST_P(UnitProblem, IsToldAsTheTableSays) {
  EXPECT_EQ(unit_problem(GetParam().now, GetParam().wanted), GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, UnitProblem,
    ::testing::Values(
        UnitCase{"Running", {.load = "loaded", .active = "active", .sub = "running"}, {}, ""},
        UnitCase{"Failed", {.load = "loaded", .active = "failed"}, {}, "failed"},
        UnitCase{"Dead",
                 {.load = "loaded", .active = "inactive", .sub = "dead", .type = "simple"},
                 {},
                 "inactive but should run"},
        UnitCase{"OneshotDone", {.load = "loaded", .active = "inactive", .sub = "dead", .type = "oneshot"}, {}, ""},
        UnitCase{"Triggered", {.load = "loaded", .active = "inactive", .sub = "dead", .triggered = true}, {}, ""},
        UnitCase{"OnItsWay", {.load = "loaded", .active = "inactive", .sub = "dead", .job_queued = true}, {}, ""},
        UnitCase{"Looping",
                 {.load = "loaded", .active = "activating", .sub = "auto-restart"},
                 {},
                 "fails and is started again and again"},
        UnitCase{"Missing", {.load = "not-found", .active = "inactive"}, {}, "not found"},
        UnitCase{"StoppedAndShallBe", {.load = "loaded", .active = "inactive"}, {.run = desired::Run::stopped}, ""},
        UnitCase{"RunsAndShallNot",
                 {.load = "loaded", .active = "active"},
                 {.run = desired::Run::stopped},
                 "active but should be stopped"},
        UnitCase{"NobodyToAsk", {}, {}, ""},
        UnitCase{"NotExpected", {.load = "loaded", .active = "failed"}, {.expected = false}, ""}),
    [](const auto& test) { return test.param.name; });

TEST(Drift, OfAFileTellsModeAndHash) {
  const plan::Step step{.kind = plan::Kind::file, .target = "/etc/x", .action = plan::WriteFile{"/etc/x", "new", 0644}};
  const auto drift = drift_of(
      step, {},
      [](const std::string&) {
        return observed::File{.kind = observed::FileKind::regular, .mode = 0600, .sha256 = std::string(64, 'a')};
      },
      kMasker);
  ASSERT_TRUE(drift);
  EXPECT_EQ(drift->target, "/etc/x");
  EXPECT_EQ(drift->kind, "file");
  EXPECT_EQ(drift->actual, "mode 0600, sha256 aaaaaaaaaaaa");
  EXPECT_EQ(drift->expected.substr(0, 17), "mode 0644, sha256");
}

TEST(Drift, OfASecretTellsOnlyKeyedHashes) {
  const plan::Step step{.action = plan::WriteFile{"/etc/x", "new", 0600}, .secret = true};
  const std::string hash(64, 'a');
  const auto drift = drift_of(
      step, {},
      [&](const std::string&) {
        return observed::File{.kind = observed::FileKind::regular, .mode = 0600, .sha256 = hash};
      },
      kMasker);
  EXPECT_EQ(drift->actual.find("aaaa"), std::string::npos) << drift->actual;
  EXPECT_NE(drift->expected, drift->actual);
}

TEST(Drift, OfAStoppedUnitTellsItsState) {
  const plan::Step step{.target = "a.service", .action = plan::RunJob{"a.service", plan::Job::start}};
  const observed::State now{.units = {{"a.service", {.active = "inactive", .sub = "dead"}}}};
  const auto drift = drift_of(step, now, nullptr, kMasker);
  EXPECT_EQ(drift->expected, "running");
  EXPECT_EQ(drift->actual, "inactive (dead)");
}

TEST(Drift, IsNotWhatAwaitsAMirror) { EXPECT_FALSE(drift_of({.action = plan::AwaitMirror{}}, {}, nullptr, kMasker)); }

}  // namespace
}  // namespace gna::cli
