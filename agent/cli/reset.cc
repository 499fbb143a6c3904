// gna reset
#include <fmt/core.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/steps.h"
#include "agent/cli/text.h"
#include "agent/cli/wiring.h"

namespace gna::cli {
namespace {

// Files that lay there before we wrote ours: what they were is not known any more.
std::vector<std::string> overwritten(const plan::Applied& applied) {
  std::vector<std::string> out;
  for (const auto& [path, file] : applied.files)
    if (file.overwrote) out.push_back(path);
  return out;
}

bool agreed(Console& console, const plan::Plan& plan) {
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps) console.err("  " + step_words(step) + "\n");
  console.err(fmt::format("Take back all of this ({})? [y/N] ", counted(plan.size(), "step")));
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int finish(Console& console, const apply::Summary& summary, const std::vector<std::string>& not_restored, int signal,
           bool timed_out) {
  if (console.is_json()) console.raw(reset_summary_document(summary, not_restored, console.masker()));
  if (summary.steps == 0 && summary.complete())
    console.out("nothing was applied on this node\n", Colour::green);
  else
    print_summary(console, summary, signal, timed_out);
  for (const auto& path : not_restored)
    console.out("not restored: " + path + " was there before and had been overwritten\n", Colour::yellow);
  return exit_code(summary, signal);
}

}  // namespace

int reset(const Options& options, Console& console) {
  const auto by = deadline(options, std::chrono::hours(24));
  if (!options.offline() && geteuid() != 0)
    return console.fail(
        {.code = Code::PermissionDenied, .message = "reset changes this machine, so it has to run as root"}, kFailed);
  const bool can_ask = isatty(STDIN_FILENO) == 1 && console.err_is_terminal();
  if (!options.yes && !can_ask)
    return console.fail(
        {.code = Code::InvalidArgument,
         .message = "reset takes everything back that was applied, and asks first: there is no terminal to ask on",
         .hint = "Say --yes."},
        kBadInput);
  auto opened = open_node(options);
  if (!opened) return console.fail(opened.error(), exit_code(opened.error(), false));
  auto& node = **opened;

  // Where nothing was ever applied not even the lock is made.
  const auto loaded = node.store.load();
  if (!loaded) return console.fail(loaded.error(), kFailed);
  const bool ever = loaded->manifest || !loaded->last_applied_bytes.empty() || loaded->changes || loaded->interrupted;
  if (!ever) return finish(console, {}, {}, 0, false);

  auto lock = node.store.lock();
  if (!lock) return console.fail(lock.error(), exit_code(lock.error(), false));
  const auto prepared = node.pass->prepare_reset(by);
  if (!prepared) return console.fail(prepared.error(), kFailed);
  for (const auto& warning : prepared->warnings) console.warn(warning);
  if (!options.yes && !agreed(console, prepared->plan)) {
    console.err("nothing was changed\n");
    return kFailed;
  }
  RunWatch watch(console, options.progress, by, false);
  const auto summary = node.pass->execute(*prepared, {}, watch.hooks(), by);
  if (!summary) return console.fail(summary.error(), kFailed);
  // Last, so that a reset that was cut short still knows what there is to take back.
  if (summary->complete())
    if (const auto forgotten = node.store.forget(); !forgotten) return console.fail(forgotten.error(), kFailed);
  return finish(console, *summary, overwritten(prepared->applied), watch.signal(), watch.timed_out());
}

}  // namespace gna::cli
