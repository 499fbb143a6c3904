#include "agent/cli/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/cli/text.h"

namespace gna::cli {
namespace {

using Json = nlohmann::ordered_json;  // fields in the order that documents them

Json document(const char* kind) { return {{"apiVersion", "cli.gna.dev/v1"}, {"kind", kind}}; }

void mask(Json& value, const Masker& masker) {
  if (value.is_string()) {
    value = masker.text(value.get_ref<const std::string&>());
  } else if (value.is_structured()) {
    for (auto& element : value) mask(element, masker);
  }
}

std::string finish(Json value, const Masker& masker) {
  mask(value, masker);
  // ensure_ascii: control characters and odd scripts arrive as \u escapes; bytes that are no UTF-8 are replaced.
  return value.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Json error_json(const Error& error) {
  return {{"code", to_string(error.code)}, {"message", error.message}, {"hint", error.hint}};
}

Json refused_json(const std::vector<plan::Refused>& refused) {
  auto out = Json::array();
  for (const auto& part : refused)
    out.push_back({{"field", part.field}, {"why", part.why}, {"alternative", part.alternative}});
  return out;
}

Json counts_json(const plan::Plan& plan) {
  const auto counts = count(plan);
  return {{"create", counts.create}, {"update", counts.update}, {"delete", counts.remove}, {"restart", counts.restart}};
}

Json summary_json(const char* kind, const apply::Summary& summary) {
  auto out = document(kind);
  out["checksum"] = summary.checksum;
  out["steps"] = summary.steps;
  out["done"] = summary.done;
  out["failed"] = summary.failed;
  out["pending"] = summary.pending;
  out["skipped"] = summary.skipped;
  out["tookMs"] = summary.took.count();
  out["resumed"] = summary.resumed;
  out["stopped"] = summary.stopped;
  out["complete"] = summary.complete();
  auto failures = Json::array();
  for (const auto& [step, error] : summary.failures)
    failures.push_back({{"id", step.id}, {"target", step.target}, {"error", error_json(error)}});
  out["failures"] = failures;
  return out;
}

}  // namespace

const char* result_name(backend::Outcome::Result result) {
  switch (result) {
    case backend::Outcome::Result::done: return "done";
    case backend::Outcome::Result::failed: return "failed";
    case backend::Outcome::Result::skipped: return "skipped";
    case backend::Outcome::Result::pending: return "pending";
  }
  return "failed";
}

bool Status::as_wanted() const {
  return drift.empty() && !interrupted && (!last_run || last_run->finished) &&
         std::ranges::all_of(pending, [](const auto& step) { return step.awaits_mirror; }) &&
         std::ranges::all_of(units, [](const auto& unit) { return unit.problem.empty(); });
}

DiffCounts count(const plan::Plan& plan) {
  DiffCounts out;
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps) switch (step.verb) {
        case plan::Verb::create: ++out.create; break;
        case plan::Verb::remove: ++out.remove; break;
        case plan::Verb::restart:
        case plan::Verb::start:
        case plan::Verb::stop: ++out.restart; break;
        case plan::Verb::update:
        case plan::Verb::enable:
        case plan::Verb::disable:
        case plan::Verb::patch:
        case plan::Verb::pull: ++out.update; break;
        case plan::Verb::reload: break;
      }
  return out;
}

std::string findings_document(const std::vector<FileFindings>& files, const Masker& masker) {
  auto out = document("Findings");
  auto list = Json::array();
  for (const auto& file : files) {
    auto findings = Json::array();
    for (const auto& finding : file.findings)
      findings.push_back({{"severity", finding.severity == osc::Severity::error ? "error" : "warning"},
                          {"line", finding.line},
                          {"column", finding.column},
                          {"field", finding.field},
                          {"code", finding.code},
                          {"message", finding.message}});
    list.push_back({{"file", file.file}, {"valid", file.valid}, {"findings", findings}});
  }
  out["files"] = list;
  return finish(out, masker);
}

std::string error_document(const Error& error, int exit_code, const Masker& masker) {
  auto out = document("Error");
  out["error"] = error_json(error);
  out["exitCode"] = exit_code;
  return finish(out, masker);
}

std::string diff_document(const std::string& backend, const plan::Plan& plan, const Masker& masker) {
  auto out = document("Diff");
  out["backend"] = backend;
  auto changes = Json::array();
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps)
      changes.push_back({{"id", step.id},
                         {"kind", to_string(step.kind)},
                         {"target", step.target},
                         {"action", to_string(step.verb)},
                         {"disruption", to_string(step.disruption)},
                         {"reason", step.reason}});
  out["changes"] = changes;
  out["refused"] = refused_json(plan.refused);
  out["summary"] = counts_json(plan);
  return finish(out, masker);
}

std::string apply_step_document(const apply::StepReport& report, const Masker& masker) {
  auto out = document("ApplyStep");
  out["id"] = report.step->id;
  out["number"] = report.number;
  out["of"] = report.of;
  // `kind` is the document's own.
  out["stepKind"] = to_string(report.step->kind);
  out["target"] = report.step->target;
  out["action"] = to_string(report.step->verb);
  out["result"] = result_name(report.outcome.result);
  out["tookMs"] = report.outcome.took.count();
  if (report.outcome.error) out["error"] = error_json(*report.outcome.error);
  if (!report.outcome.note.empty()) out["note"] = report.outcome.note;
  return finish(out, masker);
}

