#include "agent/cli/findings.h"

#include <algorithm>

#include "agent/cli/input.h"
#include "agent/cli/text.h"

namespace gna::cli {

Checked check_bytes(const std::string& name, std::string bytes, bool strict) {
  Checked out;
  auto parsed = osc::parse(bytes);
  out.bytes = std::move(bytes);
  out.report.file = (name == "-" ? "<stdin>" : name) + (parsed.from_secret ? "#osc.yaml" : "");
  out.report.findings = std::move(parsed.findings);
  if (strict)
    for (auto& finding : out.report.findings) finding.severity = osc::Severity::error;
  const bool wrong = std::ranges::any_of(out.report.findings,
                                         [](const auto& finding) { return finding.severity == osc::Severity::error; });
  out.report.valid = parsed.ok() && !wrong;
  if (out.report.valid) out.document = std::move(parsed.document);
  return out;
}

Checked check_file(const std::string& name, bool strict) {
  auto bytes = read_input(name, osc::kMaxDocumentBytes);
  if (bytes) return check_bytes(name, std::move(*bytes), strict);
  Checked out;
  out.report.file = name == "-" ? "<stdin>" : name;
  out.report.findings.push_back({.code = "unreadable", .message = bytes.error().message});
  return out;
}

void print_finding(Console& console, const std::string& file, const osc::Finding& finding, bool to_err) {
  const bool error = finding.severity == osc::Severity::error;
  const auto line = printable(file) + ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column) + ": " +
                    (error ? "error: " : "warning: ") + (finding.field.empty() ? "" : printable(finding.field) + ": ") +
                    printable(finding.message) + " [" + finding.code + "]\n";
  const auto colour = error ? Colour::red : Colour::yellow;
  to_err ? console.err(line, colour) : console.out(line, colour);
}

}  // namespace gna::cli
