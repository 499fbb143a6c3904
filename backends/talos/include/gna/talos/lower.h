// The work on a Talos node: one step that replaces its machine configuration. Pure.
#pragma once

#include "gna/backend/os_backend.h"
#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/changes.h"
#include "gna/plan/plan.h"

namespace gna::talos {

// Key of the machine configuration in observed::State::documents: the bytes that were submitted
// last, all documents. Present and empty: a machine that has none yet.
inline constexpr const char* kMachineConfig = "machine-config";

backend::Capabilities capabilities();

// ApplyConfiguration takes the whole configuration, so the step carries it: the observed one with
// our documents put in. Documents that are not ours keep their bytes. Of a document that both
// sides write to (KubeletConfig, KubeNodeConfig, SysctlConfig, KernelModuleConfig) only our fields
// are ours; a comment in it names them, so that a later run takes back no more than that.
//
// No step, if nothing differs in meaning.
plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                 const desired::Facts& facts);

}  // namespace gna::talos
