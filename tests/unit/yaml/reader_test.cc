#include "agent/yaml/reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "agent/yaml/scalar.h"
#include "agent/yaml/writer.h"

namespace gna::yaml {
namespace {

std::string json(std::string_view text) {
  const auto document = read(text);
  return document ? to_json(document->root) : "refused: " + document.error().code;
}

struct Text {
  const char* name;
  std::string yaml;
  std::string json;
  friend void PrintTo(const Text& it, std::ostream* out) { *out << it.name; }
};

class Reads : public ::testing::TestWithParam<Text> {};

TEST_P(Reads, WhatSigsYamlReads) { EXPECT_EQ(json(GetParam().yaml), GetParam().json); }

// Each expectation is what sigs.k8s.io/yaml 1.6 answers.
INSTANTIATE_TEST_SUITE_P(
    Scalars, Reads,
    ::testing::Values(
        Text{"words", "[yes, No, ON, off, y, N, true, FALSE, yEs]",
             "[true,false,true,false,true,false,true,false,\"yEs\"]"},
        Text{"quoted_words", "[\"yes\", 'no', ! on]", "[\"yes\",\"no\",\"on\"]"},
        Text{"nulls", "[~, null, Null, NULL, , nUll]", "[null,null,null,null,null,\"nUll\"]"},
        Text{"octal", "[0644, 0o644, 08, 0777_7, 0o8]", "[420,420,8,4095,\"0o8\"]"},
        Text{"hexadecimal_and_binary", "[0x1A4, -0x1f, 0b11, 0x_1, 0x]", "[420,-31,3,1,\"0x\"]"},
        Text{"underscores", "[1_0, 1_, _1, 1_.5]", "[10,1,\"_1\",1.5]"},
        Text{"reals", "[.5, 5., +.5, 1e3, 1e-7, 1e21, 4.2e2]", "[0.5,5,0.5,1000,1e-7,1e+21,420]"},
        Text{"no_reals", "[., .e1, ._1, 1e400, 1:30]", "[\".\",\".e1\",\"._1\",\"1e400\",\"1:30\"]"},
        Text{"large", "[18446744073709551615, 18446744073709551616, -9223372036854775808, -1e20, 1234567890123456.5]",
             "[18446744073709551615,18446744073709552000,-9223372036854775808,-100000000000000000000,"
             "1234567890123456.5]"},
        Text{"dates", "[2026-08-01, 2026-08-01T10:00:00Z]", "[\"2026-08-01\",\"2026-08-01T10:00:00Z\"]"},
        Text{"tags", "[!!str 12, !!float 3, !!bool \"yes\", !!null ~]", "[\"12\",3,true,null]"},
        Text{"wrong_tags", "a: !!int rw", "refused: tag"}, Text{"custom_tags", "a: !x y", "refused: tag"},
        Text{"infinity", "a: .inf", "refused: number"},
        Text{"folded", "a: >\n  one\n  two\n\n  three\n", "{\"a\":\"one two\\nthree\\n\"}"},
        Text{"folded_keep", "a: >+\n  one\n\n", "refused: folded-keep"},
        Text{"folded_and_blanks", "a: >\n  one\n  \n", "{\"a\":\"one\\n\"}"},
        Text{"folded_end", "a: >\n  one\n  ", "refused: folded-end"},
        Text{"latin_escapes", "a: \"\\N\\_\\xe9\"", "{\"a\":\"\\u0085\xc2\xa0\xc3\xa9\"}"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Maps, Reads,
                         ::testing::Values(Text{"other_keys", "{1: a, true: b, 0x10: c, 1.5: d}",
                                                "{\"1\":\"a\",\"1.5\":\"d\",\"16\":\"c\",\"true\":\"b\"}"},
                                           Text{"null_key", "~: a", "refused: key"},
                                           Text{"list_key", "? [a]\n: b", "refused: key"},
                                           Text{"duplicate", "a: 1\nb: 2\na: 3", "refused: duplicate-key"},
                                           Text{"duplicate_by_value", "1: a\n0x1: b", "refused: duplicate-key"},
                                           Text{"merge", "<<: {a: 1}\nb: 2", "{\"a\":1,\"b\":2}"},
                                           Text{"merge_before", "<<: {a: 1}\na: 2", "{\"a\":2}"},
                                           Text{"merge_behind", "a: 2\n<<: {a: 1}", "{\"a\":1}"},
                                           Text{"merge_list", "<<: [{a: 1}, {a: 2, b: 3}]", "{\"a\":1,\"b\":3}"},
                                           Text{"merge_scalar", "<<: 7", "refused: merge-key"},
                                           Text{"merge_quoted", "\"<<\": {a: 1}", "{\"<<\":{\"a\":1}}"},
                                           Text{"aliases", "a: &x {k: [1]}\nb: *x\nc: [*x]",
                                                "{\"a\":{\"k\":[1]},\"b\":{\"k\":[1]},\"c\":[{\"k\":[1]}]}"},
                                           Text{"alias_of_itself", "a: &x [*x]", "refused: alias"},
                                           Text{"alias_of_nothing", "a: *x", "refused: yaml-syntax"},
                                           Text{"alias_redefined", "[&x 1, *x, &x 2, *x]", "[1,1,2,2]"}),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Texts, Reads,
    ::testing::Values(
        Text{"empty", "", "null"}, Text{"comment", "# a\n", "null"}, Text{"end_marker", "a: 1\n...\n", "{\"a\":1}"},
        Text{"last_separator", "a: 1\n---\n", "{\"a\":1}"},
        Text{"two_documents", "a: 1\n---\nb: 1\n", "refused: multiple-documents"},
        Text{"closed_twice", "[a]]", "refused: yaml-syntax"},
        Text{"first_document_empty", "---\n---\na: 1\n", "refused: multiple-documents"},
        Text{"byte_order_mark",
             "\xef\xbb\xbf"
             "a: 1",
             "{\"a\":1}"},
        Text{"utf16", std::string("a\0:\0", 4), "refused: utf-16"},
        Text{"nul", std::string("a: \"b\0\"", 7), "refused: control-character"},
        Text{"latin1", "a: \xe9", "refused: not-utf8"}, Text{"surrogate", "a: \xed\xa0\x80", "refused: not-utf8"},
        Text{"too_high", "a: \xf4\x90\x80\x80", "refused: not-utf8"},
        Text{"lone_carriage_return", "a: 1\rb: 2", "refused: line-break"},
        Text{"carriage_returns", "a: 1\r\nb: |\r\n  x\r\n", "{\"a\":1,\"b\":\"x\\n\"}"},
        Text{"next_line", "a: \"b\xc2\x85\"", "refused: line-break"}, Text{"tab", "a:\n\tb: 1", "refused: yaml-syntax"},
        Text{"version_3", "%YAML 3.0\n---\na", "refused: yaml-syntax"},
        Text{"version_1_2", "%YAML 1.2\n---\na: b", "{\"a\":\"b\"}"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Quoted, Reads,
    ::testing::Values(Text{"single_ending_in_breaks", "a: 'x\n\n\n  '", "{\"a\":\"x\\n\\n\"}"},
                      Text{"double_ending_in_breaks", "a: \"x\n\n\n  \"", "{\"a\":\"x\\n\\n\"}"},
                      Text{"nothing_but_breaks", "a: '\n\n\n'", "{\"a\":\"\\n\\n\"}"},
                      Text{"single_cut_off", "a: 'x\n", "refused: yaml-syntax"},
                      Text{"double_cut_off", "a: \"x\n  y\n", "refused: yaml-syntax"},
                      Text{"cut_off_behind_an_escaped_break", "a: \"x\\\n", "refused: yaml-syntax"},
                      Text{"cut_off_with_anchor_and_tag", "a: &x !!str 'y''\n", "refused: yaml-syntax"},
                      Text{"cut_off_at_once", "- \"\n", "refused: yaml-syntax"},
                      Text{"one_break", "a: '\n'", "{\"a\":\" \"}"},
                      Text{"behind_an_escape", "a: \"x\\n\n\n\n\n\"", "{\"a\":\"x\\n\\n\\n\\n\"}"},
                      Text{"behind_an_escaped_break", "a: \"x \\\n\n\n \"", "{\"a\":\"x \\n\\n\"}"},
                      Text{"with_anchor_and_tag", "a: &x !!str 'y\n\n\n'", "{\"a\":\"y\\n\\n\"}"},
                      Text{"as_a_key", "? 'a\n\n\n'\n: b", "{\"a\\n\\n\":\"b\"}"},
                      Text{"escapes_before", "a: \"\\x41\\u00e9\\t\\N\n\n\n\"",
                           "{\"a\":\"A\xc3\xa9\\t\\u0085\\n\\n\"}"},
                      Text{"doubled_apostrophes", "a: '''x''\n\n\n'", "{\"a\":\"'x'\\n\\n\"}"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Json, Reads,
                         ::testing::Values(Text{"pair", "{\"a\":\"\\ud83c\\udf31\"}", "{\"a\":\"\xf0\x9f\x8c\xb1\"}"},
                                           Text{"half_a_pair", "{\"a\":\"\\ud83c\"}", "refused: json-syntax"},
                                           Text{"slash", "{\"a\":\"\\/\"}", "{\"a\":\"/\"}"},
                                           Text{"words_are_texts", "{\"a\":\"yes\"}", "{\"a\":\"yes\"}"},
                                           Text{"exponent", "{\"a\":4.2e2}", "{\"a\":420}"},
                                           Text{"great_number", "{\"a\":1e999}", "{\"a\":\"1e999\"}"},
                                           Text{"nul_escape", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\u0000\"}"},
                                           Text{"line_separator", "{\"a\":\"\xe2\x80\xa8\"}",
                                                "{\"a\":\"\xe2\x80\xa8\"}"},
                                           Text{"duplicate", "{\"a\":1,\"a\":1}", "refused: duplicate-key"},
                                           Text{"trailing_comma", "{\"a\":1,}", "{\"a\":1}"},
                                           Text{"truncated", "{\"a\":[1,", "refused: json-syntax"},
                                           Text{"flow_style", "{a: yes}", "{\"a\":true}"},
                                           Text{"second_value", "{} {}", "refused: multiple-documents"}),
                         [](const auto& test) { return test.param.name; });

// yaml-cpp 0.7 loses them.
TEST(Reader, KeepsLineBreaksAtTheEndOfQuotedText) {
  for (const std::string quote : {"'", "\""}) {
    const auto read_quoted = [&](const std::string& text) { return json("a: " + quote + text + " " + quote + "\n"); };
    EXPECT_EQ(read_quoted("\n\n"), "{\"a\":\"\\n\"}") << quote;
    EXPECT_EQ(read_quoted("\n\n\n"), "{\"a\":\"\\n\\n\"}") << quote;
    EXPECT_EQ(read_quoted("x\n"), "{\"a\":\"x \"}") << quote;
    EXPECT_EQ(read_quoted("x\n\n"), "{\"a\":\"x\\n\"}") << quote;
    EXPECT_EQ(read_quoted("x\n \n\t\n"), "{\"a\":\"x\\n\\n\"}") << quote;
    EXPECT_EQ(read_quoted("x\n\n\ny"), "{\"a\":\"x\\n\\ny \"}") << quote;
  }
  EXPECT_EQ(json("a: 'it''s\n\n\n'\n"), "{\"a\":\"it's\\n\\n\"}");
  EXPECT_EQ(json("a: \"x\\n\n\n\n\"\n"), "{\"a\":\"x\\n\\n\\n\"}");
}

TEST(Reader, WarnsOfJsonThatIsNone) {
  EXPECT_EQ(read("{\"a\":1,}")->warnings.at(0).code, "json-syntax");
  EXPECT_TRUE(read("{\"a\":1}")->warnings.empty());
  EXPECT_TRUE(read("{a: 1}")->warnings.empty());
}

TEST(Reader, WarnsOfMergesThatOverrideWhatStandsBefore) {
  EXPECT_EQ(read("a: 2\n<<: {a: 1}")->warnings.at(0).code, "merge-key");
  EXPECT_TRUE(read("<<: {a: 1}\na: 2")->warnings.empty());
}

std::string place(const Node& node) { return fmt::format("{}:{}", node.at.line, node.at.column); }

TEST(Reader, KnowsThePlaceOfEachNode) {
  const auto document = read("a: 1\nb:\n- x\n- \"y\"\n-   {c: [d]}\n");
  ASSERT_TRUE(document);
  const Node& b = *document->root.find("b");
  EXPECT_EQ(place(*document->root.find("a")), "1:4");
  EXPECT_EQ(place((*b.list())[0]), "3:3");
  EXPECT_EQ(place((*b.list())[1]), "4:3");
  EXPECT_EQ(place((*b.list())[2]), "5:5");
  EXPECT_EQ(place((*(*b.list())[2].find("c")->list())[0]), "5:10");
  EXPECT_EQ((*document->root.map())[1].at, (Mark{2, 1}));
}

TEST(Reader, KnowsThePlaceOfEachNodeInJson) {
  const auto document = read("{\"a\": 1,\n \"b\": [12 , true,\n  {\"c\":null},[]]}");
  ASSERT_TRUE(document);
  const Node& b = *document->root.find("b");
  EXPECT_EQ(place(document->root), "1:1");
  EXPECT_EQ(place(*document->root.find("a")), "1:7");
  EXPECT_EQ(place(b), "2:7");
  EXPECT_EQ(place((*b.list())[0]), "2:8");
  EXPECT_EQ(place((*b.list())[1]), "2:13");
  EXPECT_EQ(place((*b.list())[2]), "3:3");
  EXPECT_EQ(place(*(*b.list())[2].find("c")), "3:8");
  EXPECT_EQ(place((*b.list())[3]), "3:14");
}

TEST(Reader, NamesTheFieldOfAProblem) {
  const auto problem = read("a:\n  b:\n  - c: 1\n    d: &x 2\n    c: 3\n").error();
  EXPECT_EQ(problem.field, "a.b[0].c");
  EXPECT_EQ(problem.at, (Mark{5, 5}));
  EXPECT_EQ(read("{\"a\":[0,{\"b\":1,\"b\":2}]}").error().field, "a[1].b");
}

TEST(Reader, CountsBeforeItBuilds) {
  const Limits few = {.bytes = 100, .depth = 3, .nodes = 10};
  EXPECT_EQ(read(std::string(101, ' '), few).error().code, "too-large");
  EXPECT_TRUE(read("[[[1]]]", few));
  EXPECT_EQ(read("[[[[1]]]]", few).error().code, "too-deep");
  EXPECT_EQ(read("{\"a\":{\"a\":{\"a\":{}}}}", few).error().code, "too-deep");
  EXPECT_TRUE(read("[1,2,3,4,5,6,7,8,9]", few));
  EXPECT_EQ(read("- 1\n- 2\n- 3\n- 4\n- 5\n- 6\n- 7\n- 8\n- 9\n- 10\n", few).error().code, "too-many-nodes");
}

TEST(Reader, CountsWhatAliasesStandFor) {
  const Limits few = {.bytes = 100, .depth = 4, .nodes = 20};
  EXPECT_TRUE(read("- &a [1,2,3]\n- *a\n- *a\n", few));
  EXPECT_EQ(read("- &a [1,2,3]\n- *a\n- *a\n- *a\n- *a\n", few).error().code, "too-many-nodes");
  EXPECT_EQ(read("- &a [[1]]\n- [[*a]]\n", few).error().code, "too-deep");
  EXPECT_EQ(read("- &a " + std::string(40, 'x') + "\n- *a\n- *a\n", few).error().code, "alias");
}

TEST(Reader, ReadsManyDocumentsAndLeavesOutEmptyOnes) {
  const auto documents = read_all("---\n# nothing\n---\na: 1\n---\nb: 2\n...\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ(to_json((*documents)[1].root), "{\"b\":2}");
  EXPECT_EQ(read_all("a: 1\n---\n- [\n").error().code, "key");
}

TEST(Reader, ShowsNoControlCharacterOfAKey) {
  const auto problem = read("{\"a\\u001b[31m\": 1, \"a\\u001b[31m\": 2}").error();
  EXPECT_EQ(problem.field, "a\\x1b[31m");
}

TEST(Reader, MakesJsonOfText) {
  EXPECT_EQ(json_from_yaml("b: 1\na: [x]\n").value(), "{\"a\":[\"x\"],\"b\":1}");
  EXPECT_EQ(json_from_yaml("a: [").error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace gna::yaml
