// The systemd backend: a node with systemd as PID 1, or an offline tree of one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gna/backend/os_backend.h"

namespace gna::fs {
class RootFs;
}
namespace gna::systemd {
class UnitManager;
struct Environment;
}  // namespace gna::systemd

namespace gna::systemd {

struct Options {
  std::string host_name = {};                          // instead of the machine's own
  std::optional<std::string> containerd_version = {};  // --containerd-version; offline trees
  int offline_config_version = 2;                      // --containerd-config-version
  std::string containerd_address = {};                 // empty: CONTAINERD_ADDRESS, or containerd's default
};

// Talks to the system bus (or systemd's private socket, as root) on first use.
std::unique_ptr<backend::OsBackend> make_backend(const fs::RootFs& root, Options options);
// For an offline tree (--root DIR): no bus, units enabled by symlinks, nothing restarted.
std::unique_ptr<backend::OsBackend> make_offline_backend(const fs::RootFs& root, Options options);
// With another unit manager and other answers: tests.
std::unique_ptr<backend::OsBackend> make_backend(const fs::RootFs& root, std::unique_ptr<UnitManager> units,
                                                 Environment environment, Options options);

}  // namespace gna::systemd
