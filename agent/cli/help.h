// Help texts. Pure.
#pragma once

#include <string>

#include "agent/cli/options.h"

namespace gna::cli {

std::string help_overview();
std::string help_page(const CommandInfo& command);

}  // namespace gna::cli
