#include "agent/cli/steps.h"

#include <fmt/core.h>

#include <csignal>

#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "gna/base/log.h"

namespace gna::cli {
namespace {

using Result = backend::Outcome::Result;

struct ResultWords {
  const char* word;
  Colour colour;
};

ResultWords words(Result result) {
  switch (result) {
    case Result::done: return {"done", Colour::none};
    case Result::failed: return {"FAILED", Colour::red};
    case Result::skipped: return {"skipped", Colour::yellow};
    case Result::pending: return {"pending", Colour::yellow};
  }
  return {"", Colour::none};
}

std::string_view kind_words(plan::Kind kind) {
  switch (kind) {
    case plan::Kind::file: return "file ";
    case plan::Kind::unit: return "unit file ";
    case plan::Kind::dropIn: return "drop-in ";
    case plan::Kind::containerdConfig: return "";
    case plan::Kind::registry: return "mirrors of ";
    case plan::Kind::unitState: return "";
    case plan::Kind::daemonReload: return "";
    case plan::Kind::machineConfig: return "machine config ";
    case plan::Kind::image: return "";
  }
  return "";
}

}  // namespace

std::string step_words(const plan::Step& step) {
  if (step.kind == plan::Kind::daemonReload) return "daemon-reload";
  const bool folder = std::holds_alternative<plan::MakeDirectory>(step.action);
  return fmt::format("{} {}{}", to_string(step.verb), folder ? "folder " : kind_words(step.kind), step.target);
}

std::string step_line(const apply::StepReport& report) {
  const auto width = fmt::formatted_size("{}", report.of);
  auto out = fmt::format("{:>{}}/{}  {:<7}  {}", report.number, width, report.of, words(report.outcome.result).word,
                         step_words(*report.step));
  if (report.outcome.took.count() > 0) out += "  (" + duration_text(report.outcome.took) + ")";
  if (report.outcome.error) {
    // The error may begin with the step's own words: once is enough.
    std::string_view message = report.outcome.error->message;
    if (const auto prefix = step_words(*report.step) + ": "; message.starts_with(prefix))
      message.remove_prefix(prefix.size());
    out += ": " + std::string(message);
  }
  if (report.outcome.result != Result::done && !report.outcome.note.empty()) out += "; " + report.outcome.note;
  return out;
}

void log_step(const apply::StepReport& report) {
  const auto took_ms = std::to_string(report.outcome.took.count());
  log::event(log::Level::info, std::string("step-") + result_name(report.outcome.result), step_words(*report.step),
             {{"step", report.step->id},
              {"took_ms", took_ms},
              {"error", report.outcome.error ? report.outcome.error->message : ""}});
}

void print_summary(Console& console, const apply::Summary& summary, int signal, bool timed_out) {
  const auto took = duration_text(summary.took);
  if (summary.steps == 0 && summary.complete()) {
    console.out("nothing to do: the node matches\n", Colour::green);
    return;
  }
  if (summary.complete()) {
    auto line = fmt::format("{}{} done in {}", summary.resumed ? "resumed: " : "", counted(summary.done, "step"), took);
    if (summary.pending > 0) line += fmt::format(", {} pending (no mirror has answered yet)", summary.pending);
    console.out(line + "\n", Colour::green);
    return;
  }
  for (const auto& [step, error] : summary.failures) {
    if (error.message.empty()) continue;  // skipped: counted below
    const auto what = step_words(step);
    console.err("gna: error: " + (error.message.starts_with(what) ? "" : what + ": ") + error.message + "\n",
                Colour::red);
    if (!error.hint.empty()) console.err("  " + error.hint + "\n");
  }
  std::string why;
  if (signal == SIGINT || signal == SIGTERM)
    why = "stopped: ";
  else if (timed_out)
    why = "timed out: ";
  console.err(fmt::format("gna: {}{} done, {} failed, {} not begun, in {}. Running it again resumes.\n", why,
                          summary.done, summary.failed, summary.skipped, took),
              Colour::bold);
}

int exit_code(const apply::Summary& summary, int signal) {
  if (summary.complete()) return kDone;
  if (summary.stopped && (signal == SIGINT || signal == SIGTERM)) return 128 + signal;
  return kFailed;
}

RunWatch::RunWatch(Console& console, Progress progress, Deadline by, bool step_documents)
    : console_(console),
      lines_(!step_documents && progress != Progress::none),
      line_on_terminal_(!step_documents && progress == Progress::automatic && console.err_is_terminal()),
      documents_(step_documents),
      by_(by),
      signals_([this] { report(); },
               [this](int signal) {
                 console_.err(fmt::format("gna: {}: stopping after the current step; once more stops at once\n",
                                          signal == SIGINT ? "SIGINT" : "SIGTERM"));
               }) {}

RunWatch::~RunWatch() = default;

bool RunWatch::timed_out() const { return std::chrono::steady_clock::now() >= by_; }

apply::Hooks RunWatch::hooks() {
  return {.started = [this](const plan::Step& step, std::size_t number, std::size_t of) { started(step, number, of); },
          .ended = [this](const apply::StepReport& done) { ended(done); },
          .stopping = [this] { return signals_.stopping() || timed_out(); }};
}

void RunWatch::started(const plan::Step& step, std::size_t number, std::size_t of) {
  std::string words = step_words(step);
  {
    const std::lock_guard lock(mutex_);
    current_ = words;
    number_ = number;
    of_ = of;
    since_ = std::chrono::steady_clock::now();
  }
  if (line_on_terminal_) console_.progress(fmt::format("[{}/{}] {}", number, of, words));
}

void RunWatch::ended(const apply::StepReport& told) {
  // Steps of a stage run together, so all may have begun before the first ends: what ends is counted here.
  auto done = told;
  {
    const std::lock_guard lock(mutex_);
    done.number = ++ended_;
  }
  log_step(done);
  if (documents_) console_.raw(apply_step_document(done, console_.masker()));
  if (lines_) console_.out(step_line(done) + "\n", words(done.outcome.result).colour);
  // Of what is done all the same, such as a unit without a file in an offline tree.
  if (done.outcome.result == Result::done && !done.outcome.note.empty()) console_.warn(done.outcome.note);
}

void RunWatch::report() {
  std::string line;
  {
    const std::lock_guard lock(mutex_);
    if (number_ == 0) {
      line = "gna: looking at the node, no step has begun\n";
    } else {
      const auto at_it =
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since_);
      line = fmt::format("gna: step {} of {}: {}, for {}\n", number_, of_, current_, duration_text(at_it));
    }
  }
  console_.err(line);
}

}  // namespace gna::cli
