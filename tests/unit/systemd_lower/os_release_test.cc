#include <gtest/gtest.h>

#include "backends/systemd/os_release.h"

namespace gna::systemd {
namespace {

TEST(OsRelease, IsTheFirstNumberOfThePrettyName) {
  EXPECT_EQ(os_version("ID=gardenlinux\nPRETTY_NAME=\"Garden Linux 1592.6\"\n"), "1592.6");
  EXPECT_EQ(os_version("PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\n"), "22.04.4");
  EXPECT_EQ(os_version("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"), "12");
}

TEST(OsRelease, ANumberThatRunsIntoLettersIsNone) {
  EXPECT_EQ(os_version("PRETTY_NAME=\"Garden Linux 1592Foo\"\n"), std::nullopt);
  EXPECT_EQ(os_version("PRETTY_NAME=\"v1592 Foo\"\n"), std::nullopt);
  EXPECT_EQ(os_version("NAME=\"x 1\"\n"), std::nullopt);
}

}  // namespace
}  // namespace gna::systemd
