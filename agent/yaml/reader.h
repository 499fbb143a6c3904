// YAML and JSON in: bytes to a bounded tree with positions, or one problem that says where.
//
// Bytes, depth, nodes and the expansion of aliases are counted while the text is read, before a
// tree exists that could be too large. What two readers of YAML would take differently is refused
// rather than guessed: duplicate keys, custom tags, lone carriage returns, U+0085 and U+2028 as
// line breaks, a second document.
//
// A text that begins with { is read as JSON; if it is none, as YAML with a warning.
//
// Scalars are those of YAML 1.1 as Go's sigs.k8s.io/yaml has them: yes, on and y are true, 0644 is
// 420, dates are texts.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "agent/yaml/node.h"
#include "gna/base/result.h"

namespace gna::yaml {

struct Limits {
  std::size_t bytes = 4 * 1024 * 1024;
  int depth = 64;              // of lists and maps within each other
  std::size_t nodes = 100000;  // scalars, lists and maps; what an alias stands for counts each time
};

struct Problem {
  Mark at = {};
  std::string field = {};    // "spec.files[3].content", as far as the text got
  std::string code = {};     // stable: "duplicate-key", "too-deep", "not-utf8", ...
  std::string message = {};  // for a person; shows no scalar of the document
};

struct Document {
  Node root = {};
  std::vector<Problem> warnings = {};
};

// Exactly one document. An empty text is one whose root is null.
//
// Threads: pure; call it from anywhere.
std::expected<Document, Problem> read(std::string_view bytes, const Limits& limits = {});

// Any number of documents, the limits being those of all together; empty ones are left out.
std::expected<std::vector<Document>, Problem> read_all(std::string_view bytes, const Limits& limits = {});

// One document as JSON without blanks, keys sorted bytewise.
//
// Errors: InvalidArgument, with line and column in the message.
Result<std::string> json_from_yaml(std::string_view bytes, const Limits& limits = {});

// The problem as an error: "line 3, column 5: spec.files: duplicate key".
Error to_error(const Problem& problem);

}  // namespace gna::yaml
