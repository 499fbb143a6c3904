// What PID 1 does for us. Three implementations keep one contract
// (tests/contract/unit_manager_contract.h): systemd over its bus, an offline tree, a fake.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"
#include "gna/plan/plan.h"

namespace gna::systemd {

struct UnitStatus {
  std::string load = {};        // LoadState; "not-found" for units that don't exist
  std::string active = {};      // ActiveState
  std::string sub = {};         // SubState
  std::string type = {};        // Service.Type; empty for other kinds of units
  std::string enablement = {};  // UnitFileState
  std::string invocation = {};  // InvocationID in hex
  bool triggered = false;       // TriggeredBy is not empty
  bool need_reload = false;     // NeedDaemonReload
  bool job_queued = false;      // Job is not (0, "/")
};

struct JobRequest {
  std::string unit = {};
  plan::Job job = plan::Job::restart;
};

class UnitManager {
 public:
  // false: an offline tree; jobs and reload do nothing then.
  virtual bool live() const = 0;

  // One entry for each name, also for units that don't exist.
  // Source: ListUnitsByNames, GetAll on each unit object, GetUnitFileState.
  virtual Result<std::map<std::string, UnitStatus>> status(const std::set<std::string>& units, Deadline by) = 0;

  // Source: EnableUnitFiles(names, runtime=false, force=true), DisableUnitFiles(names, false).
  // Errors: NotFound, if there is no such unit file; Conflict, if it is masked. Units without
  // [Install] (static) are fine. Disabling what is not there is fine.
  virtual Result<void> enable(const std::string& unit, Deadline by) = 0;
  virtual Result<void> disable(const std::string& unit, Deadline by) = 0;

  // From survey() to settle() nobody else changes unit files, so that one look at them may serve each enable and
  // disable in between. What these changed is on disk when settle() returns. systemd itself syncs nothing, and a
  // node that lost its links gets them back with the next run.
  virtual Result<void> survey() { return {}; }
  virtual Result<void> settle() { return {}; }

  // Source: Manager.Reload; its reply comes after the reload.
  virtual Result<void> reload(Deadline by) = 0;

  // Sends all jobs before it waits for the first; systemd orders them.
  // `ended(i, result)` is called once for each job as it ends, in any order. Stopping a unit that
  // does not exist is fine.
  // Errors (of a job): the job's result (failed, dependency, timeout, canceled, ...) with the unit's
  // SubState and Result; DeadlineExceeded after `per_job`: "outcome unknown, looked again: active (running)".
  // Source: StartUnit, StopUnit, RestartUnit(name, "replace"), signal JobRemoved(u, o, s, s).
  virtual void run(std::span<const JobRequest> jobs, const std::function<void(std::size_t, Result<void>)>& ended,
                   Deadline by) = 0;

  virtual ~UnitManager() = default;
};

}  // namespace gna::systemd
