#include "agent/cli/drift.h"

#include "agent/cli/text.h"
#include "gna/base/digest.h"

namespace gna::cli {
namespace {

std::string describe(const observed::File& file, const Masker* secret) {
  switch (file.kind) {
    case observed::FileKind::absent: return "absent";
    case observed::FileKind::directory: return "a directory";
    case observed::FileKind::symlink: return "a symlink";
    case observed::FileKind::other: return "no regular file";
    case observed::FileKind::regular: break;
  }
  const auto hash = secret != nullptr ? secret->mark(file.sha256) : "sha256 " + file.sha256.substr(0, 12);
  return "mode " + octal(file.mode) + ", " + hash;
}

std::string describe(const observed::Unit& unit) {
  if (unit.active.empty()) return "unknown";
  return unit.sub.empty() ? unit.active : unit.active + " (" + unit.sub + ")";
}

}  // namespace

std::string unit_problem(const observed::Unit& now, const desired::Unit& wanted) {
  if (now.load.empty()) return {};  // an offline tree: nobody to ask
  if (wanted.run == desired::Run::stop || !wanted.expected) return {};
  if (wanted.run == desired::Run::stopped) return now.active == "active" ? "active but should be stopped" : "";
  if (now.load == "not-found") return "not found";
  if (now.load == "masked") return "masked";
  if (now.active == "failed") return "failed";
  if (now.active == "activating" && now.sub == "auto-restart") return "fails and is started again and again";
  if (now.active == "inactive" && !now.job_queued) {
    const bool done = now.sub == "dead" && now.type == "oneshot";
    if (!done && !now.triggered) return "inactive but should run";
  }
  return {};
}

std::optional<StatusDrift> drift_of(const plan::Step& step, const observed::State& now, const LookAt& look,
                                    const Masker& masker) {
  StatusDrift out{.target = step.target, .kind = std::string(to_string(step.kind))};
  const auto* secret = step.secret ? &masker : nullptr;
  if (const auto* write = std::get_if<plan::WriteFile>(&step.action)) {
    out.expected = describe(
        {.kind = observed::FileKind::regular, .mode = write->mode, .sha256 = sha256_hex(write->bytes)}, secret);
    out.actual = describe(look(write->path), secret);
  } else if (const auto* copy = std::get_if<plan::CopyFromImage>(&step.action)) {
    out.expected = "mode " + octal(copy->mode) + ", " + copy->source.path + " of " + copy->source.image;
    out.actual = describe(look(copy->path), secret);
  } else if (const auto* remove = std::get_if<plan::DeleteFile>(&step.action)) {
    out.expected = "absent";
    out.actual = describe(look(remove->path), secret);
  } else if (const auto* directory = std::get_if<plan::MakeDirectory>(&step.action)) {
    out.expected = "a directory";
    out.actual = describe(look(directory->path), nullptr);
  } else if (const auto* clear = std::get_if<plan::ClearTheWay>(&step.action)) {
    out.expected = "out of the way";
    out.actual = describe(look(clear->path), nullptr);
  } else if (const auto* enable = std::get_if<plan::SetEnablement>(&step.action)) {
    const auto unit = now.units.find(enable->unit);
    out.expected = enable->enabled ? "enabled" : "disabled";
    out.actual = unit == now.units.end() || unit->second.enablement.empty() ? "unknown" : unit->second.enablement;
  } else if (const auto* job = std::get_if<plan::RunJob>(&step.action)) {
    const auto unit = now.units.find(job->unit);
    out.expected = job->job == plan::Job::stop ? "stopped" : job->job == plan::Job::start ? "running" : "restarted";
    out.actual = unit == now.units.end() ? "unknown" : describe(unit->second);
  } else if (std::holds_alternative<plan::RetireUnit>(step.action)) {
    out.expected = "absent";
    out.actual = "present";
  } else if (std::holds_alternative<plan::ReloadManager>(step.action)) {
    out.expected = "reloaded";
    out.actual = "changed since it was loaded";
  } else {
    return std::nullopt;  // a mirror that is waited for is pending, and has not drifted
  }
  return out;
}

}  // namespace gna::cli
