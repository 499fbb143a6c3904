// What bootstrap has to know of the agent's own configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fs/root_fs.h"
#include "gna/base/result.h"

namespace gna::provision {

struct AgentConfig {
  std::optional<std::int64_t> kubelet_disk_bytes = {};  // size of the disk that is meant for /var/lib/kubelet
  std::string api_server = {};                          // https://...; may be empty
  std::string api_ca_file = {};
  bool operator==(const AgentConfig&) const = default;
};

// Unknown fields are passed over, empty ones mean the default.
// Errors: InvalidArgument, with line and field.
// Source: nodeagent.config.gardener.cloud/v1alpha1 NodeAgentConfiguration.
Result<AgentConfig> parse_agent_config(std::string_view bytes);

// config-VERSION.yaml, of several that of the greatest version. The Go agent takes the one of its own version,
// which is Gardener's, and gna's is another.
std::optional<std::string> newest_config(const std::vector<std::string>& names);

// Errors: NotFound; those of parse_agent_config().
Result<AgentConfig> load_agent_config(const fs::RootFs& root, const std::string& directory);

}  // namespace gna::provision
