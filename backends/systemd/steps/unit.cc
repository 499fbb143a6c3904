#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "agent/fs/root_fs.h"
#include "backends/systemd/paths.h"
#include "backends/systemd/steps/steps.h"

namespace gna::systemd {

namespace {

using Clock = std::chrono::steady_clock;

// Offline, a unit whose file is not in the tree (yet) is worth a word, not a failure.
backend::Outcome forgive_offline(const Tools& tools, backend::Outcome outcome) {
  if (tools.units.live() || !outcome.error || outcome.error->code != Code::NotFound) return outcome;
  outcome.note = outcome.error->message;
  outcome.error.reset();
  outcome.result = backend::Outcome::Result::done;
  return outcome;
}

}  // namespace

void set_enablement(const Tools& tools, const Steps& steps) {
  std::vector<std::pair<const plan::Step*, backend::Outcome>> outcomes;
  const auto surveyed = tools.units.survey();
  for (const auto* step : steps) {
    const auto& action = std::get<plan::SetEnablement>(step->action);
    if (tools.sink.stopping()) {
      skip(tools, *step);
      continue;
    }
    tools.sink.sending(*step, {});
    const auto since = Clock::now();
    const auto result = !surveyed        ? surveyed
                        : action.enabled ? tools.units.enable(action.unit, tools.by)
                                         : tools.units.disable(action.unit, tools.by);
    outcomes.emplace_back(step, forgive_offline(tools, outcome_of(result, since)));
  }
  const auto since = Clock::now();
  const auto settled = tools.units.settle();
  for (auto& [step, outcome] : outcomes)
    tools.sink.ended(*step, settled || outcome.error ? std::move(outcome) : outcome_of(settled, since));
}

void reload_manager(const Tools& tools, const Steps& steps) {
  for (const auto* step : steps) {
    tools.sink.sending(*step, {});
    const auto since = Clock::now();
    tools.sink.ended(*step, outcome_of(tools.units.reload(tools.by), since));
  }
}

void run_jobs(const Tools& tools, const Steps& steps) {
  std::set<std::string> names;
  for (const auto* step : steps) names.insert(std::get<plan::RunJob>(step->action).unit);
  const auto before = tools.units.status(names, tools.by);
  const auto since = Clock::now();

  std::vector<JobRequest> jobs;
  Steps sent;
  for (const auto* step : steps) {
    const auto& action = std::get<plan::RunJob>(step->action);
    if (tools.sink.stopping()) {
      skip(tools, *step);
      continue;
    }
    if (!before) {
      tools.sink.ended(*step, outcome_of(std::unexpected(before.error()), since));
      continue;
    }
    // If this run ends before the job does, the next one sees by the InvocationID whether it came through.
    plan::Record evidence;
    if (const auto unit = step->after.units.find(action.unit);
        unit != step->after.units.end() && unit->second.started_with) {
      evidence.units[action.unit].sent_with = unit->second.started_with;
      evidence.units[action.unit].invocation_before = before->at(action.unit).invocation;
    }
    if (step->after.containerd_started_with) {
      evidence.containerd_sent_with = step->after.containerd_started_with;
      evidence.containerd_invocation_before = before->at(action.unit).invocation;
    }
    tools.sink.sending(*step, evidence);
    if (tools.sink.stopping()) {  // without evidence on record the next run would restart it once more
      skip(tools, *step);
      continue;
    }
    jobs.push_back({action.unit, action.job});
    sent.push_back(step);
  }
  if (jobs.empty()) return;
  tools.units.run(
      jobs, [&](std::size_t i, Result<void> result) { tools.sink.ended(*sent[i], outcome_of(result, since)); },
      tools.by);
}

namespace {

Result<void> delete_unit_files(const fs::RootFs& root, const plan::RetireUnit& action) {
  fs::Batch batch(root);
  if (action.owns_file) batch.stage_removal(0, unit_path(action.unit), false);
  for (const auto& drop_in : action.drop_ins) batch.stage_removal(0, drop_in_path(action.unit, drop_in), true);
  for (const auto& committed : batch.commit()) GNA_TRY(committed.result);
  return {};
}

}  // namespace

// Disable all, stop all side by side, then delete: a unit whose stop failed keeps its file, so that
// the next run can stop it.
void retire_units(const Tools& tools, const Steps& steps) {
  const auto since = Clock::now();
  std::map<const plan::Step*, Result<void>> results;
  std::vector<JobRequest> jobs;
  Steps stopped;
  for (const auto* step : steps) {
    const auto& action = std::get<plan::RetireUnit>(step->action);
    tools.sink.sending(*step, {});
    auto& result = results[step];
    if (!action.owns_file) continue;
    result = tools.units.disable(action.unit, tools.by);
    if (!result && result.error().code == Code::NotFound) result = {};
    if (!result) continue;
    jobs.push_back({action.unit, plan::Job::stop});
    stopped.push_back(step);
  }
  if (!jobs.empty())
    tools.units.run(
        jobs, [&](std::size_t i, Result<void> result) { results[stopped[i]] = std::move(result); }, tools.by);
  for (const auto* step : steps) {
    auto& result = results[step];
    if (result) result = delete_unit_files(tools.root, std::get<plan::RetireUnit>(step->action));
    tools.sink.ended(*step, outcome_of(result, since));
  }
}

}  // namespace gna::systemd
