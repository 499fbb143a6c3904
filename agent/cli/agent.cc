// gna agent --config FILE | --config-dir DIR
//
// The half of the daemon that needs no cluster: it keeps the node as the OSC says that was applied last. What brings an
// OSC here is `gna apply`.
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <variant>

#include "agent/apply/records.h"
#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/input.h"
#include "agent/cli/log_sink.h"
#include "agent/cli/preparation.h"
#include "agent/cli/signals.h"
#include "agent/cli/steps.h"
#include "agent/cli/text.h"
#include "agent/config/config.h"
#include "gna/base/digest.h"
#include "gna/base/log.h"

namespace gna::cli {
namespace {

using Clock = std::chrono::steady_clock;
using log::Level;

// A look may repair: images and jobs have bounds of their own.
constexpr auto kPerLook = std::chrono::hours(1);
constexpr std::size_t kMostOfAConfig = 4u << 20;

Result<config::AgentConfig> load_config(const Options& options) {
  if (options.config_file.empty()) {
    GNA_LET(root, fs::RootFs::open(options.offline() ? options.root : "/"));
    return config::load(root, options.config_directory);
  }
  GNA_LET_AT(options.config_file, bytes, read_input(options.config_file, kMostOfAConfig));
  auto out = config::parse(bytes);
  if (!out) return std::unexpected(std::move(out).error().with(options.config_file));
  return out;
}

// Threads: run() on one; the signals' thread only wakes it.
class Keeper {
 public:
  Keeper(const Options& options, Console& console, std::chrono::milliseconds period)
      : options_(options),
        console_(console),
        period_(period),
        signals_([this] { tell_where_it_is(); }, [this](int) { wake(); }) {}

  void run() {
    while (!signals_.stopping() && look_after_the_node()) rest();
  }

 private:
  bool look_after_the_node();
  std::optional<apply::Prepared> look(Node& node, Deadline by);
  bool repair(Node& node, Deadline by);
  apply::Options how() const;
  void tell_what_is_found(const apply::Prepared& found);
  void tell_once(Level level, const char* id, const std::string& message);
  void tell_where_it_is();
  void is_at(std::string words);
  void rest();
  void wake();

