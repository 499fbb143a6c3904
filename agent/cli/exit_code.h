// What the process leaves with. People script against these numbers.
#pragma once

#include <algorithm>
#include <vector>

#include "gna/base/result.h"
#include "gna/plan/plan.h"

namespace gna::cli {

enum ExitCode : int {
  kDone = 0,           // warnings alone included; diff: nothing to do; status: all as wanted
  kFailed = 1,         // a step or the surroundings failed; diff: there are differences; status: drift
  kBadInput = 2,       // input or usage: nothing was touched
  kInexpressible = 3,  // the backend cannot express part of the OSC: nothing was touched
  kUnknown = 4,        // diff, status: could not find out
};

// `asking`: the command only wanted to know (diff, status), so that failing surroundings mean
// "could not find out" and not "failed".
inline ExitCode exit_code(const Error& error, bool asking) {
  if (error.code == Code::InvalidArgument) return kBadInput;
  if (error.code == Code::Unsupported) return kInexpressible;
  return asking ? kUnknown : kFailed;
}

// Of what was refused: parts that the backend cannot express, or, where there are none, parts that something on
// the node is in the way of.
inline ExitCode exit_code(const std::vector<plan::Refused>& refused, bool asking) {
  const auto inexpressible = [](const plan::Refused& part) { return part.code == Code::Unsupported; };
  if (std::ranges::any_of(refused, inexpressible)) return kInexpressible;
  return asking ? kUnknown : kFailed;
}

}  // namespace gna::cli
