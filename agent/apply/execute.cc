// Plan to effects: the journal before and after, the backend in between.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <set>

#include "agent/apply/records.h"
#include "agent/apply/remaining.h"
#include "gna/apply/pass.h"
#include "gna/base/digest.h"
#include "gna/base/log.h"
#include "gna/osc/write.h"

namespace gna::apply {

namespace {

using backend::Outcome;
using Clock = std::chrono::steady_clock;

std::string now_rfc3339() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

const char* word(Outcome::Result result) {
  switch (result) {
    case Outcome::Result::done: return "done";
    case Outcome::Result::failed: return "failed";
    case Outcome::Result::skipped: return "skipped";
    case Outcome::Result::pending: return "pending";
  }
  return "failed";
}

// A record that cannot be written ends the run: what is not on record must not be done.
Result<void> recorded(Result<void> result) {
  if (!result && result.error().hint.empty())
    result.error().hint = "The run ends here, as its records could not be written. Running it again resumes.";
  return result;
}

class Run : public backend::StepSink {
 public:
  Run(const Prepared& prepared, store::Store* store, const Hooks& hooks)
      : prepared_(prepared), store_(store), hooks_(hooks), applied_(prepared.applied) {
    summary_.checksum = prepared.checksum;
    summary_.resumed = prepared.resumed;
    summary_.steps = prepared.plan.size();
    last_run_.checksum = prepared.checksum;
    last_run_.started = now_rfc3339();
  }

  Result<void> begin() {
    if (store_ == nullptr) return {};
    return store_->begin(applied_, remaining(prepared_, done_));
  }

  // What may not be begun, because something that it needs has failed, is told right away.
  std::vector<plan::Step> runnable(const plan::Stage& stage) {
    std::vector<plan::Step> steps;
    for (const auto& step : stage.steps) {
      const auto broken = std::ranges::find_if(step.needs, [&](const auto& id) { return broken_.contains(id); });
      if (broken == step.needs.end()) {
        steps.push_back(step);
        continue;
      }
      ended(step, {.result = Outcome::Result::skipped,
                   .error = Error{Code::Conflict, "not begun, because " + *broken + " did not succeed"}});
    }
    return steps;
  }

  // The changes file says what the stages before have left: that of the last one is finish()'s.
  Result<void> before(const std::vector<plan::Step>& steps) {
    plan::Record all;
    for (const auto& step : steps) merge(all, step.before);
    GNA_TRY(append(all));
    if (store_ == nullptr) return {};
    return store_->write_changes(remaining(prepared_, done_));
  }

  void sending(const plan::Step& step, const plan::Record& evidence) override {
    current_ = ++number_;
    if (hooks_.started) hooks_.started(step, current_, summary_.steps);
    note(append(evidence));
  }

  void ended(const plan::Step& step, const Outcome& outcome) override {
    if (outcome.result == Outcome::Result::skipped) ++number_;
    switch (outcome.result) {
      case Outcome::Result::done:
        ++summary_.done;
        done_.insert(step.id);
        note(append(step.after));
        note(append(outcome.learned));
        break;
      case Outcome::Result::pending: ++summary_.pending; break;
      case Outcome::Result::skipped:
        ++summary_.skipped;
        broken_.insert(step.id);
        break;
      case Outcome::Result::failed:
        ++summary_.failed;
        broken_.insert(step.id);
        break;
    }
    if (outcome.result == Outcome::Result::failed || outcome.result == Outcome::Result::skipped)
      summary_.failures.emplace_back(step, outcome.error.value_or(Error{}));
    last_run_.steps.push_back({step.id, word(outcome.result), outcome.error ? outcome.error->message : ""});
    if (hooks_.ended) hooks_.ended({&step, number_, summary_.steps, outcome});
  }

  // The journal itself failing ends the run, too: what cannot be recorded must not be done.
  bool stopping() const override { return !journaled_ || (hooks_.stopping && hooks_.stopping()); }

  const Result<void>& journaled() const { return journaled_; }

  // The own unit's step is on record as done before it happens; by the InvocationID the next run sees whether it did.
  void settle_own_unit(const plan::Step& step, const observed::State& now) {
    ++number_;
    ++summary_.done;
    done_.insert(step.id);
    plan::edit(applied_, step.after);
    if (const auto seen = now.units.find(step.target); seen != now.units.end()) {
      auto& unit = applied_.units[step.target];
      unit.sent_with = unit.started_with;
      unit.invocation_before = seen->second.invocation;
    }
    last_run_.steps.push_back({step.id, "done", ""});
    summary_.agent_restart_due = true;
    if (hooks_.ended) hooks_.ended({&step, number_, summary_.steps, {}});
  }

