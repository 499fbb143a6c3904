// What diff prints, and apply --dry-run with it.
#pragma once

#include "agent/cli/console.h"
#include "agent/cli/wiring.h"
#include "gna/apply/pass.h"

namespace gna::cli {

// Gives diff's exit code: 0 nothing to do, 1 differences.
int show_plan(Console& console, const Node& node, const apply::Prepared& prepared);

}  // namespace gna::cli
