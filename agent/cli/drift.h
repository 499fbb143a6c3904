// What `gna status` makes of a plan that should be empty. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/cli/documents.h"
#include "agent/cli/masking.h"
#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/plan.h"

namespace gna::cli {

// What is wrong with a unit; empty: as wanted.
//
// Source: gardener pkg/nodeagent/controller/systemdunitcheck: which inactive units are fine.
std::string unit_problem(const observed::Unit& now, const desired::Unit& wanted);

using LookAt = std::function<observed::File(const std::string& path)>;  // with its SHA-256

// A step that would repair something, as what is and what should be. nullopt: it awaits a mirror.
std::optional<StatusDrift> drift_of(const plan::Step& step, const observed::State& now, const LookAt& look,
                                    const Masker& masker);

}  // namespace gna::cli
