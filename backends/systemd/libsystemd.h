// libsystemd, loaded when the first call needs it.
//
// It brings half a dozen libraries of its own along, and `gna validate` must not pay for
// them: so the program is not linked against it, and this table is filled by dlopen.
// Nothing in it may be newer than LIBSYSTEMD_249 (Ubuntu 22.04); a test looks.
#pragma once

#include <systemd/sd-bus.h>

#include <string_view>
#include <vector>

#include "gna/base/result.h"

#define GNA_LIBSYSTEMD_SYMBOLS(X)   \
  X(sd_bus_call_async)              \
  X(sd_bus_close_unref)             \
  X(sd_bus_error_get_errno)         \
  X(sd_bus_is_open)                 \
  X(sd_bus_is_ready)                \
  X(sd_bus_match_signal_async)      \
  X(sd_bus_message_append)          \
  X(sd_bus_message_append_strv)     \
  X(sd_bus_message_enter_container) \
  X(sd_bus_message_exit_container)  \
  X(sd_bus_message_get_error)       \
  X(sd_bus_message_new_method_call) \
  X(sd_bus_message_read)            \
  X(sd_bus_message_read_array)      \
  X(sd_bus_message_set_auto_start)  \
  X(sd_bus_message_unref)           \
  X(sd_bus_new)                     \
  X(sd_bus_open_system)             \
  X(sd_bus_process)                 \
  X(sd_bus_set_address)             \
  X(sd_bus_set_bus_client)          \
  X(sd_bus_slot_unref)              \
  X(sd_bus_start)                   \
  X(sd_bus_wait)

namespace gna::systemd {

struct Libsystemd {
#define GNA_LIBSYSTEMD_MEMBER(name) decltype(&::name) name = nullptr;
  GNA_LIBSYSTEMD_SYMBOLS(GNA_LIBSYSTEMD_MEMBER)
#undef GNA_LIBSYSTEMD_MEMBER
};

// Errors: Unsupported, if libsystemd.so.0 is missing or too old.
// Threads: from any.
Result<const Libsystemd*> libsystemd();

// The names in the table.
std::vector<std::string_view> libsystemd_symbols();

}  // namespace gna::systemd
