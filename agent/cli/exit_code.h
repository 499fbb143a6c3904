// What the process leaves with. People script against these numbers.
#pragma once

#include "gna/base/result.h"

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

}  // namespace gna::cli
