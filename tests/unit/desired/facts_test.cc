#include "gna/desired/facts.h"

#include <gtest/gtest.h>

namespace gna::desired {
namespace {

TEST(ParseVersion, AsTheGoAgentCutsIt) {
  EXPECT_EQ(parse_version("1.6.20"), (Version{{1, 6, 20}}));
  EXPECT_EQ(parse_version("v2.1.5"), (Version{{2, 1, 5}}));
  EXPECT_EQ(parse_version("2.2.0~rc1"), (Version{{2, 2, 0}}));
  EXPECT_EQ(parse_version("1.6.20+ds1-1"), (Version{{1, 6, 20}}));
  EXPECT_EQ(parse_version("1592.06"), (Version{{1592, 6}}));
}

TEST(ParseVersion, RefusesWhatIsNone) {
  for (const char* text : {"", "v", "-1", "1.", ".1", "1..2", "1.x", "1.2.3.4", "1 2", "99999999999", "+1"})
    EXPECT_FALSE(parse_version(text)) << text;
}

TEST(ParseVersion, Orders) {
  EXPECT_LT(*parse_version("2.0.6"), *parse_version("2.0.7"));
  EXPECT_LT(*parse_version("1.7.34"), *parse_version("2"));
  EXPECT_GE(*parse_version("2.2.0"), *parse_version("2.2"));
}

}  // namespace
}  // namespace gna::desired
