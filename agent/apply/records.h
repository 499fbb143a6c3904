// Do our records say already what a run without steps would write?
#pragma once

#include <string>

#include "gna/apply/pass.h"

namespace gna::apply {

// Nor did the last run end incomplete: then it is on record that there is nothing left.
bool records_differ(const Prepared& prepared);

// Neither a step nor a record is left to do: the node is not touched.
bool nothing_to_do(const Prepared& prepared);

// What rendering and lowering saw of the node beside its files, as text for the index.
std::string index_facts(const desired::Facts& facts);

}  // namespace gna::apply
