// The one operating system that is not set up by a script.
#pragma once

#include <string>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"

namespace gna::provision {

// Ignition as Flatcar's extension writes it, key for key.
Result<std::string> flatcar(const osc::Osc& osc, const osc::Secrets& secrets);

}  // namespace gna::provision
