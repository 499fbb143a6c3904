#include "tests/support/fake_unit_manager.h"

#include <array>
#include <stdexcept>

#include "backends/systemd/errors.h"

namespace gna::support {

namespace {

Code code_of(std::string_view word) {
  for (const auto code :
       {Code::InvalidArgument, Code::NotFound, Code::Conflict, Code::Unsupported, Code::PermissionDenied,
        Code::Unavailable, Code::DeadlineExceeded, Code::Corrupt, Code::Internal})
    if (to_string(code) == word) return code;
  return systemd::code_of_job_result(word);
}

std::string verb_of(plan::Job job) {
  switch (job) {
    case plan::Job::restart: return "restart";
    case plan::Job::start: return "start";
    case plan::Job::stop: return "stop";
  }
  throw std::logic_error("unknown job");
}

}  // namespace

ModelUnit& FakeUnitManager::unit(const std::string& name) { return units_[name]; }

bool FakeUnitManager::is_enabled(const std::string& name) const {
  const auto found = units_.find(name);
  return found != units_.end() && found->second.enablement == "enabled";
}

ModelUnit* FakeUnitManager::find(const std::string& name) {
  if (const auto found = units_.find(name); found != units_.end())
    return found->second.exists() ? &found->second : nullptr;
  return unknown_ == Unknown::exists ? &units_[name] : nullptr;
}

Result<void> FakeUnitManager::operate(const std::string& verb, const std::string& unit) {
  operations_.push_back(unit.empty() ? verb : verb + " " + unit);
  for (const auto& mishap : script_.next(verb, unit)) {
    if (mishap.kind != Mishap::Kind::fail) continue;
    operations_.back() += " -> failed";
    return fail(code_of(mishap.word), operations_.back() + " as scripted: " + mishap.word);
  }
  return {};
}

Result<std::map<std::string, systemd::UnitStatus>> FakeUnitManager::status(const std::set<std::string>& units,
                                                                           Deadline) {
  for (const auto& mishap : script_.next("status", ""))
    if (mishap.kind == Mishap::Kind::fail) return fail(code_of(mishap.word), "status as scripted: " + mishap.word);
  std::map<std::string, systemd::UnitStatus> out;
  for (const auto& name : units) {
    const auto* unit = find(name);
    if (unit == nullptr) {
      out[name] = {.load = "not-found", .active = "inactive", .sub = "dead"};
      continue;
    }
    out[name] = {.load = unit->load,
                 .active = unit->active,
                 .sub = unit->sub,
                 .type = name.ends_with(".service") ? unit->type : "",
                 .enablement = unit->enablement,
                 .invocation = unit->invocation(),
                 .triggered = unit->triggered,
                 .need_reload = unit->need_reload,
                 .job_queued = unit->job_queued};
  }
  return out;
}

Result<void> FakeUnitManager::enable(const std::string& name, Deadline) {
  GNA_TRY(operate("enable", name));
  auto* unit = find(name);
  if (unit == nullptr || unit->enablement.empty())
    return fail(Code::NotFound, "enable " + name + ": no such unit file");
  if (unit->enablement == "masked") return fail(Code::Conflict, "enable " + name + ": masked");
  if (unit->enablement == "disabled") unit->enablement = "enabled";
  return {};
}

Result<void> FakeUnitManager::disable(const std::string& name, Deadline) {
  GNA_TRY(operate("disable", name));
  auto* unit = find(name);
  if (unit != nullptr && unit->enablement == "enabled") unit->enablement = "disabled";
  return {};
}

Result<void> FakeUnitManager::reload(Deadline) {
  GNA_TRY(operate("daemon-reload", ""));
  for (auto& [name, unit] : units_) unit.need_reload = false;
  return {};
}

Result<void> FakeUnitManager::run_one(const systemd::JobRequest& job) {
  auto scripted = operate(verb_of(job.job), job.unit);
  auto* unit = find(job.unit);
  if (!scripted) {
    if (unit != nullptr && job.job != plan::Job::stop) unit->fail();
    return scripted;
  }
  if (unit == nullptr) {
    if (job.job == plan::Job::stop) return {};
    return fail(Code::NotFound, operations_.back() + ": no such unit");
  }
  if (job.job == plan::Job::stop) {
    unit->stop();
    return {};
  }
  if (unit->enablement == "masked") return fail(Code::Conflict, operations_.back() + ": masked");
  if (job.job == plan::Job::restart || unit->active != "active") unit->start();
  if (!unit->breaks) return {};
  unit->fail();
  operations_.back() += " -> failed";
  return fail(Code::Unavailable, operations_.back() + ": the unit is broken");
}

void FakeUnitManager::run(std::span<const systemd::JobRequest> jobs,
                          const std::function<void(std::size_t, Result<void>)>& ended, Deadline) {
  batches_.push_back(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) ended(i, run_one(jobs[i]));
}

}  // namespace gna::support
