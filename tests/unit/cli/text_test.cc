#include "agent/cli/text.h"

#include <gtest/gtest.h>

namespace gna::cli {
namespace {

using std::chrono::milliseconds;

TEST(Printable, NothingCanForgeALineOrSteerATerminal) {
  EXPECT_EQ(printable("a\nb\tc\rd\x1b[0m\x7f"), "a\\nb\\tc\\rd\\x1b[0m\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // a C1 control
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xae"
            "b");  // text turned around
  EXPECT_EQ(printable("\xff\xc3("), "\\xff\\xc3(");
}

TEST(Printable, KeepsTextAndOnRequestLines) {
  EXPECT_EQ(printable("grün 🌱"), "grün 🌱");
  EXPECT_EQ(printable("a\n\tb\r\n", true), "a\n\tb\\r\n");
}

TEST(Texts, AreMeantForPeople) {
  EXPECT_EQ(octal(0644), "0644");
  EXPECT_EQ(duration_text(milliseconds(90)), "90 ms");
  EXPECT_EQ(duration_text(milliseconds(12'300)), "12.3 s");
  EXPECT_EQ(duration_text(milliseconds(250'000)), "4 min 10 s");
  EXPECT_EQ(counted(1, "file"), "1 file");
  EXPECT_EQ(counted(0, "file"), "0 files");
}

}  // namespace
}  // namespace gna::cli