  Result<void> finish(Clock::time_point since) {
    summary_.stopped = stopping();
    const bool complete = summary_.complete();
    if (complete) {
      plan::edit(applied_, prepared_.plan.settled);
      applied_.checksum = prepared_.checksum;
    }
    summary_.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
    if (store_ == nullptr) return {};
    last_run_.took_ms = summary_.took.count();
    last_run_.finished = complete;
    store::Store::Finished finished{.applied = applied_, .changes = remaining(prepared_, done_), .last_run = last_run_};
    if (complete) {
      finished.last_applied = osc::write(prepared_.osc);
      if (summary_.pending == 0)
        finished.index = store::Index{.input_sha256 = prepared_.input_sha256,
                                      .checksum = prepared_.checksum,
                                      .host_name = prepared_.facts.host_name,
                                      .last_applied_sha256 = sha256_hex(*finished.last_applied),
                                      .facts = index_facts(prepared_.facts)};
    }
    return store_->finish(finished);
  }

  Summary take_summary() { return std::move(summary_); }

 private:
  const Prepared& prepared_;
  store::Store* store_;
  const Hooks& hooks_;
  plan::Applied applied_;
  Summary summary_;
  store::LastRun last_run_;
  std::set<std::string> done_;
  std::set<std::string> broken_;
  std::size_t number_ = 0;
  std::size_t current_ = 0;
  Result<void> journaled_;

  void note(Result<void> result) {
    if (!result && journaled_) journaled_ = std::move(result);
  }

  Result<void> append(const plan::Record& record) {
    if (record.empty()) return {};
    plan::edit(applied_, record);
    if (store_ == nullptr) return {};
    return store_->append(record);
  }

  static void merge(plan::Record& into, const plan::Record& from) {
    into.files.insert(from.files.begin(), from.files.end());
    into.registries.insert(from.registries.begin(), from.registries.end());
    into.containerd_originals.insert(from.containerd_originals.begin(), from.containerd_originals.end());
    for (const auto& [name, unit] : from.units) {
      auto& target = into.units[name];
      if (unit.owns_file) target.owns_file = unit.owns_file;
      if (unit.file_sha256) target.file_sha256 = unit.file_sha256;
      if (unit.started_with) target.started_with = unit.started_with;
      if (unit.sent_with) target.sent_with = unit.sent_with;
      target.add_drop_ins.insert(unit.add_drop_ins.begin(), unit.add_drop_ins.end());
    }
    if (from.containerd) into.containerd = from.containerd;
    if (from.containerd_started_with) into.containerd_started_with = from.containerd_started_with;
    if (from.reload_owed) into.reload_owed = from.reload_owed;
    if (from.agent_restart_owed) into.agent_restart_owed = from.agent_restart_owed;
  }
};

}  // namespace

Result<Summary> Pass::execute(const Prepared& prepared, const Options& options, const Hooks& hooks, Deadline by) {
  const auto since = Clock::now();
  if (prepared.up_to_date) return Summary{.checksum = prepared.checksum};
  if (!prepared.plan.refused.empty() && !options.allow_unsupported)
    return fail(prepared.plan.refused.front().code,
                prepared.plan.refused.front().field + ": " + prepared.plan.refused.front().why,
                prepared.plan.refused.front().alternative);

  Run run(prepared, options.no_state ? nullptr : &store_, hooks);
  if (nothing_to_do(prepared)) return run.take_summary();
  GNA_TRY(recorded(run.begin()));
  const plan::Step* own_unit = nullptr;
  for (const auto& stage : prepared.plan.stages) {
    const auto steps = run.runnable(stage);
    if (stage.name == plan::kOwnUnitStage) {
      if (!steps.empty()) own_unit = &stage.steps.front();
      continue;
    }
    if (steps.empty()) continue;
    GNA_TRY(recorded(run.before(steps)));
    os_.apply(steps, content_, run, by);
    GNA_TRY(recorded(run.journaled()));
  }
  if (own_unit != nullptr && !run.stopping()) {
    const auto now = os_.observe({.units = {own_unit->target}}, by);
    run.settle_own_unit(*own_unit, now ? *now : prepared.now);
  }
  GNA_TRY(recorded(run.finish(since)));
  auto summary = run.take_summary();
  if (summary.agent_restart_due && options.restart_agent) {
    struct Quiet : backend::StepSink {
      std::optional<Error> error = {};
      void sending(const plan::Step&, const plan::Record&) override {}
      void ended(const plan::Step&, const Outcome& outcome) override { error = outcome.error; }
    } quiet;
    os_.apply({own_unit, 1}, content_, quiet, by);
    summary.agent_restart_due = false;
    if (quiet.error) {
      ++summary.failed;
      --summary.done;
      summary.failures.emplace_back(*own_unit, *quiet.error);
    }
  }
  return summary;
}

}  // namespace gna::apply
