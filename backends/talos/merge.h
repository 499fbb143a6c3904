// Our documents put into the machine configuration of a node. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/talos/stream.h"
#include "gna/base/result.h"
#include "gna/plan/plan.h"
#include "gna/talos/machine_config.h"

namespace gna::talos {

struct Merged {
  std::string text = {};
  // By "kind name"; all empty: `text` is the observed one.
  std::set<std::string> added = {};
  std::set<std::string> replaced = {};
  std::set<std::string> removed = {};
  std::set<std::string> kinds = {};     // of those
  std::set<DocumentKey> left_out = {};  // wanted ones that have no place: see `refused`
  std::vector<plan::Refused> refused = {};

  bool changed() const { return !kinds.empty(); }
};

// Documents that are neither wanted, nor marked as ours, nor in `going` keep their bytes and
// their place; new ones come last.
//
// Errors: InvalidArgument, if `observed` is no machine configuration.
Result<Merged> merge(std::string_view observed, const std::vector<Document>& wanted,
                     const std::set<DocumentKey>& going);

}  // namespace gna::talos
