// What PID 1 does for a new machine: the calls that bootstrap and provision run need.
#pragma once

#include <string>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::provision {

// Errors: Unavailable, NotFound (no such unit file), Conflict (masked), DeadlineExceeded.
class Services {
 public:
  virtual bool live() const = 0;  // false: an offline tree, where nothing runs
  virtual Result<void> reload(Deadline by) = 0;
  virtual Result<void> enable(const std::string& unit, Deadline by) = 0;
  virtual Result<void> disable(const std::string& unit, Deadline by) = 0;  // absent is fine
  virtual Result<bool> is_enabled(const std::string& unit, Deadline by) = 0;
  virtual Result<void> start(const std::string& unit, Deadline by) = 0;  // one that runs is left alone
  // Does not wait for it: it may be ordered after the unit that we run in.
  virtual Result<void> restart_soon(const std::string& unit, Deadline by) = 0;
  virtual ~Services() = default;
};

}  // namespace gna::provision
