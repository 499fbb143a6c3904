// Mirrors as an OSC has them: registries and CA files in the reconcile OSC, plain files in the provision OSC. Pure.
#pragma once

#include <vector>

#include "gna/osc/osc.h"
#include "provision/mirror_config.h"

namespace gna::provision {

// The reconcile OSC with the mirrors and caches as criConfig.containerd.registries and their CAs as files.
// An entry for the same upstream is replaced, a file at the same path too, as the extensions' webhooks do.
//
// Errors: InvalidArgument: no reconcile OSC, or one without a containerd block.
Result<osc::Osc> with_registries(osc::Osc reconcile, const MirrorConfigs& configs);

// The provision OSC with the mirrors' hosts.toml and CAs as files in base64: it has no registries.
osc::Osc with_mirror_files(osc::Osc provision, const std::vector<Mirror>& mirrors);

}  // namespace gna::provision
