// Which parts of an in-place update an OSC asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/store/store.h"

namespace gna::apply {

// All false unless both OSCs have spec.inPlaceUpdates.
//
// Errors: InvalidArgument naming the field: a version or a quantity that is none, a kubelet
//   configuration that is missing or unreadable. Unavailable if the running OS version is
//   not known: then nobody can tell whether an update is due.
// Source: gardener operatingsystemconfig/osc_changes.go.
Result<store::InPlaceFlags> in_place_flags(const osc::Osc* before, const osc::Osc& now,
                                           const std::optional<std::string>& running_os_version);

// Parts that `wanted` leaves out match anything: 1592.6.3 is 1592.6. Parts that `running` leaves
// out are zero: 1592 is not 1592.6.
//
// Errors: InvalidArgument, if either is no version of one to three numbers.
Result<bool> is_version(std::string_view running, std::string_view wanted);

}  // namespace gna::apply
