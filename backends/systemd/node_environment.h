// The environment of a node that runs.
#pragma once

#include "backends/systemd/environment.h"
#include "gna/systemd/backend.h"

namespace gna::systemd {

Environment node_environment(const fs::RootFs& root, const Options& options);

}  // namespace gna::systemd
