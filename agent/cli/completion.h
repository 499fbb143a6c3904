// Completion scripts, made from the grammar, so that they cannot fall behind it. Pure.
#pragma once

#include <string>

#include "agent/cli/options.h"

namespace gna::cli {

std::string completion_script(const std::string& shell, const Grammar& grammar);  // bash, zsh, fish

}  // namespace gna::cli
