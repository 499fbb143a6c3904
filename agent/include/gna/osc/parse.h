// Bytes to an Osc, or findings that say where.
//
// After parse() nobody checks again: every path is absolute, clean and below the
// root, every unit name, drop-in name and upstream is safe as a file name,
// permissions fit into 0777, base64 decodes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/osc/osc.h"

namespace gna::osc {

enum class Severity { error, warning };

struct Finding {
  Severity severity = Severity::error;
  int line = 1;              // from 1, in the inner document if it came out of a Secret
  int column = 1;            // from 1, in bytes
  std::string field = {};    // "spec.files[3].content.inline.data"; empty: the whole document
  std::string code = {};     // stable, for machines: "required", "duplicate", "not-base64", ...
  std::string message = {};  // for a person; no raw control characters, never the value of a secret
  bool operator==(const Finding&) const = default;
};

// Where the document came from, so far as the bytes tell.
struct Origin {
  bool secret = false;  // a Kubernetes Secret, key osc.yaml
  std::string secret_name = {};
  bool serial = false;  // annotation reconciliation.osc.node-agent.gardener.cloud/serial
  bool operator==(const Origin&) const = default;
};

struct Document {
  Osc osc = {};
  // What the Go agent calls the checksum: the Secret's annotation checksum/data-script
  // as it stands there, else the SHA-256 of the OSC's bytes.
  std::string checksum = {};
  Origin origin = {};
};

struct Parsed {
  std::optional<Document> document = {};  // only without findings of severity error
  std::vector<Finding> findings = {};     // in document order; at most 100, then one that says so
  bool from_secret = false;               // findings are then about FILE#osc.yaml
  bool ok() const { return document.has_value(); }
};

inline constexpr std::size_t kMaxDocumentBytes = 4 * 1024 * 1024;

// YAML or JSON; an OSC, or a Secret that holds one under osc.yaml (data or stringData).
// Bounds (4 MiB, depth 64, 100,000 nodes, aliases) are checked before a tree is built.
//
// Threads: pure; call it from anywhere.
// Source:  validation rules of gardener pkg/api/extensions/validation (severities are ours,
//          tests/testdata/osc/bad/README.md), codec rules of pkg/nodeagent/codec.go.
Parsed parse(std::string_view bytes);

// For documents that a node agent wrote itself (last-applied-osc.yaml): only what has to
// hold for render() to be safe counts as an error.
Parsed parse_applied(std::string_view bytes);

}  // namespace gna::osc
