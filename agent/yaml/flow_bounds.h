// A look at a YAML text's structure before yaml-cpp sees it.
//
// Its scanner cannot tell whether "[" opens a value or a key before it has found the end, so it keeps
// every token until then: four megabytes of "[" become a gigabyte, with no event by which a handler
// could stop it. So what it would have to keep is bounded here first, without a stack. And yaml-cpp 0.7
// loses a line break of folded texts that keep them (">+"), and makes a blank of the last one where
// nothing but blanks, without a line break, ends the text: those are found here, too.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace gna::yaml {

struct FlowLimits {
  std::size_t depth = 1000;
  std::size_t separators = 100000;  // brackets and commas of one outermost collection
  std::size_t on_a_line = 1000;     // quoted scalars, tags, anchors, collections side by side
};

struct FlowExcess {
  enum class What { depth, separators, on_a_line, folded_keep, folded_end } what = What::depth;
  std::size_t offset = 0;
};

// Follows YAML only as far as telling structure from text takes; what is no YAML at all the parser finds.
std::optional<FlowExcess> flow_excess(std::string_view text, const FlowLimits& limits);

}  // namespace gna::yaml
