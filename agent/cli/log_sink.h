// Where log events go: standard error as text or JSON, or the journal with its fields.
#pragma once

#include <string>

#include "agent/cli/console.h"

namespace gna::cli {

// Errors: none; without a journal its events go to standard error as text.
void set_up_logs(const std::string& format, const std::string& level, Console& console);

}  // namespace gna::cli
