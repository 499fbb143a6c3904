// The commands, one file each. Each gives the exit code.
#pragma once

#include "agent/cli/console.h"
#include "agent/cli/options.h"

namespace gna::cli {

int validate(const Options& options, Console& console);
int render(const Options& options, Console& console);
int diff(const Options& options, Console& console);
int apply(const Options& options, Console& console);
int status(const Options& options, Console& console);
int reset(const Options& options, Console& console);
int provision_render(const Options& options, Console& console);
int provision_run(const Options& options, Console& console);
int bootstrap(const Options& options, Console& console);
int agent(const Options& options, Console& console);
int version(const Options& options, Console& console);
int completion(const Options& options, Console& console);

// All of the program but the process around it.
int run(int argc, const char* const* argv);

}  // namespace gna::cli
