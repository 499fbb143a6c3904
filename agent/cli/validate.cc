// gna validate FILE...
#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/findings.h"
#include "agent/cli/text.h"

namespace gna::cli {

int validate(const Options& options, Console& console) {
  std::vector<FileFindings> all;
  bool good = true;
  for (const auto& name : options.files) {
    auto checked = check_file(name, options.strict).report;
    good = good && checked.valid;
    for (const auto& finding : checked.findings) print_finding(console, checked.file, finding, false);
    const auto warnings = checked.findings.size();
    if (checked.valid && warnings == 0) console.out(checked.file + ": valid\n", Colour::green);
    if (checked.valid && warnings > 0)
      console.out(checked.file + ": valid, with " + counted(warnings, "warning") + "\n", Colour::green);
    if (console.is_json()) all.push_back(std::move(checked));
  }
  if (console.is_json()) console.raw(findings_document(all, console.masker()));
  return good ? kDone : kBadInput;
}

}  // namespace gna::cli
