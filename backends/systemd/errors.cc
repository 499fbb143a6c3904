#include "backends/systemd/errors.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gna::systemd {

namespace {

using Row = std::pair<std::string_view, Code>;

constexpr std::array kDbusErrors = {
    Row{"org.freedesktop.DBus.Error.InvalidArgs", Code::InvalidArgument},
    Row{"org.freedesktop.DBus.Error.InvalidSignature", Code::InvalidArgument},
    Row{"org.freedesktop.systemd1.BadUnitSetting", Code::InvalidArgument},
    Row{"org.freedesktop.systemd1.JobTypeNotApplicable", Code::InvalidArgument},
    Row{"org.freedesktop.systemd1.OnlyByDependency", Code::InvalidArgument},

    Row{"org.freedesktop.DBus.Error.FileNotFound", Code::NotFound},
    Row{"org.freedesktop.DBus.Error.UnknownObject", Code::NotFound},
    Row{"org.freedesktop.systemd1.NoSuchJob", Code::NotFound},
    Row{"org.freedesktop.systemd1.NoSuchUnit", Code::NotFound},

    Row{"org.freedesktop.DBus.Error.FileExists", Code::Conflict},
    Row{"org.freedesktop.systemd1.LoadFailed", Code::Conflict},
    Row{"org.freedesktop.systemd1.ShuttingDown", Code::Conflict},
    Row{"org.freedesktop.systemd1.TransactionIsDestructive", Code::Conflict},
    Row{"org.freedesktop.systemd1.TransactionJobsConflicting", Code::Conflict},
    Row{"org.freedesktop.systemd1.TransactionOrderIsCyclic", Code::Conflict},
    Row{"org.freedesktop.systemd1.UnitExists", Code::Conflict},
    Row{"org.freedesktop.systemd1.UnitGenerated", Code::Conflict},
    Row{"org.freedesktop.systemd1.UnitLinked", Code::Conflict},
    Row{"org.freedesktop.systemd1.UnitMasked", Code::Conflict},

    Row{"org.freedesktop.DBus.Error.NotSupported", Code::Unsupported},
    Row{"org.freedesktop.DBus.Error.UnknownInterface", Code::Unsupported},
    Row{"org.freedesktop.DBus.Error.UnknownMethod", Code::Unsupported},
    Row{"org.freedesktop.DBus.Error.UnknownProperty", Code::Unsupported},

    Row{"org.freedesktop.DBus.Error.AccessDenied", Code::PermissionDenied},
    Row{"org.freedesktop.DBus.Error.AuthFailed", Code::PermissionDenied},
    Row{"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", Code::PermissionDenied},

    Row{"org.freedesktop.DBus.Error.Disconnected", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.IOError", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.LimitsExceeded", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.NameHasNoOwner", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.NoMemory", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.NoServer", Code::Unavailable},
    Row{"org.freedesktop.DBus.Error.ServiceUnknown", Code::Unavailable},
    Row{"org.freedesktop.systemd1.DiskFull", Code::Unavailable},

    Row{"org.freedesktop.DBus.Error.NoReply", Code::DeadlineExceeded},
    Row{"org.freedesktop.DBus.Error.TimedOut", Code::DeadlineExceeded},
    Row{"org.freedesktop.DBus.Error.Timeout", Code::DeadlineExceeded},
};

// What the job did is known here, so none of these is DeadlineExceeded: systemd's
// "timeout" says that the unit did not come up in its own time.
constexpr std::array kJobResults = {
    Row{"canceled", Code::Conflict},        // another job took its place
    Row{"collected", Code::Conflict},       // the unit was unloaded before it ran
    Row{"once", Code::Conflict},            // a unit that starts once has started
    Row{"invalid", Code::InvalidArgument},  // a job that this unit cannot do
    Row{"unsupported", Code::Unsupported},
};

template <std::size_t kSize>
const Row* find(const std::array<Row, kSize>& rows, std::string_view name) {
  const auto row = std::ranges::find(rows, name, &Row::first);
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

Code code_of_dbus_error(std::string_view name, int error_number) {
  if (const auto* row = find(kDbusErrors, name)) return row->second;
  if (name.starts_with("System.Error.") && error_number > 0) return errno_error(error_number, "").code;
  return Code::Internal;
}

bool means_absence(std::string_view dbus_error) {
  constexpr std::array<std::string_view, 4> kAbsent = {
      "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.NameHasNoOwner",
      "org.freedesktop.DBus.Error.NoServer", "org.freedesktop.DBus.Error.ServiceUnknown"};
  return std::ranges::find(kAbsent, dbus_error) != kAbsent.end();
}

Code code_of_job_result(std::string_view result) {
  // failed, dependency, timeout, assert, skipped: the world's state, which may get better.
  const auto* row = find(kJobResults, result);
  return row != nullptr ? row->second : Code::Unavailable;
}

}  // namespace gna::systemd
