// The forms that the Gardener extensions for operating systems give to a provision OSC: our own text, equal
// in effect, and byte for byte where the pieces are common to all of them. Pure.
#pragma once

#include <string>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"

namespace gna::provision {

// `os`: gardenlinux, ubuntu, suse-chost, memoryone, flatcar, local. The OSC's own init.sh and units stand as
// they are; mirrors have to be among its files (with_mirror_files).
//
// Errors: InvalidArgument: among others a text that the extension's here-documents would let a shell change.
// Source: gardener extensions/pkg/controller/operatingsystemconfig/bash.go, gardener-extension-os-*.
Result<std::string> render_os(const std::string& os, const osc::Osc& osc, const osc::Secrets& secrets);

}  // namespace gna::provision
