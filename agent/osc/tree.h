// Parts of an OSC as trees, for documents that hold such parts.
#pragma once

#include "agent/yaml/node.h"
#include "gna/osc/osc.h"

namespace gna::osc {

// As in last-applied-osc.yaml.
yaml::Node tree(const File& file);
yaml::Node tree(const Unit& unit);
yaml::Node tree(const DropIn& drop_in);
yaml::Node tree(const Registry& registry);

}  // namespace gna::osc
