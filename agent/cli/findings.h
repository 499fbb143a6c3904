// Reading an OSC that the user names, and saying what is wrong with it.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/console.h"
#include "agent/cli/documents.h"
#include "gna/osc/parse.h"

namespace gna::cli {

struct Checked {
  FileFindings report = {};
  std::string bytes = {};
  std::optional<osc::Document> document = {};  // if the report says valid
};

// Unreadable files are a finding like any other. `strict`: warnings count as errors.
Checked check_file(const std::string& name, bool strict);
// The same for bytes that were read already.
Checked check_bytes(const std::string& name, std::string bytes, bool strict);

// FILE:line:col: error: field: message [code], to standard output or to standard error.
void print_finding(Console& console, const std::string& file, const osc::Finding& finding, bool to_err);

}  // namespace gna::cli
