#include "agent/cli/diff_text.h"

#include <gtest/gtest.h>

namespace gna::cli {
namespace {

const Masker kMasker("key");

std::string change(std::string before, std::string after, bool secret = false, bool was_secret = false) {
  return content_change({"/f", std::move(after), 0644}, secret,
                        {.exists = true, .secret = was_secret, .bytes = std::move(before)}, kMasker);
}

TEST(ContentChange, OfTextIsAUnifiedDiff) { EXPECT_EQ(change("a\n", "b\n"), "@@ -1 +1 @@\n-a\n+b\n"); }

TEST(ContentChange, OfASecretIsTwoHashes) {
  const auto text = change("MARKER1", "MARKER2", true);
  EXPECT_EQ(text.find("MARKER"), std::string::npos);
  EXPECT_NE(text.find(" becomes "), std::string::npos);
}

TEST(ContentChange, OfWhatWasASecretShowsNeitherSide) {
  EXPECT_EQ(change("MARKER1", "public", false, true).find("MARKER"), std::string::npos);
}

TEST(ContentChange, OfANewSecretIsAHash) {
  const auto text = content_change({"/f", "MARKER", 0600}, true, {}, kMasker);
  EXPECT_EQ(text.find("MARKER"), std::string::npos);
  EXPECT_NE(text.find("<secret "), std::string::npos);
}

TEST(ContentChange, ShowsThatASecretInATextChanged) {
  const auto text = change("proxy: http://u:MARKER1@h\n", "proxy: http://u:MARKER2@h\n");
  EXPECT_EQ(text.find("MARKER"), std::string::npos) << text;
  EXPECT_NE(text.find("-proxy: http://<secret "), std::string::npos) << text;
  EXPECT_NE(text.find("+proxy: http://<secret "), std::string::npos) << text;
}

TEST(ContentChange, OfBinariesIsSummarised) {
  const auto text = change(std::string("\0a", 2), "\xff");
  EXPECT_EQ(text.find('\0'), std::string::npos);
  EXPECT_NE(text.find("2 bytes"), std::string::npos) << text;
}

TEST(ContentChange, OfModeAloneIsNothing) {
  EXPECT_EQ(change("a\n", "a\n"), "");
  EXPECT_EQ(change(std::string("\0a", 2), std::string("\0a", 2)), "");
}

TEST(ModeChange, IsTold) {
  EXPECT_EQ(mode_change({"/f", "a", 0644}, {.exists = true, .mode = 0600}), "mode 0600 becomes 0644\n");
  EXPECT_EQ(mode_change({"/f", "a", 0644}, {.exists = true, .mode = 0644}), "");
  EXPECT_EQ(mode_change({"/f", "a", 0644}, {}), "");
}

}  // namespace
}  // namespace gna::cli
