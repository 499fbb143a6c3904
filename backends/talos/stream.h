// A machine configuration as it was submitted: a stream of documents, each with its bytes.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/yaml/node.h"
#include "gna/base/result.h"

namespace gna::talos {

using DocumentKey = std::pair<std::string, std::string>;  // kind, name; the v1alpha1 document has neither

struct Part {
  std::string_view bytes = {};  // with its `---` line, if it has one
  yaml::Node root = {};         // null: comments at most
  DocumentKey key = {};
  // Talos keeps the submitted bytes, so a comment can say what gna wrote.
  bool whole = false;              // the document
  std::set<std::string> own = {};  // fields of it, as JSON pointers: "/params/kernel.panic"

  bool is_empty() const { return root.map() == nullptr; }
};

// Errors: InvalidArgument with line and column, if a document is unreadable or no map.
Result<std::vector<Part>> split(std::string_view stream);

// The comments that split() finds again.
std::string mark_whole();
std::string mark(const std::set<std::string>& own);

}  // namespace gna::talos
