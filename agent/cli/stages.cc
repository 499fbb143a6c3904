#include "agent/cli/stages.h"

#include <fmt/core.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "gna/base/log.h"

namespace gna::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

const char* result_of(const provision::StageReport& report) {
  if (!report.result) return "failed";
  switch (report.result->outcome) {
    case provision::Outcome::done: return "done";
    case provision::Outcome::already: return "already";
    case provision::Outcome::skipped: return "skipped";
  }
  return "failed";
}

Json document(const char* kind) { return {{"apiVersion", "cli.gna.dev/v1"}, {"kind", kind}}; }

Json error_json(const Error& error, const Masker& masker) {
  return {{"code", to_string(error.code)}, {"message", masker.text(error.message)}, {"hint", masker.text(error.hint)}};
}

void print(Console& console, const Json& value) {
  console.raw(value.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n");
}

}  // namespace

StagesView::StagesView(const Options& options, Console& console, Deadline by)
    : console_(console),
      lines_(options.progress != Progress::none),
      by_(by),
      signals_([this] { report(); },
               [this](int signal) {
                 console_.err(fmt::format("gna: {}: stopping after the current stage; once more stops at once\n",
                                          signal == SIGINT ? "SIGINT" : "SIGTERM"));
               }) {}

void StagesView::started(const std::string& name, std::size_t number, std::size_t of) {
  const std::lock_guard lock(mutex_);
  name_ = name;
  number_ = number;
  of_ = of;
  since_ = Clock::now();
}

void StagesView::ended(const provision::StageReport& report) {
  const auto& masker = console_.masker();
  const auto took_ms = std::to_string(report.took.count());
  log::event(log::Level::info, std::string("stage-") + result_of(report), report.name,
             {{"took_ms", took_ms}, {"error", report.result ? "" : report.result.error().message}});
  if (report.result)
    for (const auto& warning : report.result->warnings) console_.warn(warning);
  if (console_.is_json()) {
    auto out = document("ProvisionStage");
    out["name"] = report.name;
    out["number"] = report.number;
    out["of"] = report.of;
    out["result"] = result_of(report);
    out["found"] = report.result ? masker.text(report.result->words) : "";
    auto warnings = Json::array();
    if (report.result)
      for (const auto& warning : report.result->warnings) warnings.push_back(masker.text(warning));
    out["warnings"] = warnings;
    out["tookMs"] = report.took.count();
    if (!report.result) out["error"] = error_json(report.result.error(), masker);
    print(console_, out);
  } else if (lines_ && report.result) {
    const auto& words = report.result->words;
    console_.out(fmt::format("{}/{}  {:<8} {}{}  ({})\n", report.number, report.of, result_of(report), report.name,
                             words.empty() ? "" : ": " + words, duration_text(report.took)));
  }
}

void StagesView::report() {
  std::string line = "gna: no stage has begun\n";
  {
    const std::lock_guard lock(mutex_);
    if (number_ > 0)
      line = fmt::format("gna: stage {} of {}: {}, for {}\n", number_, of_, name_,
                         duration_text(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since_)));
  }
  console_.err(line);
}

int StagesView::run(const std::vector<provision::Stage>& stages) {
  const auto began = Clock::now();
  const provision::StageHooks hooks{
      .started = [this](const std::string& name, std::size_t number, std::size_t of) { started(name, number, of); },
      .ended = [this](const provision::StageReport& report) { ended(report); },
      .stopping = [this] { return stopping(); }};
  const auto end = provision::run_stages(stages, hooks, by_);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  if (console_.is_json()) {
    auto out = document("ProvisionSummary");
    out["stages"] = end.of;
    out["done"] = end.done;
    out["failed"] = end.failed ? 1 : 0;
    out["stopped"] = end.stopped;
    out["complete"] = end.done == end.of;
    out["tookMs"] = took.count();
    print(console_, out);
  }
  if (end.failed) {
    console_.err("gna: error: " + end.error.message + "\n", Colour::red);
    if (!end.error.hint.empty()) console_.err("  " + end.error.hint + "\n");
  }
  if (end.done == end.of) {
    console_.out(fmt::format("{} in {}\n", counted(end.done, "stage"), duration_text(took)), Colour::green);
    return kDone;
  }
  console_.err(fmt::format("gna: {} of {} stages done, in {}. Running it again resumes.\n", end.done, end.of,
                           duration_text(took)),
               Colour::bold);
  if (stopping()) return 128 + signals_.received();
  return exit_code(end.error, false);
}

}  // namespace gna::cli
