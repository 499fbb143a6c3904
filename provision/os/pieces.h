// The shell text that all script-based extensions share. Pure.
#pragma once

#include <string>
#include <string_view>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"

namespace gna::provision {

// head + files + units + tail + one line per unit that enables and restarts it, within the guard that lets
// all of it run once. `head` begins with its #! line.
//
// Errors: InvalidArgument: a path, or a text in an unquoted here-document, that a shell would change.
Result<std::string> once_script(std::string_view head, std::string_view tail, const osc::Osc& osc,
                                const osc::Secrets& secrets);

// The bytes of a file of a provision OSC.
Result<std::string> file_bytes(const osc::File& file, const osc::Secrets& secrets);

// A file of our own, in a quoted here-document.
std::string own_file(std::string_view path, std::string_view text);

}  // namespace gna::provision
