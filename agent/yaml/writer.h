// Trees out: as JSON, and as the YAML that Go's sigs.k8s.io/yaml would write.
#pragma once

#include <string>
#include <string_view>

#include "agent/yaml/node.h"
#include "gna/base/result.h"

namespace gna::yaml {

// Without blanks, keys sorted bytewise, text as it is (only what JSON must escape is escaped).
std::string to_json(const Node& node);

// Keys sorted, two blanks of indent, dashes at the parent's column, texts of several lines as
// block scalars, long lines folded at 80 columns. Ends with a newline.
//
// Order:  keys in the natural order of the Go library ("a2" before "a10").
// Source: sigs.k8s.io/yaml 1.6 over go.yaml.in/yaml/v2; byte for byte, state files of the Go agent
//         are compared with it.
std::string write(const Node& node);

// The same from JSON text.
//
// Errors: InvalidArgument if it is no JSON.
Result<std::string> yaml_from_json(std::string_view json);

}  // namespace gna::yaml