std::string apply_summary_document(const apply::Summary& summary, const plan::Plan* plan, const Masker& masker) {
  auto out = summary_json("ApplySummary", summary);
  out["agentRestart"] = summary.agent_restart_due;
  out["refused"] = refused_json(plan == nullptr ? std::vector<plan::Refused>{} : plan->refused);
  return finish(out, masker);
}

std::string reset_summary_document(const apply::Summary& summary, const std::vector<std::string>& not_restored,
                                   const Masker& masker) {
  auto out = summary_json("ResetSummary", summary);
  out["notRestored"] = not_restored;
  return finish(out, masker);
}

std::string status_document(const Status& status, const Masker& masker) {
  auto out = document("Status");
  if (status.applied)
    out["applied"] = {{"checksum", status.checksum},
                      {"time", status.time},
                      {"steps", status.last_run ? status.last_run->steps.size() : 0}};
  else
    out["applied"] = nullptr;
  if (status.last_run) {
    auto steps = Json::array();
    for (const auto& step : status.last_run->steps)
      steps.push_back({{"id", step.id}, {"result", step.result}, {"error", step.error}});
    out["lastRun"] = {{"checksum", status.last_run->checksum},
                      {"started", status.last_run->started},
                      {"tookMs", status.last_run->took_ms},
                      {"finished", status.last_run->finished},
                      {"steps", steps}};
  } else {
    out["lastRun"] = nullptr;
  }
  out["interrupted"] = status.interrupted;
  out["previous"] = status.has_previous;
  auto pending = Json::array();
  for (const auto& step : status.pending)
    pending.push_back({{"id", step.id}, {"reason", step.reason}, {"awaitsMirror", step.awaits_mirror}});
  out["pending"] = pending;
  auto drift = Json::array();
  for (const auto& item : status.drift)
    drift.push_back(
        {{"target", item.target}, {"kind", item.kind}, {"expected", item.expected}, {"actual", item.actual}});
  out["drift"] = drift;
  auto units = Json::array();
  for (const auto& unit : status.units)
    units.push_back({{"name", unit.name},
                     {"active", unit.active},
                     {"sub", unit.sub},
                     {"wanted", unit.wanted},
                     {"problem", unit.problem}});
  out["units"] = units;
  auto mirrors = Json::array();
  for (const auto& mirror : status.mirrors) {
    Json entry = {{"upstream", mirror.upstream}, {"host", mirror.host}};
    entry["reachable"] = mirror.reachable ? Json(*mirror.reachable) : Json(nullptr);
    entry["latencyMs"] = mirror.reachable.value_or(false) ? Json(mirror.latency_ms) : Json(nullptr);
    entry["error"] = mirror.error;
    mirrors.push_back(entry);
  }
  out["mirrors"] = mirrors;
  out["asWanted"] = status.as_wanted();
  return finish(out, masker);
}

std::string rendered_document(const Rendered& rendered, const Masker& masker) {
  auto out = document("Rendered");
  out["backend"] = rendered.backend;
  auto files = Json::array();
  for (const auto& file : rendered.files) {
    Json entry = {{"path", file.path}, {"mode", octal(file.mode)}};
    if (!file.sha256.empty()) entry["sha256"] = file.sha256;
    if (file.secret) entry["secret"] = true;
    if (file.image) entry["image"] = {{"reference", file.image->image}, {"path", file.image->path}};
    entry["from"] = file.from;
    files.push_back(entry);
  }
  out["files"] = files;
  auto units = Json::array();
  for (const auto& unit : rendered.units)
    units.push_back({{"name", unit.name}, {"enabled", unit.enabled}, {"run", unit.run}, {"from", unit.from}});
  out["units"] = units;
  auto registries = Json::array();
  for (const auto& registry : rendered.registries) {
    auto hosts = Json::array();
    for (const auto& host : registry.hosts)
      hosts.push_back({{"url", host.url},
                       {"capabilities", host.capabilities},
                       {"caCerts", host.ca_certs},
                       {"overridePath", host.override_path}});
    registries.push_back({{"upstream", registry.upstream},
                          {"server", registry.server ? Json(*registry.server) : Json(nullptr)},
                          {"readinessProbe", registry.readiness_probe},
                          {"hosts", hosts}});
  }
  out["registries"] = registries;
  auto documents = Json::array();
  for (const auto& document : rendered.documents) {
    Json entry = {{"kind", document.kind}, {"name", document.name}};
    if (document.secret)
      entry["secret"] = true;
    else
      entry["yaml"] = document.yaml;
    entry["from"] = document.from;
    documents.push_back(entry);
  }
  out["documents"] = documents;
  out["refused"] = refused_json(rendered.refused);
  return finish(out, masker);
}

std::string userdata_document(const UserdataReport& report, const Masker& masker) {
  auto out = document("Userdata");
  out["format"] = report.format;
  out["bytes"] = report.bytes;
  out["gzipBytes"] = report.gzip_bytes;
  out["limit"] = report.limit ? Json(*report.limit) : Json(nullptr);
  auto parts = Json::array();
  for (const auto& [path, bytes] : report.parts) parts.push_back({{"path", path}, {"bytes", bytes}});
  out["parts"] = parts;
  return finish(out, masker);
}

std::string version_document(const VersionInfo& info) {
  auto out = document("Version");
  out["version"] = info.version;
  out["commit"] = info.commit;
  out["backends"] = info.backends;
  auto protos = Json::object();
  for (const auto& [name, version] : info.protos) protos[name] = version;
  out["protos"] = protos;
  return finish(out, Masker::off());
}

}  // namespace gna::cli
