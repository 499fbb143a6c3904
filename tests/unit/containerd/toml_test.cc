#include "agent/containerd/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace gna::containerd::toml {
namespace {

using ::testing::HasSubstr;

// What went in comes out again, in meaning.
void expect_survives(const std::string& text) {
  SCOPED_TRACE(text);
  const auto once = parse(text);
  ASSERT_TRUE(once) << once.error().message;
  const auto twice = parse(write(*once));
  ASSERT_TRUE(twice) << twice.error().message << "\n" << write(*once);
  EXPECT_EQ(*once, *twice) << write(*once);
}

TEST(Toml, KeepsEveryType) {
  expect_survives("");
  expect_survives("a = 1\nb = -9223372036854775808\nc = 9223372036854775807\n");
  expect_survives("a = 0xDEADBEEF\nb = 0o755\nc = 0b1101\nd = 1_000\ne = +7\n");
  expect_survives("a = 5.0\nb = -0.0\nc = 1e22\nd = 6.626e-34\ne = 3.14\nf = 0.1\n");
  expect_survives("a = inf\nb = -inf\nc = nan\nd = -nan\n");
  expect_survives("a = true\nb = false\n");
  expect_survives("a = 1979-05-27T07:32:00Z\nb = 1979-05-27T00:32:00.999999-07:00\n");
  expect_survives("a = 1979-05-27T07:32:00\nb = 1979-05-27\nc = 07:32:00.25\n");
  expect_survives("a = []\nb = [1, 2]\nc = [[1, 2], ['x']]\nd = [ 1, 'mixed', {a = 1} ]\n");
  expect_survives("a = { b = 1, c.d = 2 }\ne = {}\n");
  expect_survives("[[a]]\nx = 1\n[[a.b]]\ny = 1\n[[a.b]]\n[[a]]\n[a.c]\nz = 2\n");
  expect_survives("a.b.c = 1\n[x.y]\nz = 1\n[x]\nw = 2\n");
  expect_survives("a = \"\"\"\nmany \\\n   lines\n\"quoted\" \"\"\"\nb = '''raw \\n'''\nc = 'C:\\x'\n");
  expect_survives("\"\" = 1\n\"a.b\" = 2\n'c\"d' = 3\n\"\\u0001\\u007f\\n\" = 4\n\"\u00e9\" = \"\U0001F600\"\n");
}

TEST(Toml, TellsIntegersFromFloats) {
  const auto document = parse("a = 5\nb = 5.0\n");
  ASSERT_TRUE(document);
  EXPECT_FALSE(document->at("a") == document->at("b"));
  EXPECT_EQ(write(*document), "a = 5\nb = 5.0\n");
}

TEST(Toml, WritesAsTheGoAgentDoes) {
  const auto document = parse("[b]\nx = [\"y\",\"z\"]\n[b.\"c.d\"]\n[a.empty]\n[[a.list]]\nn = 1\n[[a.list]]\n");
  ASSERT_TRUE(document);
  EXPECT_EQ(write(*document), R"([a]

  [a.empty]

  [[a.list]]
    n = 1

  [[a.list]]

[b]
  x = ["y", "z"]

  [b."c.d"]
)");
}

TEST(Toml, EscapesWhatTomlForbids) {
  EXPECT_EQ(quote("a\"b\\c\x01\x7f\n\t"), R"("a\"b\\c\u0001\u007f\n\t")");
  EXPECT_EQ(quote("caf\u00e9"), "\"caf\u00e9\"");
  EXPECT_EQ(quote("\xff"), R"("\ufffd")");
  EXPECT_EQ(key("runc-2_x"), "runc-2_x");
  EXPECT_EQ(key(""), "\"\"");
  EXPECT_EQ(key("a b"), "\"a b\"");
}

TEST(Toml, KnowsWhereTablesStand) {
  const std::string text = "[host.\"b\"]\n[host.\"a\"]\n";
  const auto document = parse(text);
  ASSERT_TRUE(document);
  const auto& hosts = *document->at("host").table();
  EXPECT_LT(hosts.at("b").offset, hosts.at("a").offset);
}

struct Refusal {
  std::string name;
  std::string text;
};

class TomlRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(TomlRefuses, WithInvalidArgument) {
  const auto document = parse(GetParam().text);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, Code::InvalidArgument);
}

std::string nested(const std::string& open, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += open;
  return text;
}

std::string many_keys(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "k" + std::to_string(i) + "=1,";
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, TomlRefuses,
    ::testing::Values(Refusal{"NoToml", "a = "}, Refusal{"TwiceTheSameKey", "a = 1\na = 2\n"},
                      Refusal{"TwiceTheSameTable", "[a]\n[a]\n"}, Refusal{"NotUtf8", "a = \"\xff\"\n"},
                      Refusal{"Surrogate", "a = \"\\ud800\"\n"},
                      Refusal{"IntegerTooLarge", "a = 9223372036854775808\n"},
                      Refusal{"HexTooLarge", "a = 0xFFFFFFFFFFFFFFFFF\n"},
                      Refusal{"BinaryTooLarge", "a = 0b1" + std::string(64, '0') + "\n"},
                      Refusal{"BinaryOfManyDigits", "a = 0b0_1" + std::string(61, '1') + "\n"},
                      Refusal{"FloatTooLarge", "a = 1e400\n"}, Refusal{"TableBelowAnEmptyArray", "x = []\n[x.y]\n"},
                      Refusal{"TooLarge", "# " + std::string(kMaxBytes, 'x')},
                      Refusal{"ArraysTooDeep", "a = " + nested("[", 100'000)},
                      Refusal{"InlineTablesTooDeep", "a = " + nested("{a=", 100'000)},
                      Refusal{"DottedKeyTooDeep", nested("a.", 100'000) + "a = 1\n"},
                      Refusal{"HeaderTooDeep", "[" + nested("a.", 100'000) + "a]\n"},
                      Refusal{"DeepBehindAString", "s = \"\"\"\"[\"\"\"\na = " + nested("[", 70)},
                      Refusal{"TooManyKeysInOneLine", "a = { " + many_keys(100'000) + "z = 1 }\n"},
                      Refusal{"EscapeAtTheEnd", "a = \"\\"}, Refusal{"CarriageReturnAtTheEnd", "a = 1\r"}),
    [](const auto& param) { return param.param.name; });

TEST(Toml, BracketsInTextAreNoDepth) {
  EXPECT_TRUE(parse("a = \"" + nested("[", 100) + "\"\nb = '" + nested("{", 100) + "'\n# " + nested("[", 100) + "\n"));
  EXPECT_TRUE(parse("a = '''\n" + nested("[", 100) + "'''\nb = 1\n"));
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// toml11 alone takes 15 s for this array, and minutes for the tables.
TEST(Toml, LongArraysInOneLineAreQuick) {
  const auto numbers = parse("a = [" + repeated("1,", 50'000) + "]\n");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->at("a").array()->size(), 50'000u);
  const auto tables = parse("a = { b = [" + repeated("{ c = [1, '[,'] }, # x\n", 5'000) + "] }\n");
  ASSERT_TRUE(tables) << tables.error().message;
  const auto& list = *tables->at("a").table()->at("b").array();
  ASSERT_EQ(list.size(), 5'000u);
  EXPECT_EQ(list[0].table()->at("c"), (Value{Array{Value{std::int64_t{1}}, Value{std::string("[,")}}}));
}

TEST(Toml, NamesThePlace) {
  EXPECT_THAT(parse("a = 9223372036854775808\n").error().message, HasSubstr("9223372036854775808"));
}

}  // namespace
}  // namespace gna::containerd::toml
