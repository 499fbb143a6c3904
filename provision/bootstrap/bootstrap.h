// `gna bootstrap`: the agent's first start on a new machine.
//
// The steps are those of the Go agent's sub-command; COMPATIBILITY.md names what differs. init.sh runs it again until
// it succeeds, and a second success changes nothing.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/fs/root_fs.h"
#include "provision/bootstrap/kubelet_disk.h"
#include "provision/bootstrap/services.h"
#include "provision/stages/stage.h"

namespace gna::provision {

inline constexpr const char* kAgentDirectory = "/var/lib/gardener-node-agent";
inline constexpr const char* kAgentUnit = "gardener-node-agent.service";
inline constexpr const char* kAgentUnitPath = "/etc/systemd/system/gardener-node-agent.service";

// Byte for byte as the reconcile OSC has it, so that taking over restarts nothing.
// Source: gardener pkg/component/extensions/operatingsystemconfig/original/components/nodeagent.
std::string agent_unit();

struct Bootstrap {
  const fs::RootFs& root;
  Services& services;
  config::AgentConfig config = {};
  KubeletDisk disk = {};  // its size comes from the configuration
};

// `of` has to outlive them.
std::vector<Stage> bootstrap_stages(Bootstrap& of);

}  // namespace gna::provision
