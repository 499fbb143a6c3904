// What a path or a unit name means on a Gardener node. Only render() asks.
#pragma once

#include <string>

#include "gna/desired/state.h"

namespace gna::desired {

Role role_of_file(const std::string& path);
Role role_of_unit(const std::string& name);

// Are its bytes never to be shown? `permissions_given`: the OSC sets them; 0600 by default
// says nothing.
bool is_secret(const std::string& path, std::uint32_t mode, bool permissions_given, Role role);

}  // namespace gna::desired
