// An Osc as the YAML that the Go agent writes: keys sorted, two blanks of indent, list dashes at the
// parent's column.
#pragma once

#include <string>

#include "gna/osc/osc.h"

namespace gna::osc {

// The whole document, as in last-applied-osc.yaml. Ends with a newline.
//
// Source: pkg/nodeagent/codec.go: JSON by the field tags, then sigs.k8s.io/yaml.
std::string write(const Osc& osc);

// The same as JSON text with sorted keys.
std::string write_json(const Osc& osc);

}  // namespace gna::osc
