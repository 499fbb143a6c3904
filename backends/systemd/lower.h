// The order of work on a systemd node. Pure.
#pragma once

#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/changes.h"
#include "gna/plan/plan.h"

namespace gna::systemd {

// Stages: what is in the way; containerd's base; files; hosts.toml; images; unit files and
// drop-ins; enablement; units that go; reload; jobs; mirrors that had not answered;
// registries, then files that go; the agent's own unit.
plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                 const desired::Facts& facts);

}  // namespace gna::systemd
