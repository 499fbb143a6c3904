// What a person sees of a run while it runs.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

#include "agent/cli/console.h"
#include "agent/cli/signals.h"
#include "gna/apply/pass.h"

namespace gna::cli {

// "restart unit kubelet.service", "create file /etc/x".
std::string step_words(const plan::Step& step);

// " 3/40  done     create file /etc/x  (12 ms)", without a line feed.
std::string step_line(const apply::StepReport& report);

// The event of a step that has ended.
void log_step(const apply::StepReport& report);

// Counts, failures with their hints, and how to go on: the text at the end of a run.
void print_summary(Console& console, const apply::Summary& summary, int signal, bool timed_out);

// The exit code of a run that began.
int exit_code(const apply::Summary& summary, int signal);

// Shows each step as it ends, and on a terminal the one that runs. Between its construction and its end
// signals are heeded: see Signals.
class RunWatch {
 public:
  // `by`: --timeout. With `step_documents` each step is a JSON object on a line of its own.
  RunWatch(Console& console, Progress progress, Deadline by, bool step_documents);
  ~RunWatch();

  apply::Hooks hooks();
  int signal() const { return signals_.received(); }
  bool timed_out() const;

 private:
  void started(const plan::Step& step, std::size_t number, std::size_t of);
  void ended(const apply::StepReport& report);
  void report();

  Console& console_;
  const bool lines_, line_on_terminal_, documents_;
  const Deadline by_;
  std::mutex mutex_;  // guards what follows: steps are told by the applier, report() runs on the signals' thread
  std::string current_ = {};
  std::size_t number_ = 0, of_ = 0, ended_ = 0;
  std::chrono::steady_clock::time_point since_ = {};
  Signals signals_;
};

}  // namespace gna::cli
