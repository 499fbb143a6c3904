// A tree as TOML: only what containerd's settings need.
#pragma once

#include <optional>
#include <string>

#include "agent/yaml/node.h"

namespace gna::talos {

// Keys sorted, values before tables, nulls in tables left out. nullopt: TOML has no word for a
// null in a list or a number beyond 64 bits with sign.
std::optional<std::string> to_toml(const yaml::Node::Map& root);

}  // namespace gna::talos
