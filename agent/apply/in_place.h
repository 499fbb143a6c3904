// Which parts of an in-place update an OSC asks for.
#pragma once

#include <optional>
#include <string>

#include "gna/osc/osc.h"
#include "gna/store/store.h"

namespace gna::apply {

// Flags are set only if both OSCs have spec.inPlaceUpdates.
//
// Source: gardener operatingsystemconfig/osc_changes.go.
store::InPlaceFlags in_place_flags(const osc::Osc* before, const osc::Osc& now,
                                   const std::optional<std::string>& running_os_version);

}  // namespace gna::apply
