// When a call that can wait has to be back.
#pragma once

#include <chrono>

namespace gna {

using Deadline = std::chrono::steady_clock::time_point;

}  // namespace gna
