// What a plain YAML scalar means, and how JSON and YAML print numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/yaml/node.h"

namespace gna::yaml {

// null, a boolean or a number; nullopt for a text.
//
// Source: YAML 1.1 as resolved by go.yaml.in/yaml/v2: underscores in numbers are skipped, octal is
// 0644 and 0o644, numbers to the base 60 and dates are texts.
std::optional<Node> resolve(std::string_view plain);

// Would a YAML 1.1 reader take the plain scalar for a date?
bool is_timestamp(std::string_view plain);

// As Go's encoding/json prints a float64: 1000, 0.5, 1e+21.
std::string json_number(double number);

// As Go's YAML library does: the shortest form of %g.
std::string yaml_number(double number);

}  // namespace gna::yaml
