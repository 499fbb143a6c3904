// What the backend asks of the node beside files and units. Tests answer for it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gna/backend/os_backend.h"

namespace gna::systemd {

struct Environment {
  // Unavailable, if containerd does not answer.
  std::function<Result<desired::Version>(Deadline)> containerd_version = {};
  // `containerd config default`, for nodes without a config.toml.
  std::function<Result<std::string>(Deadline)> containerd_default_config = {};
  // Keys as observed::mirror_key().
  std::function<std::map<std::string, observed::Mirror>(const std::vector<backend::MirrorQuestion>&, Deadline)> probe =
      {};
};

}  // namespace gna::systemd
