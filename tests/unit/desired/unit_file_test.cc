#include "agent/desired/unit_file.h"

#include <gtest/gtest.h>

namespace gna::desired {
namespace {

using Words = std::vector<std::string>;

TEST(UnitFile, AssignmentsOfEachSectionInOrder) {
  const auto read = read_unit_file("[Unit]\nAfter = a.service \n\n[Service]\nExecStart=\nExecStart=/bin/a\n");
  EXPECT_EQ(read,
            (std::vector<Assignment>{
                {"Unit", "After", "a.service"}, {"Service", "ExecStart", ""}, {"Service", "ExecStart", "/bin/a"}}));
}

TEST(UnitFile, AContinuationGoesOnBehindAComment) {
  const auto read = read_unit_file("[Service]\nExecStart=/bin/a \\\n# --old\n; --older\n  --new\\\\\nType=simple\n");
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(unit_words(read[0].value), (Words{"/bin/a", "--new\\\\"})) << read[0].value;
  EXPECT_EQ(read[1].key, "Type") << "an even number of backslashes continues nothing";
}

TEST(UnitFile, WhatIsNoAssignmentIsPassedOver) {
  EXPECT_EQ(read_unit_file("Lost=1\n[Unit\nLost=2\n[Unit]\nnothing\nKept=3"),
            (std::vector<Assignment>{{"Unit", "Kept", "3"}}));
  EXPECT_EQ(read_unit_file("\xef\xbb\xbf[Unit]\r\nA=b\r\n"), (std::vector<Assignment>{{"Unit", "A", "b"}}));
}

TEST(UnitFile, WordsLoseTheirQuotes) {
  EXPECT_EQ(unit_words(" a \"b c\" 'd\"'e \t\"\" "), (Words{"a", "b c", "d\"e", ""}));
  EXPECT_EQ(unit_words("a \"b c"), Words{"a"}) << "never closed";
  EXPECT_TRUE(unit_words(" \t").empty());
}

}  // namespace
}  // namespace gna::desired
