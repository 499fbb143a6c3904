#include "agent/yaml/flow_bounds.h"

#include <gtest/gtest.h>

#include <string>

namespace gna::yaml {
namespace {

constexpr FlowLimits kFew = {.depth = 3, .separators = 10, .on_a_line = 5};

struct Case {
  const char* name;
  std::string text;
  std::optional<FlowExcess::What> excess;
  friend void PrintTo(const Case& it, std::ostream* out) { *out << it.name; }
};

class FlowBounds : public ::testing::TestWithParam<Case> {};

TEST_P(FlowBounds, CountStructureAndNotText) {
  const auto excess = flow_excess(GetParam().text, kFew);
  EXPECT_EQ(excess.has_value(), GetParam().excess.has_value());
  if (excess && GetParam().excess) {
    EXPECT_EQ(excess->what, *GetParam().excess);
  }
}

constexpr auto kDepth = FlowExcess::What::depth;
constexpr auto kSeparators = FlowExcess::What::separators;
constexpr auto kLine = FlowExcess::What::on_a_line;
constexpr auto kKeep = FlowExcess::What::folded_keep;

INSTANTIATE_TEST_SUITE_P(
    Yaml, FlowBounds,
    ::testing::Values(
        Case{"depth_at_the_start", "[[[[", kDepth}, Case{"depth_as_a_value", "a: [[[[", kDepth},
        Case{"depth_in_an_item", "- - {a: [{b: [", kDepth}, Case{"depth_behind_a_tag", "a: !x &y [[[[", kDepth},
        Case{"depth_over_lines", "a: [\n[\n[\n[", kDepth}, Case{"depth_after_a_quoted_key", "\"a b\": [[[[", kDepth},
        Case{"depth_behind_a_comment", "a: b # c\n[[[[", kDepth},
        Case{"depth_after_a_block_scalar", "a: |\n  text\nb: [[[[", kDepth},
        Case{"depth_beside_an_empty_block_scalar", "- a: |\n  b: [[[[", kDepth},
        Case{"depth_that_is_closed", "a: [[[]]]\nb: [[[]]]", {}},
        Case{"separators", "a: [1,2,3,4,5,6,7,8,9,10,11]", kSeparators},
        Case{"separators_of_two_collections", "a: [1,2,3,4,5,6]\nb: [1,2,3,4,5,6]", {}},
        Case{"many_texts_on_a_line", "'' '' '' '' '' ''", kLine},
        Case{"many_tags_on_a_line", "!a !a !a !a !a !a", kLine},
        Case{"a_few_on_each_line", "- !a 'b'\n- !a 'b'\n- !a 'b'\n- !a 'b'\n", {}},
        Case{"brackets_in_a_plain_text", "a: b [[[[ ,,,,,,,,,,,,", {}},
        Case{"brackets_in_a_further_line", "a: b\n  [[[[\n", {}},
        Case{"brackets_in_a_quoted_text", "a: \"[[[[ \\\" [[[[\"\nb: '[[[[ '' [[[['", {}},
        Case{"brackets_in_a_block_scalar", "a: |\n  [[[[\n\n  [[[[\n", {}},
        Case{"brackets_in_an_indented_block_scalar", "a: |2\n    x\n  [[[[\n", {}},
        Case{"brackets_in_a_list_of_block_scalars", "- |\n [[[[\n- >-\n [[[[\n", {}},
        Case{"brackets_in_a_comment", "# [[[[\na: b # [[[[\n", {}},
        Case{"brackets_in_a_texts_within_a_flow", "a: [\"[[[[\", '[[[[', b] # [[[[\n", {}},
        Case{"folded_keep", "a: >+\n  x\n", kKeep}, Case{"folded_keep_with_indent", "a: >2+\n    x\n", kKeep},
        Case{"folded_end", "a: >-\n  x\n  ", FlowExcess::What::folded_end},
        Case{"folded_end_with_indent", "a:\n- >2\n    x\n  ", FlowExcess::What::folded_end},
        Case{"folded_and_blanks", "a: >\n  x\n  \n", {}}, Case{"literal_end", "a: |\n  x\n  ", {}},
        Case{"literal_keep", "a: |+\n  x\n", {}}, Case{"folded_keep_in_a_text", "a: |\n  b: >+\n", {}}),
    [](const auto& test) { return test.param.name; });

TEST(FlowBounds, TellWhere) { EXPECT_EQ(flow_excess("a: [[\n[[", kFew)->offset, 7u); }

}  // namespace
}  // namespace gna::yaml
