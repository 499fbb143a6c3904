#include "backends/systemd/errors.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace gna::systemd {
namespace {

TEST(DbusErrors, BecomeWhatTheCallerCanDo) {
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.DBus.Error.InvalidArgs"), Code::InvalidArgument);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.systemd1.NoSuchUnit"), Code::NotFound);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.systemd1.UnitMasked"), Code::Conflict);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.DBus.Error.UnknownMethod"), Code::Unsupported);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.DBus.Error.AccessDenied"), Code::PermissionDenied);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.DBus.Error.Disconnected"), Code::Unavailable);
  EXPECT_EQ(code_of_dbus_error("org.freedesktop.DBus.Error.NoReply"), Code::DeadlineExceeded);
}

TEST(DbusErrors, FromErrnoGoThroughItsTable) {
  EXPECT_EQ(code_of_dbus_error("System.Error.EROFS", EROFS), Code::Unavailable);
  EXPECT_EQ(code_of_dbus_error("System.Error.EPERM", EPERM), Code::PermissionDenied);
}

TEST(DbusErrors, UnknownOnesAreABug) {
  EXPECT_EQ(code_of_dbus_error("org.example.Odd"), Code::Internal);
  EXPECT_EQ(code_of_dbus_error("System.Error.EODD"), Code::Internal);
}

TEST(JobResults, AreKnownOutcomes) {
  for (const auto* word : {"failed", "timeout", "dependency", "skipped", "assert"})
    EXPECT_EQ(code_of_job_result(word), Code::Unavailable) << word;
  EXPECT_EQ(code_of_job_result("canceled"), Code::Conflict);
  EXPECT_EQ(code_of_job_result("unsupported"), Code::Unsupported);
}

}  // namespace
}  // namespace gna::systemd
