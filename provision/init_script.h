// What brings the agent's program onto a new machine: init.sh, and the unit that runs it. Pure.
//
// The script needs sh, coreutils, ctr and systemd. What else it finds it makes use of: curl (do the mirrors
// answer?), getent (do names resolve?). It knows no mirror by itself: it reads the hosts.toml of the image's
// registry, as render_hosts_toml() writes it.
#pragma once

#include <cstdint>
#include <string>

namespace gna::provision {

inline constexpr const char* kInitScriptPath = "/var/lib/gardener-node-agent/init.sh";
inline constexpr const char* kInitUnit = "gardener-node-init.service";
inline constexpr const char* kAgentProgram = "/opt/bin/gardener-node-agent";

// Where init.sh tells what it has put into another order below certs.d, in the lines of MachineState.
inline constexpr const char* kOrderPath = "/var/lib/gardener-node-agent/provision-order";

struct InitScript {
  std::string image = {};        // with registry, and tag or digest; no quote and no white space in it
  bool require_mirror = false;   // only the mirrors' names have to resolve
  std::int64_t not_before = 0;   // a clock that is behind this Unix time is wrong; the latest start of a CA's life is
                                 // a good one, the time of rendering is not: equal input should give equal text
  std::string registry_ca = {};  // API server (https://...) whose ConfigMap registry-ca-bundle holds a CA; empty: none
};

// As POSIX has it; dash and bash run it.
std::string init_script(const InitScript& of);

// Runs it at each boot until `gna bootstrap` has disabled it. It only wants containerd: what restarts containerd must
// not stop the unit.
std::string init_unit();

}  // namespace gna::provision
