#include <gtest/gtest.h>

#include "gna/base/digest.h"
#include "gna/desired/state.h"

namespace gna::desired {
namespace {

State worker() {
  State state;
  state.files["/a"] = {.content = "one", .mode = 0644};
  state.units["u.service"] = {.content = "[Service]\n", .watches = {"/a", "/nowhere"}};
  return state;
}

bool still_runs(const State& after) {
  const auto before = worker();
  return runs_with(digest(before.units.at("u.service"), before), after.units.at("u.service"), after);
}

TEST(Digest, HoldsForTheSameState) { EXPECT_TRUE(still_runs(worker())); }

TEST(Digest, SeesWatchedBytesAndMode) {
  auto bytes = worker();
  bytes.files["/a"].content = "two";
  EXPECT_FALSE(still_runs(bytes));
  auto mode = worker();
  mode.files["/a"].mode = 0600;
  EXPECT_FALSE(still_runs(mode));
}

TEST(Digest, SeesAWatchedFileThatAppears) {
  auto state = worker();
  state.files["/nowhere"] = {.content = ""};
  EXPECT_FALSE(still_runs(state));
}

TEST(Digest, TellsAbsentFromEmptyContent) {
  auto state = worker();
  state.units["u.service"].content.reset();
  const auto absent = digest(state.units["u.service"], state);
  state.units["u.service"].content = "";
  EXPECT_NE(absent, digest(state.units["u.service"], state));
}

TEST(Digest, OfAnImageIsItsReference) {
  auto state = worker();
  state.files["/a"].content = ImageSource{"img:1", "/a"};
  const auto one = digest(state.units["u.service"], state);
  state.files["/a"].content = ImageSource{"img:2", "/a"};
  EXPECT_FALSE(runs_with(one, state.units["u.service"], state));
}

TEST(Digest, NeverHoldsForNothing) { EXPECT_FALSE(runs_with("", worker().units.at("u.service"), worker())); }

TEST(Base64, TakesWhatGoTakes) {
  EXPECT_EQ(base64_decode("aGVsbG8K"), "hello\n");
  EXPECT_EQ(base64_decode("aGVs\r\nbG8K\n"), "hello\n");
  EXPECT_EQ(base64_decode("aGk="), "hi");
  EXPECT_EQ(base64_decode("aA=="), "h");
  EXPECT_EQ(base64_decode(""), "");
}

class NoBase64 : public ::testing::TestWithParam<const char*> {};
TEST_P(NoBase64, IsRefused) { EXPECT_EQ(base64_decode(GetParam()), std::nullopt); }
INSTANTIATE_TEST_SUITE_P(Each, NoBase64,
                         ::testing::Values("aGk", "aGk==", "a===", "=", "aG k=", "aGk=x", "a-_=", "aGk=aGk="));

}  // namespace
}  // namespace gna::desired
