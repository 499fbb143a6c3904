// OSC and node facts to wanted state.
#pragma once

#include <functional>
#include <string>

#include "gna/base/result.h"
#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/osc/osc.h"

namespace gna::desired {

// The bytes of a Secret's key. NotFound if there is none: an input error, never an empty file.
using ReadSecret = std::function<Result<std::string>(const std::string& name, const std::string& key)>;

// Everything that an OSC asks of this host, as types.
//
// Errors: InvalidArgument naming the field, if a secretRef can't be read.
// Threads: pure but for `read_secret`, which the pass has filled before.
// Source: OperatingSystemConfig v1alpha1; semantics of gardener
//   pkg/nodeagent/controller/operatingsystemconfig.
Result<State> render(const osc::Osc& osc, const Facts& facts, const ReadSecret& read_secret);

// Puts the drop-in 30-env_config.conf for containerd.service into the OSC, as the Go agent
// does before it compares: last-applied-osc.yaml holds it. For systemd only, and only if the
// OSC has a containerd block.
void inject_path_drop_in(osc::Osc& osc, const std::string& path);

// The PATH that an earlier injection wrote into this OSC, or the default of this page.
inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
std::string injected_path(const osc::Osc* last_applied);

}  // namespace gna::desired
