// Reading what the user names: a file, a fifo, standard input. Bounded, and never for ever.
#pragma once

#include <string>

#include "gna/base/result.h"

namespace gna::cli {

// The bytes of `name`, "-" being standard input.
//
// A directory, a name that cannot be opened, a fifo that nobody writes to, and anything larger
// than `limit_bytes` (a device that never ends) are errors.
// Errors: InvalidArgument, always: what the user gave cannot be read.
Result<std::string> read_input(const std::string& name, std::size_t limit_bytes);

}  // namespace gna::cli
