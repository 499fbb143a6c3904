// Do our records say already what a run without steps would write?
#pragma once

#include <string>

#include "gna/apply/pass.h"

namespace gna::apply {

bool records_differ(const Prepared& prepared);

// What rendering and lowering saw of the node beside its files, as text for the index.
std::string index_facts(const desired::Facts& facts);

}  // namespace gna::apply
