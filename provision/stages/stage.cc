#include "provision/stages/stage.h"

namespace gna::provision {
namespace {

Result<Found> run_one(const Stage& stage, Deadline by) {
  if (std::chrono::steady_clock::now() >= by) return fail(Code::DeadlineExceeded, "no time is left for it");
  GNA_LET(found, stage.act(by));
  if (stage.holds && found.outcome != Outcome::skipped) GNA_TRY_AT("looked at again", stage.holds(by));
  return found;
}

}  // namespace

StagesEnd run_stages(const std::vector<Stage>& stages, const StageHooks& hooks, Deadline by) {
  StagesEnd end{.of = stages.size()};
  for (const auto& stage : stages) {
    if (hooks.stopping && hooks.stopping()) {
      end.stopped = true;
      return end;
    }
    const auto number = end.done + 1;
    if (hooks.started) hooks.started(stage.name, number, end.of);
    const auto began = std::chrono::steady_clock::now();
    auto result = run_one(stage, by);
    if (!result) result = std::unexpected(std::move(result).error().with(stage.name));
    StageReport report{
        .name = stage.name,
        .number = number,
        .of = end.of,
        .result = std::move(result),
        .took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began)};
    if (hooks.ended) hooks.ended(report);
    if (!report.result) {
      end.failed = true;
      end.error = report.result.error();
      return end;
    }
    ++end.done;
  }
  return end;
}

}  // namespace gna::provision
