// Help texts. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/cli/options.h"

namespace gna::cli {

std::string help_overview();
std::string help_family(std::string_view first_word);  // of commands of two words
std::string help_page(const CommandInfo& command);

}  // namespace gna::cli
