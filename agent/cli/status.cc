// gna status
#include "agent/cli/drift.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/preparation.h"
#include "agent/cli/steps.h"
#include "agent/cli/text.h"
#include "gna/base/digest.h"

namespace gna::cli {
namespace {

std::string wanted_words(const desired::Unit& unit) {
  switch (unit.run) {
    case desired::Run::running: return unit.expected ? "running" : "any";
    case desired::Run::stopped: return "stopped";
    case desired::Run::stop: return "any";
  }
  return "any";
}

void ask_mirrors(Status& out, Node& node, const apply::Prepared& prepared, Deadline by) {
  auto every = prepared.wanted;
  for (auto& [upstream, registry] : every.registries) registry.readiness_probe = true;  // ask all, not only probed ones
  std::map<std::string, observed::Mirror> answers;
  if (prepared.facts.live) {
    const backend::Scope questions{.mirrors = backend::Scope::of(every).mirrors};
    if (auto seen = node.os->observe(questions, by)) answers = std::move(seen->mirrors);
  }
  for (const auto& [upstream, registry] : every.registries)
    for (const auto& host : registry.hosts) {
      StatusMirror mirror{.upstream = upstream, .host = host.url};
      if (const auto answer = answers.find(observed::mirror_key(upstream, host.url)); answer != answers.end()) {
        mirror.reachable = answer->second.reachable;
        mirror.latency_ms = answer->second.latency.count();
        mirror.error = answer->second.error;
      }
      out.mirrors.push_back(std::move(mirror));
    }
}

Status gather(Node& node, const store::Loaded& loaded, const apply::Prepared& prepared, const Masker& masker,
              Deadline by) {
  Status out{.applied = true,
             .checksum = prepared.checksum,
             .last_run = loaded.last_run,
             .interrupted = loaded.interrupted,
             .has_previous = node.store.load_previous().has_value()};
  if (loaded.last_run) out.time = loaded.last_run->started;

  std::set<std::string> unfinished;
  if (loaded.last_run)
    for (const auto& step : loaded.last_run->steps)
      if (step.result != "done") unfinished.insert(step.id);
  const auto look = [&](const std::string& path) {
    auto seen = node.root.look(path, true);
    return seen ? *seen : observed::File{};
  };
  for (const auto& stage : prepared.plan.stages)
    for (const auto& step : stage.steps) {
      const bool awaits = std::holds_alternative<plan::AwaitMirror>(step.action);
      if (awaits || unfinished.contains(step.id)) {
        if (std::ranges::find(out.pending, step.id, &StatusPending::id) == out.pending.end())
          out.pending.push_back({.id = step.id, .reason = step.reason, .awaits_mirror = awaits});
      } else if (auto drift = drift_of(step, prepared.now, look, masker)) {
        out.drift.push_back(std::move(*drift));
      }
    }
  // What apply cannot even begin with has drifted far; today that is containerd's config.toml alone.
  for (const auto& part : prepared.plan.refused)
    if (part.code == Code::Conflict)
      out.drift.push_back({.target = part.field,
                           .kind = std::string(to_string(plan::Kind::containerdConfig)),
                           .expected = "as the OSC says",
                           .actual = part.why});
  for (const auto& [name, unit] : prepared.wanted.units) {
    StatusUnit row{.name = name, .wanted = wanted_words(unit)};
    if (const auto seen = prepared.now.units.find(name); seen != prepared.now.units.end()) {
      row.active = seen->second.active;
      row.sub = seen->second.sub;
      row.problem = unit_problem(seen->second, unit);
    }
    out.units.push_back(std::move(row));
  }
  ask_mirrors(out, node, prepared, by);
  return out;
}

void print_mirrors(Console& console, const Status& status) {
  if (status.mirrors.empty()) return;
  console.out("\nmirrors:\n", Colour::bold);
  for (const auto& mirror : status.mirrors) {
    const auto answer = !mirror.reachable ? std::string("not asked")
                        : *mirror.reachable
                            ? "answers in " + duration_text(std::chrono::milliseconds(mirror.latency_ms))
                            : "does not answer" + (mirror.error.empty() ? "" : ": " + mirror.error);
    console.out(fmt::format("  {}  {}  {}\n", mirror.upstream, mirror.host, answer),
                mirror.reachable.value_or(true) ? Colour::none : Colour::yellow);
  }
}

void print_last_run(Console& console, const store::LastRun& run) {
  const auto bad = std::ranges::count_if(run.steps, [](const auto& step) { return step.result == "failed"; });
  console.out(fmt::format("last run: {}{} in {}{}\n", counted(run.steps.size(), "step"),
                          bad > 0 ? fmt::format(", {} failed", bad) : "",
                          duration_text(std::chrono::milliseconds(run.took_ms)), run.finished ? "" : ", not complete"),
              bad > 0 ? Colour::red : Colour::none);
  for (const auto& step : run.steps)
    if (!step.error.empty()) console.out("  " + step.id + ": " + step.error + "\n", Colour::red);
}

void print(Console& console, const Status& status) {
  console.out("applied: " + status.checksum + (status.time.empty() ? "" : ", last run " + status.time) + "\n");
  if (status.last_run) print_last_run(console, *status.last_run);
  if (status.interrupted)
    console.out("a run has not ended: it is at work, or was cut short and gna apply resumes it\n", Colour::yellow);
  if (status.has_previous) console.out("way back: gna diff --previous shows it, gna apply --previous makes it\n");

  if (!status.pending.empty()) console.out("\npending:\n", Colour::bold);
  for (const auto& step : status.pending) console.out("  " + step.id + "  (" + step.reason + ")\n", Colour::yellow);
  if (!status.drift.empty()) console.out("\ndrift:\n", Colour::bold);
  for (const auto& item : status.drift)
    console.out(fmt::format("  {} {}: {}; should be {}\n", item.kind, item.target, item.actual, item.expected),
                Colour::red);

  if (!status.units.empty()) {
    const bool asked = std::ranges::any_of(status.units, [](const auto& unit) { return !unit.active.empty(); });
    const auto good = std::ranges::count_if(status.units, [](const auto& unit) { return unit.problem.empty(); });
    console.out(asked ? fmt::format("\nunits: {} of {} as wanted\n", good, status.units.size())
                      : fmt::format("\nunits: {} (nobody to ask how they are)\n", status.units.size()),
                Colour::bold);
    if (asked)
      for (const auto& unit : status.units) {
        const auto state = unit.sub.empty() ? unit.active : unit.active + " (" + unit.sub + ")";
        console.out(unit.problem.empty() ? fmt::format("  {:<40} {}\n", unit.name, state)
                                         : fmt::format("  {:<40} {:<24} {}\n", unit.name, state, unit.problem),
                    unit.problem.empty() ? Colour::none : Colour::red);
      }
  }
  print_mirrors(console, status);
  console.out(status.as_wanted() ? "\nall as wanted\n" : "\nnot as wanted: gna diff shows more, gna apply repairs\n",
              status.as_wanted() ? Colour::green : Colour::red);
}

int report(Console& console, const Status& status) {
  if (console.is_json()) console.raw(status_document(status, console.masker()));
  if (!status.applied && !status.interrupted) {
    console.out("nothing was ever applied on this node\n");
  } else if (!status.applied) {
    console.out(
        "nothing was applied wholly yet: the first run is at work, or was cut short and gna apply FILE resumes it\n",
        Colour::yellow);
    if (status.last_run) print_last_run(console, *status.last_run);
  } else {
    print(console, status);
  }
  return status.as_wanted() ? kDone : kFailed;
}

}  // namespace

int status(const Options& options, Console& console) {
  const auto by = deadline(options, std::chrono::minutes(2));
  auto opened = open_node(options);
  if (!opened) return console.fail(opened.error(), exit_code(opened.error(), true));
  auto& node = **opened;
  const auto loaded = node.store.load();
  if (!loaded) return console.fail(loaded.error(), kUnknown);
  if (loaded->last_applied_bytes.empty())
    return report(console, {.last_run = loaded->last_run,
                            // The Go agent's first run, too, leaves a changes file before all else.
                            .interrupted = loaded->interrupted || loaded->changes ||
                                           (loaded->manifest && !loaded->manifest->empty())});

  auto document = parse_last_applied(*loaded);
  if (!document) return console.fail(document.error(), kUnknown);
  answer_secrets_from_disk(node, document->osc, *loaded);
  apply::Options pass{.allow_empty = true, .allow_unsupported = true, .host_name = options.host_name};
  const auto prepared = node.pass->prepare(*document, sha256_hex(loaded->last_applied_bytes), pass, by);
  if (!prepared) return console.fail(prepared.error(), kUnknown);
  return report(console, gather(node, *loaded, *prepared, console.masker(), by));
}

}  // namespace gna::cli
