// What diff, apply and status do before anything is changed: which OSC, is it good, what would have to be done.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/console.h"
#include "agent/cli/options.h"
#include "agent/cli/wiring.h"
#include "gna/apply/pass.h"
#include "gna/osc/parse.h"

namespace gna::cli {

// The OSC that a command is about.
struct Source {
  std::string bytes = {};
  std::string sha256 = {};
  std::string name = {};      // of FILE; empty: from the node's own records
  std::string checksum = {};  // that the records know it by; empty: the document tells
};

// An exit code instead of a value: everything there is to say has been said.
template <typename T>
struct OrExit {
  std::optional<T> value = {};
  int exit_code = 0;
  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  T* operator->() { return &*value; }
};

// FILE, --previous, or without both what was applied last.
OrExit<Source> find_source(const Options& options, Console& console, Node& node, bool asking);

// Parses; prints the findings to standard error (errors as a Findings document in JSON mode).
// `asking`: the command only wants to know, so that records which cannot be read end it with kUnknown.
OrExit<osc::Document> parse_source(const Source& source, Console& console, bool asking);

apply::Options pass_options(const Options& options);

// Runs Pass::prepare. Refused parts are listed and end it, unless they are allowed: exit 3, or 1 (`asking`: 4) if
// something on the node is in the way.
OrExit<apply::Prepared> prepare(const Options& options, Console& console, Node& node, const osc::Document& document,
                                const Source& source, Deadline by, bool asking);

// What a person should know before it is done or shown: warnings, and the parts that are left out.
void say_warnings(Console& console, const apply::Prepared& prepared);

// The OSC in last-applied-osc.yaml, with the checksum that it was applied under.
// Errors: Corrupt.
Result<osc::Document> parse_last_applied(const store::Loaded& loaded);

// Lets secretRef files that were written before be compared without their Secret: the file's own bytes
// stand for the Secret's, as long as they have the SHA-256 on record.
void answer_secrets_from_disk(Node& node, const osc::Osc& osc, const store::Loaded& loaded);

}  // namespace gna::cli
