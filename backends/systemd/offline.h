// UnitManager of a tree that does not run: enablement is symlinks, as `systemctl --root`
// makes them.
#pragma once

#include <memory>

#include "agent/fs/root_fs.h"
#include "backends/systemd/unit_manager.h"

namespace gna::systemd {

// `root` has to outlive it.
//
// enable, disable: the [Install] section of the unit and its drop-ins (WantedBy, RequiredBy,
// UpheldBy, Alias, Also, DefaultInstance; specifiers %i %j %n %N %p %%), for templates and
// instances too. UpheldBy makes links in NAME.upholds, as systemd 254 and later do; earlier
// ones don't know it and overlook those folders.
// status: `enablement` alone, in the words of `systemctl --root is-enabled`; there is nobody
// to ask for the rest. Units without a file have none.
// reload, run: do nothing, all jobs end well.
//
// Errors: NotFound, if enable finds no unit file; Conflict, if it is masked or something else
// bears the name of a link; what RootFs says.
// Source: systemd.unit(5), systemctl(1), install.c of systemd 252.
std::unique_ptr<UnitManager> make_offline_unit_manager(const fs::RootFs& root);

}  // namespace gna::systemd
