// What the node's containerd would write into a config.toml of its own.
#pragma once

#include <string>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::containerd {

// Source: `containerd config default`.
// Errors: NotFound (no containerd), Unavailable (it failed, in its words), DeadlineExceeded.
Result<std::string> default_config(Deadline by);

}  // namespace gna::containerd
