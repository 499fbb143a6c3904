// What the provisioning stage has left on this machine, for those that come after it.
#pragma once

#include <optional>

#include "agent/fs/root_fs.h"
#include "gna/base/result.h"
#include "gna/plan/applied.h"
#include "provision/machine_state.h"

namespace gna::provision {

// nullopt: there is none. One that cannot be read counts as none: every step may run again.
std::optional<MachineState> load_machine_state(const fs::RootFs& root);

// What the stage has written below certs.d, is unchanged, and so becomes the agent's at its first apply: it goes
// away if the OSC doesn't want it. Empty once the agent has taken over.
Result<plan::Applied> inherited(const fs::RootFs& root);

}  // namespace gna::provision
