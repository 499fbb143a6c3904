#include "gna/base/utf8.h"

#include <gtest/gtest.h>

namespace gna {
namespace {

TEST(Utf8, KnowsTheLengthOfACharacter) {
  EXPECT_EQ(utf8_length("ab"), 1u);
  EXPECT_EQ(utf8_length("\u00fcx"), 2u);
  EXPECT_EQ(utf8_length("\u20acx"), 3u);
  EXPECT_EQ(utf8_length("\U0001f331x"), 4u);
  EXPECT_EQ(utf8_length(""), 0u);
}

TEST(Utf8, TakesTheEdgesAndRefusesWhatLiesBeyond) {
  for (const char* good : {"", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf0\x9f\x8c", "\xf5\x80\x80\x80", "\xff", "a\xe9"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

}  // namespace
}  // namespace gna
