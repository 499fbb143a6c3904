// The D-Bus border: foreign names and words become codes here and nowhere else.
#pragma once

#include <string_view>

#include "gna/base/result.h"

namespace gna::systemd {

// A D-Bus error name; "System.Error.E…" (systemd's errnos) is answered with `error_number`.
// Source: bus-common-errors.h, the D-Bus specification.
Code code_of_dbus_error(std::string_view name, int error_number = 0);

// Whether the error says that nobody was there to ask, as while systemd is re-executed.
bool means_absence(std::string_view dbus_error);

// The word in JobRemoved other than "done".
// Source: org.freedesktop.systemd1(5), JobRemoved.
Code code_of_job_result(std::string_view result);

}  // namespace gna::systemd
