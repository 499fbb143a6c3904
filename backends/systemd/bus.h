// UnitManager over sd-bus.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "agent/fs/root_fs.h"
#include "backends/systemd/unit_manager.h"

namespace gna::systemd {

struct BusOptions {
  // Empty: the system bus (DBUS_SYSTEM_BUS_ADDRESS is heeded); for root, if there is none,
  // systemd's own socket. Else a D-Bus address of a bus.
  std::string address = {};
  std::string private_socket = "/run/systemd/private";
  // Where unit files lie. systemd takes 2 ms of PID 1's time for each unit whose enablement it is asked, since it
  // reads all directories anew; with a root they are read here, once for all units. Has to outlive the unit
  // manager. Null: systemd is asked.
  const fs::RootFs* unit_files = nullptr;
  // How long one job may take before its outcome is called unknown.
  std::chrono::milliseconds per_job = std::chrono::seconds(90);
  // The same of a question, and of a reload: a PID 1 that has frozen keeps its bus and answers nothing.
  std::chrono::milliseconds per_question = std::chrono::seconds(90);
};

// Connects, and loads libsystemd, at the first call. A connection that breaks, and a
// systemd that is re-executed, are waited for and the question is asked again; a job that was under way then is
// looked for, and sent again only if it never arrived.
//
// Errors: Unavailable, if there is no bus or no systemd on it; PermissionDenied.
// Threads: one at a time.
// Source: org.freedesktop.systemd1(5).
std::unique_ptr<UnitManager> make_bus_unit_manager(BusOptions options = {});

// Sends the job and does not wait for it: the unit may be the one that we run in.
Result<void> send_restart(const std::string& unit, Deadline by, BusOptions options = {});

}  // namespace gna::systemd