  const Options& options_;
  Console& console_;
  const std::chrono::milliseconds period_;
  std::string told_ = {};  // what the last look said, so that one who waits does not repeat himself
  std::mutex mutex_;       // guards at_ and the rest between two looks
  std::string at_ = "starting";
  std::condition_variable woken_;
  Signals signals_;  // last: its thread uses the others
};

void Keeper::tell_once(Level level, const char* id, const std::string& message) {
  if (auto text = id + message; text != told_) {
    told_ = std::move(text);
    log::event(level, id, message);
  }
}

void Keeper::is_at(std::string words) {
  const std::lock_guard lock(mutex_);
  at_ = std::move(words);
}

void Keeper::tell_where_it_is() {
  std::string words;
  {
    const std::lock_guard lock(mutex_);
    words = at_;
  }
  console_.err("gna: " + words + "\n");
}

void Keeper::rest() {
  ::malloc_trim(0);  // a look takes megabytes, and a rest none
  std::unique_lock lock(mutex_);
  at_ = "waiting: looks at the node every " + duration_text(period_);
  woken_.wait_for(lock, period_, [&] { return signals_.stopping(); });
}

void Keeper::wake() {
  const std::lock_guard lock(mutex_);
  woken_.notify_all();
}

// What the backend cannot express was decided when the OSC was applied; what is in the way on the node keeps the rest
// from nothing.
apply::Options Keeper::how() const {
  auto out = pass_options(options_);
  out.allow_empty = true;
  out.allow_unsupported = true;
  return out;
}

// nullopt: there is nothing here to keep, or it cannot be said what; the log tells.
std::optional<apply::Prepared> Keeper::look(Node& node, Deadline by) {
  const auto loaded = node.store.load();
  if (!loaded) {
    tell_once(Level::error, "records-unreadable", loaded.error().message);
    return std::nullopt;
  }
  if (loaded->last_applied_bytes.empty()) {
    tell_once(Level::info, "nothing-applied", "no OSC has been applied on this node yet");
    return std::nullopt;
  }
  auto document = parse_last_applied(*loaded);
  if (!document) {
    tell_once(Level::error, "records-unreadable", document.error().message);
    return std::nullopt;
  }
  // Taking the node back to the OSC before would undo what somebody is about to do.
  if (loaded->changes && !loaded->changes->checksum.empty() && loaded->changes->checksum != document->checksum) {
    tell_once(Level::warn, "other-run-not-ended",
              "a run of another OSC is at work, or was cut short and gna apply FILE resumes it: nothing is repaired");
    return std::nullopt;
  }
  answer_secrets_from_disk(node, document->osc, *loaded);
  auto prepared = node.pass->prepare(*document, sha256_hex(loaded->last_applied_bytes), how(), by);
  if (!prepared) {
    tell_once(Level::error, "look-failed", prepared.error().message);
    return std::nullopt;
  }
  return std::move(*prepared);
}

// false: the agent's own restart is due.
bool Keeper::repair(Node& node, Deadline by) {
  // Without the lock until here, so that a look is in nobody's way.
  auto lock = node.store.lock();
  if (!lock) {
    tell_once(Level::info, "lock-held", lock.error().message);
    return true;
  }
  const auto found = look(node, by);
  if (!found || apply::nothing_to_do(*found)) return true;
  for (const auto& warning : found->warnings) log::event(Level::warn, "warning", warning);
  const apply::Hooks hooks{
      .started = [this](const plan::Step& step, std::size_t number,
                        std::size_t of) { is_at(fmt::format("step {} of {}: {}", number, of, step_words(step))); },
      .ended = log_step,
      .stopping = [this] { return signals_.stopping(); }};
  const auto summary = node.pass->execute(*found, how(), hooks, by);
  if (!summary) {
    log::event(Level::error, "repair-failed", summary.error().message);
    return true;
  }
  for (const auto& [step, error] : summary->failures)
    log::event(Level::error, "step-failed", step_words(step), {{"step", step.id}, {"error", error.message}});
  if (const auto done = fmt::format("{} of {} done", summary->done, counted(summary->steps, "step"));
      !summary->complete())
    log::event(Level::warn, "repair-not-complete", done);
  else if (summary->done > 0)
    log::event(Level::info, "repaired", done, {{"took_ms", std::to_string(summary->took.count())}});
  if (summary->pending > 0) tell_once(Level::info, "mirrors-awaited", "no mirror has answered yet");
  return !summary->agent_restart_due;
}

void Keeper::tell_what_is_found(const apply::Prepared& found) {
  bool in_the_way = false, drifted = false;
  for (const auto& part : found.plan.refused) {
    if (part.code != Code::Conflict) continue;
    in_the_way = true;
    tell_once(Level::error, "in-the-way", part.field + ": " + part.why + ": " + part.alternative);
  }
  for (const auto& stage : found.plan.stages)
    for (const auto& step : stage.steps) {
      if (std::holds_alternative<plan::AwaitMirror>(step.action))
        continue;  // it may be up to a workload of this cluster
      drifted = true;
      log::event(Level::warn, "drift", step_words(step), {{"step", step.id}, {"reason", step.reason}});
    }
  if (drifted)
    told_.clear();
  else if (!in_the_way && found.plan.empty())
    tell_once(Level::info, "as-wanted", "the node is as its OSC says");
}

bool Keeper::look_after_the_node() {
  is_at("looking at the node");
  const auto by = Clock::now() + kPerLook;
  auto node = open_node(options_);
  if (!node) {
    tell_once(Level::error, "look-failed", node.error().message);
    return true;
  }
  const auto found = look(**node, by);
  if (!found) return true;
  tell_what_is_found(*found);
  if (apply::nothing_to_do(*found) || options_.drift == Drift::report || signals_.stopping()) return true;
  return repair(**node, by);
}

}  // namespace

int agent(const Options& options, Console& console) {
  if (!options.offline() && geteuid() != 0)
    return console.fail({.code = Code::PermissionDenied,
                         .message = "the agent keeps this machine, so it has to run as root",
                         .hint = "--root DIR works on a tree of your own."},
                        kFailed);
  const auto config = load_config(options);
  if (!config) return console.fail(config.error(), exit_code(config.error(), false));
  set_up_logs(options.log_format.empty() ? config->log_format : options.log_format,
              options.log_level.empty() ? config->log_level : options.log_level, console);
  log::event(Level::info, "started", "Starting gardener-node-agent",
             {{"sync_period", duration_text(config->sync_period)},
              {"drift", options.drift == Drift::report ? "report" : "repair"}});
  log::event(Level::warn, "cluster-not-followed",
             "this version keeps what gna apply has applied; it takes no OSC from the cluster");
  Keeper(options, console, config->sync_period).run();
  // Also when its own restart is due: its service has Restart=always.
  log::event(Level::info, "stopped", "gardener-node-agent stops");
  return kDone;
}

}  // namespace gna::cli
