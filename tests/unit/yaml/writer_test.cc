#include "agent/yaml/writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "agent/yaml/reader.h"

namespace gna::yaml {
namespace {

struct Text {
  const char* name;
  std::string json;
  std::string yaml;
  friend void PrintTo(const Text& it, std::ostream* out) { *out << it.name; }
};

class Writes : public ::testing::TestWithParam<Text> {};

TEST_P(Writes, WhatSigsYamlWrites) {
  const auto text = yaml_from_json(GetParam().json);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, GetParam().yaml);
  EXPECT_EQ(json_from_yaml(*text).value(), json_from_yaml(GetParam().json).value());
}

const std::string kLong(60, 'x');
const std::string kLongKey(130, 'k');

// Each expectation is what sigs.k8s.io/yaml 1.6 makes of the JSON, but for two that say so.
INSTANTIATE_TEST_SUITE_P(
    Yaml, Writes,
    ::testing::Values(
        Text{"empty", R"({"a":{},"b":[],"c":"","d":null})", "a: {}\nb: []\nc: \"\"\nd: null\n"},
        Text{"nested", R"({"a":[{"b":1,"c":[2]},[3,[4]],{}]})", "a:\n- b: 1\n  c:\n  - 2\n- - 3\n  - - 4\n- {}\n"},
        Text{"numbers", R"([0,-1,1e3,0.5,1234567.5,1e21,1e-7,18446744073709551615])",
             "- 0\n- -1\n- 1000\n- 0.5\n- 1.2345675e+06\n- 1e+21\n- 1e-07\n- 18446744073709551615\n"},
        Text{"texts_like_others", R"(["yes","1","0x1","1e3","~","null","2026-08-01","1:30",".5","=","<<"])",
             "- \"yes\"\n- \"1\"\n- \"0x1\"\n- \"1e3\"\n- \"~\"\n- \"null\"\n- \"2026-08-01\"\n- \"1:30\"\n- \".5\"\n- "
             "=\n- <<\n"},
        Text{"single_quotes", R"(["a: b","- a","#a","a #b","a:","'","it's"," a","a ","---"])",
             "- 'a: b'\n- '- a'\n- '#a'\n- 'a #b'\n- 'a:'\n- ''''\n- it's\n- ' a'\n- 'a '\n- '---'\n"},
        Text{"double_quotes", R"(["a\tb","\r","\u0007\u001b\u0000","\ufeff x"])",
             "- \"a\\tb\"\n- \"\\r\"\n- \"\\a\\e\\0\"\n- \"\\uFEFF\\x20\\x78\"\n"},
        Text{"literals", R"({"a":"x\n","b":"x\ny","c":"x\n\n","d":" x\n","e":"\nx\n","f":"x \n","g":"\n"})",
             "a: |\n  x\nb: |-\n  x\n  y\nc: |+\n  x\n\nd: |2\n   x\ne: |2\n\n  x\nf: \"x \\n\"\ng: |2+\n\n"},
        Text{"folded_plain", fmt::format(R"({{"a":"{0} {0} {0}  {0}"}})", kLong),
             fmt::format("a: {0} {0}\n  {0}  {0}\n", kLong)},
        Text{"folded_single", fmt::format(R"({{"a":"# {0} {0} {0}"}})", kLong),
             fmt::format("a: '# {0} {0}\n  {0}'\n", kLong)},
        Text{"folded_double", fmt::format(R"({{"a":"\t{0} {0}  {0}"}})", kLong),
             fmt::format("a: \"\\t{0} {0}\n  \\ {0}\"\n", kLong)},
        Text{"long_key", fmt::format(R"({{"{0}":{{"a":1,"b":2}},"{0}l":[1,{{"c":3}}]}})", kLongKey),
             fmt::format("? {0}\n: a: 1\n  b: 2\n? {0}l\n: - 1\n  - c: 3\n", kLongKey)},
        Text{"key_of_two_lines", R"({"a\nb":"c"})", "? |-\n  a\n  b\n: c\n"},
        Text{"natural_order", R"({"a10":1,"a2":2,"B":3,"-":4,"1":5,"a-b":6,"a":7})",
             "'-': 4\n\"1\": 5\nB: 3\na: 7\na-b: 6\na2: 2\na10: 1\n"},
        Text{"beyond_the_basic_plane", "{\"a\":\"\xf0\x9f\x8c\xb1 \xc3\xbc\"}", "a: \"\\U0001F331 \xc3\xbc\"\n"},
        // Go leaves the following bare and then reads it as a merge.
        Text{"merge_as_a_key", R"({"<<":1})", "\"<<\": 1\n"},
        // Go writes the line separator raw; readers disagree about that.
        Text{"line_separator", "{\"a\":\"b\xe2\x80\xa8\"}", "a: \"b\\L\"\n"}),
    [](const auto& test) { return test.param.name; });

TEST(Writer, RefusesWhatIsNoJson) { EXPECT_EQ(yaml_from_json("{\"a\":").error().code, Code::InvalidArgument); }

// Trees of nasty texts: written and read they are the same, and written again too.
class RandomTree {
 public:
  explicit RandomTree(unsigned seed) : random_(seed) {}

  Node node(int depth) {
    switch (pick(depth < 4 ? 9 : 6)) {
      case 0: return Node();
      case 1: return Node(pick(2) == 0);
      case 2: return Node(std::int64_t{static_cast<std::int64_t>(pick(2000)) - 1000});
      case 3: return Node(0.5 + pick(1000));
      case 4:
      case 5: return Node(text());
      case 6: {
        Node::List list;
        for (unsigned i = pick(4); i > 0; --i) list.push_back(node(depth + 1));
        return Node(std::move(list));
      }
      default: {
        Node::Map map;
        std::set<std::string> keys;
        for (unsigned i = pick(5); i > 0; --i) keys.insert(text());
        for (const std::string& key : keys) map.push_back({key, node(depth + 1)});
        return Node(std::move(map));
      }
    }
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  std::string text() {
    static const std::vector<std::string> kPieces = {"a",
                                                     "b ",
                                                     " ",
                                                     "  ",
                                                     "\n",
                                                     "\n\n",
                                                     ":",
                                                     ": ",
                                                     "#",
                                                     " #",
                                                     "-",
                                                     "- ",
                                                     "? ",
                                                     "[",
                                                     "]",
                                                     "{",
                                                     "}",
                                                     ",",
                                                     "'",
                                                     "\"",
                                                     "\\",
                                                     "\t",
                                                     "\r",
                                                     "0",
                                                     "1",
                                                     "e",
                                                     "+",
                                                     ".",
                                                     "_",
                                                     "~",
                                                     "=",
                                                     "<<",
                                                     "*",
                                                     "&",
                                                     "!",
                                                     "|",
                                                     ">",
                                                     "%",
                                                     "@",
                                                     "`",
                                                     "no",
                                                     "0x",
                                                     "é",
                                                     "世",
                                                     "🌱",
                                                     "\x7f",
                                                     "\xef\xbb\xbf",
                                                     "\xc2\xa0",
                                                     "\xc2\x85",
                                                     "\xe2\x80\xa8",
                                                     "---",
                                                     "...",
                                                     "long words that have to be folded ",
                                                     "2026-08-01",
                                                     "\x01",
                                                     "null",
                                                     "y"};
    std::string out;
    for (unsigned i = pick(pick(4) == 0 ? 30 : 4); i > 0; --i)
      out += kPieces[pick(static_cast<unsigned>(kPieces.size()))];
    return out;
  }

  std::mt19937 random_;
};

TEST(Writer, IsReadBackAsTheSameTree) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    const Node tree(Node::Map{{"tree", RandomTree(seed).node(0)}});
    const std::string text = write(tree);
    const auto again = read(text);
    ASSERT_TRUE(again) << "seed " << seed << ": " << to_error(again.error()).message << '\n' << text;
    ASSERT_EQ(to_json(again->root), to_json(tree)) << "seed " << seed << '\n' << text;
    ASSERT_EQ(write(again->root), text) << "seed " << seed;
    const auto from_json = read(to_json(tree));
    ASSERT_TRUE(from_json) << "seed " << seed;
    ASSERT_EQ(to_json(from_json->root), to_json(tree)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gna::yaml
