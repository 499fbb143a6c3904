// gna apply [FILE]
#include <unistd.h>

#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/preparation.h"
#include "agent/cli/steps.h"
#include "agent/cli/text.h"

namespace gna::cli {
namespace {

// A run may take as long as its images and jobs do; each of these has its own bound.
constexpr std::chrono::milliseconds kNoTimeout = std::chrono::hours(24);

int finish(Console& console, const apply::Summary& summary, const plan::Plan* plan, int signal, bool timed_out) {
  if (console.is_json()) console.raw(apply_summary_document(summary, plan, console.masker()));
  print_summary(console, summary, signal, timed_out);
  return exit_code(summary, signal);
}

int nothing_to_do(Console& console, const apply::Prepared& prepared) {
  return finish(console, {.checksum = prepared.checksum}, nullptr, 0, false);
}

// An active agent that has applied another OSC may take back what we do: gna's own leaves other runs alone, but a node
// has one who decides what it is.
Result<void> refuse_against_agent(Node& node, const apply::Prepared& prepared, Deadline by) {
  const auto& changes = prepared.loaded.changes;
  if (!changes || changes->checksum.empty() || changes->checksum == prepared.checksum) return {};
  GNA_LET(now, node.os->observe({.units = {kAgentUnit}}, by));
  const auto agent = now.units.find(kAgentUnit);
  if (agent == now.units.end() || agent->second.active != "active") return {};
  return fail(Code::Conflict,
              std::string(kAgentUnit) + " is active and has applied another OSC (checksum " +
                  printable(changes->checksum) + "): it may take back what this run does",
              "Stop it first (systemctl stop gardener-node-agent), or say --force.");
}

}  // namespace

int apply(const Options& options, Console& console) {
  if (options.dry_run) return diff(options, console);
  const auto by = deadline(options, kNoTimeout);
  if (!options.offline() && geteuid() != 0)
    return console.fail({.code = Code::PermissionDenied,
                         .message = "apply changes this machine, so it has to run as root",
                         .hint = "gna diff shows what it would do; --root DIR works on a tree of your own."},
                        kFailed);
  auto opened = open_node(options);
  if (!opened) return console.fail(opened.error(), exit_code(opened.error(), false));
  auto& node = **opened;

  auto source = find_source(options, console, node, false);
  if (!source) return source.exit_code;
  // The index knows the OSC's bytes; those of Secrets may be others than the last time.
  if (!source->name.empty() && !options.no_state && options.secrets.empty()) {
    auto known = node.pass->up_to_date(source->sha256, pass_options(options), by);
    if (known && *known) return nothing_to_do(console, **known);
  }
  auto document = parse_source(*source, console, false);
  if (!document) return document.exit_code;

  // Input that is wrong, or that this backend cannot express, touches nothing: not even to make the lock of
  // a node that never had one.
  RunWatch watch(console, options.progress, by, console.is_json());
  const auto locked_before = node.root.look(std::string(store::Store::kBase) + "/gna/lock", false);
  if (source->name.empty())
    if (const auto loaded = node.store.load()) answer_secrets_from_disk(node, document->osc, *loaded);
  OrExit<apply::Prepared> prepared;
  if (!locked_before || locked_before->kind == observed::FileKind::absent) {
    prepared = prepare(options, console, node, *document, *source, by, false);
    if (!prepared) return prepared.exit_code;
  }
  auto lock = node.store.lock();
  if (!lock) return console.fail(lock.error(), exit_code(lock.error(), false));
  if (!prepared || !lock->is_first()) {
    prepared = prepare(options, console, node, *document, *source, by, false);
    if (!prepared) return prepared.exit_code;
  }
  if (!options.offline() && !options.force)
    if (const auto free = refuse_against_agent(node, *prepared, by); !free)
      return console.fail(free.error(), exit_code(free.error(), false));

  say_warnings(console, *prepared);

  const auto summary = node.pass->execute(*prepared, pass_options(options), watch.hooks(), by);
  if (!summary) return console.fail(summary.error(), exit_code(summary.error(), false));
  const auto code = finish(console, *summary, &prepared->plan, watch.signal(), watch.timed_out());
  if (summary->agent_restart_due && !options.offline()) {
    // Everything is on record as done, and the lock is free for the agent that starts.
    {
      const auto released = std::move(*lock);
    }
    if (const auto restarted = restart_agent(by); !restarted)
      return console.fail(restarted.error().with("restart of " + std::string(kAgentUnit)), kFailed);
    console.out(std::string(kAgentUnit) + " was told to restart\n");
  }
  return code;
}

}  // namespace gna::cli
