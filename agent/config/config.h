// The agent's own file: config-VERSION.yaml.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fs/root_fs.h"
#include "gna/base/result.h"

namespace gna::config {

struct AgentConfig {
  std::optional<std::int64_t> kubelet_disk_bytes = {};  // size of the disk that is meant for /var/lib/kubelet
  std::string api_server = {};                          // https://...; may be empty
  std::string api_ca_file = {};
  std::chrono::milliseconds sync_period = std::chrono::minutes(10);  // controllers.operatingSystemConfig.syncPeriod
  std::string log_level = "info";                                    // debug, info, error
  std::string log_format = "json";                                   // json, text
  bool operator==(const AgentConfig&) const = default;
};

// Unknown fields are passed over, empty ones mean the default.
// Errors: InvalidArgument, with line and field.
// Source: nodeagent.config.gardener.cloud/v1alpha1 NodeAgentConfiguration.
Result<AgentConfig> parse(std::string_view bytes);

// config-VERSION.yaml, of several that of the greatest version. The Go agent takes the one of its own version,
// which is Gardener's, and gna's is another.
std::optional<std::string> newest(const std::vector<std::string>& names);

// Errors: NotFound; those of parse().
Result<AgentConfig> load(const fs::RootFs& root, const std::string& directory);

}  // namespace gna::config
