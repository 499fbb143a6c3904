// What `provision render` and `provision run` read: the provision OSC, mirrors, Secrets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/cli/console.h"
#include "agent/cli/options.h"
#include "agent/cli/preparation.h"
#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"
#include "provision/mirror_config.h"

namespace gna::cli {

// Prints the findings to standard error; an exit code if there is an error among them.
OrExit<osc::Osc> read_osc(const std::string& name, Console& console);

struct MirrorInputs {
  osc::Secrets secrets = {};
  provision::MirrorConfigs configs = {};  // closed if --require-mirror says so
};
// Errors: InvalidArgument.
Result<MirrorInputs> read_mirror_inputs(const Options& options);

// --generation, else SOURCE_DATE_EPOCH, else the time.
std::int64_t generation_of(const Options& options);

// Those wanted before the first pull.
std::vector<provision::Mirror> first_mirrors(const Options& options, const provision::MirrorConfigs& configs);

// There are mirrors, and not one of them is wanted that early: no release of the extension has the field yet.
void warn_of_none(const std::vector<provision::Mirror>& first, const provision::MirrorConfigs& configs,
                  Console& console);

}  // namespace gna::cli
