// What bootstrap asks of PID 1, over the backend's unit manager.
#pragma once

#include <memory>

#include "agent/fs/root_fs.h"
#include "provision/bootstrap/services.h"

namespace gna::cli {

// `root` has to outlive it. Offline: an offline tree.
std::unique_ptr<provision::Services> make_services(const fs::RootFs& root, bool offline);

}  // namespace gna::cli
