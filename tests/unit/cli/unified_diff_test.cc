#include "agent/cli/unified_diff.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <vector>

namespace gna::cli {
namespace {

TEST(UnifiedDiff, OfEqualTextsIsEmpty) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(unified_diff("", ""), "");
}

TEST(UnifiedDiff, ShowsAChangedLineWithItsNeighbours) {
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(UnifiedDiff, OfANewFileIsAllAdded) { EXPECT_EQ(unified_diff("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n"); }

TEST(UnifiedDiff, OfAnEmptiedFileIsAllRemoved) { EXPECT_EQ(unified_diff("a\n", ""), "@@ -1 +0,0 @@\n-a\n"); }

TEST(UnifiedDiff, TellsAMissingLastLineFeed) {
  EXPECT_EQ(unified_diff("a\n", "a"), "@@ -1 +1 @@\n-a\n+a\n\\ No newline at end of file\n");
}

TEST(UnifiedDiff, MakesControlCharactersVisible) {
  EXPECT_EQ(unified_diff("", "\x1b[31mred\r\n"), "@@ -0,0 +1 @@\n+\\x1b[31mred\\r\n");
}

TEST(UnifiedDiff, SplitsDistantChangesAndJoinsNearOnes) {
  std::string a, near, far;
  for (int i = 0; i < 20; ++i) a += std::to_string(i) + "\n";
  near = far = a;
  near.replace(near.find("3\n"), 1, "x").replace(near.find("9\n"), 1, "x");
  far.replace(far.find("3\n"), 1, "x").replace(far.find("17\n"), 2, "x");
  const auto hunks = [](const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("@@ -", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(hunks(unified_diff(a, near)), 1u);
  EXPECT_EQ(hunks(unified_diff(a, far)), 2u);
}

TEST(UnifiedDiff, BeyondItsBoundReplacesAsAWhole) {
  const auto text = unified_diff("a\n1\n2\nz\n", "a\n3\n4\nz\n", {.edits = 1});
  EXPECT_EQ(text, "@@ -1,4 +1,4 @@\n a\n-1\n-2\n+3\n+4\n z\n");
}

TEST(UnifiedDiff, CutsLongOutputAndCountsTheRest) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::to_string(i) + "\n";
  EXPECT_EQ(unified_diff("", many, {.output_lines = 3}), "@@ -0,0 +1,100 @@\n+0\n+1\n... 98 more lines\n");
}

// Applies the diff as patch(1) would: what was kept and removed has to be the old text, what was
// kept and added the new one.
std::string patched(const std::string& before, const std::string& hunks) {
  std::vector<std::string> old_lines;
  std::istringstream in(before);
  for (std::string line; std::getline(in, line);) old_lines.push_back(line);
  std::string out;
  std::size_t at = 0;
  std::istringstream diff(hunks);
  for (std::string line; std::getline(diff, line);) {
    if (line.starts_with("@@")) {
      std::size_t start = std::stoul(line.substr(4));
      const bool empty = line.substr(4, line.find(' ', 4) - 4).ends_with(",0");
      if (!empty) --start;
      for (; at < start; ++at) out += old_lines.at(at) + "\n";
    } else if (line[0] == '+') {
      out += line.substr(1) + "\n";
    } else {
      EXPECT_EQ(old_lines.at(at), line.substr(1));
      if (line[0] == ' ') out += old_lines.at(at) + "\n";
      ++at;
    }
  }
  for (; at < old_lines.size(); ++at) out += old_lines[at] + "\n";
  return out;
}

TEST(UnifiedDiff, AppliedToTheOldTextGivesTheNewOne) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto text = [&] {
      std::string out;
      const auto lines = random() % 30;
      for (unsigned i = 0; i < lines; ++i) out += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
      return out;
    };
    const auto before = text(), after = text();
    EXPECT_EQ(patched(before, unified_diff(before, after, {.edits = seed % 7 == 0 ? 3u : 1000u})), after);
  }
}

TEST(IsBinary, IsWhatHoldsNulOrIsNoUtf8) {
  EXPECT_TRUE(is_binary(std::string_view("a\0b", 3)));
  EXPECT_TRUE(is_binary("\xff\xfe"));
  EXPECT_FALSE(is_binary("grün\n"));
}

}  // namespace
}  // namespace gna::cli
