#include "backends/systemd/steps/steps.h"

#include <array>

namespace gna::systemd {

namespace {

template <typename Action>
bool is(const plan::Action& action) {
  return std::holds_alternative<Action>(action);
}

struct Kind {
  bool (*match)(const plan::Action&);
  void (*apply)(const Tools&, const Steps&);
};

constexpr std::array<Kind, 10> kKinds = {{
    {is<plan::ClearTheWay>, clear_the_way},
    {is<plan::MakeDirectory>, make_directories},
    {is<plan::WriteFile>, write_and_delete_files},
    {is<plan::DeleteFile>, write_and_delete_files},
    {is<plan::CopyFromImage>, copy_from_images},
    {is<plan::SetEnablement>, set_enablement},
    {is<plan::RetireUnit>, retire_units},
    {is<plan::ReloadManager>, reload_manager},
    {is<plan::RunJob>, run_jobs},
    {is<plan::AwaitMirror>, await_mirrors},
}};

}  // namespace

void apply_stage(const Tools& tools, std::span<const plan::Step> stage) {
  for (const auto& kind : kKinds) {
    Steps steps;
    for (const auto& step : stage)
      if (kind.match(step.action)) steps.push_back(&step);
    if (!steps.empty()) kind.apply(tools, steps);
  }
  for (const auto& step : stage) {
    if (!is<plan::ReplaceDocument>(step.action)) continue;
    tools.sink.ended(step, {.result = backend::Outcome::Result::failed,
                            .error = Error{Code::Unsupported, "systemd has no machine config"}});
  }
}

backend::Outcome outcome_of(const Result<void>& result, std::chrono::steady_clock::time_point since) {
  backend::Outcome outcome;
  outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since);
  if (!result) {
    outcome.result = backend::Outcome::Result::failed;
    outcome.error = result.error();
  }
  return outcome;
}

void skip(const Tools& tools, const plan::Step& step) {
  tools.sink.ended(step, {.result = backend::Outcome::Result::skipped,
                          .error = Error{Code::DeadlineExceeded, "not begun: the run was told to stop"}});
}

}  // namespace gna::systemd
