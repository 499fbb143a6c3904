// Records with every field filled now and then, for properties.
#pragma once

#include <random>

#include "gna/plan/applied.h"
#include "gna/plan/record.h"

namespace gna::store {

plan::Record random_record(std::mt19937& random);
plan::Applied random_applied(std::mt19937& random);

}  // namespace gna::store
