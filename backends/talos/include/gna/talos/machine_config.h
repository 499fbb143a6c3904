// What an OSC becomes on Talos: documents of the machine configuration. Pure.
//
// Talos has neither units nor a writable root: what an OSC says by a path or a unit it says by
// typed documents, and the rest nobody can say. That rest is listed, never dropped in silence;
// only what Talos brings along by itself (containerd, the kubelet's service) and what runs
// elsewhere there (the node agent) goes without a word.
//
// Source: Talos v1.14, machine configuration reference. Older releases lack documents: those
//   are refused, each with the release that has it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/plan/plan.h"

namespace gna::talos {

struct Document {
  std::string kind = {};
  std::string name = {};            // empty: the only one of its kind
  std::string yaml = {};            // without its `---`; ends with a newline
  bool secret = false;              // never show its bytes
  std::set<std::string> from = {};  // fields of the OSC: "spec.files[3]"
  bool operator==(const Document&) const = default;
};

struct Documents {
  std::vector<Document> documents = {};  // by kind, then by name
  std::vector<plan::Refused> refused = {};
};

// `facts.os_version` is that of Talos; unknown: 1.14 or later.
//
// Threads: pure; call it from anywhere.
Documents machine_documents(const desired::State& wanted, const desired::Facts& facts);

// As one YAML stream.
std::string to_stream(const std::vector<Document>& documents);

}  // namespace gna::talos
