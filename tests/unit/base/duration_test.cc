#include "gna/base/duration.h"

#include <gtest/gtest.h>

namespace gna {
namespace {

using std::chrono::milliseconds;

TEST(ParseDuration, TakesGosDurations) {
  EXPECT_EQ(parse_duration("90s"), milliseconds(90'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("1.5s"), milliseconds(1'500));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
}

TEST(ParseDuration, RefusesTheRest) {
  for (const char* bad : {"", "5", "s", "-5s", "0s", "5 s", "5d", "1e3s", "inf", "nans", "99999999h", "5s x"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace gna
