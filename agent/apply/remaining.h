// What is left of a run, in the Go agent's words.
#pragma once

#include <set>
#include <string>

#include "gna/apply/pass.h"

namespace gna::apply {

// `done`: ids of the steps that ended well.
store::ChangesFile remaining(const Prepared& prepared, const std::set<std::string>& done);

}  // namespace gna::apply
