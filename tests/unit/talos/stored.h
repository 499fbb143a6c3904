// Stored OSCs and golden files of the Talos suites.
#pragma once

#include <string>

#include "gna/desired/state.h"

namespace gna::talos {

std::string bytes_of(const std::string& path);

// "reconcile-worker" of "real/reconcile-worker.yaml".
std::string name_of(const std::string& osc);

// The wanted state of tests/testdata/osc/NAME on node-a. Every Secret is there and says its name.
desired::State stored(const std::string& name);

// Does the golden file hold this text? With GNA_ACCEPT=1 it is written anew and the answer is
// no: the caller skips.
bool agrees(const std::string& golden, const std::string& text);

}  // namespace gna::talos
