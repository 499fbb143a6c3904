#include "backends/systemd/install_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gna::systemd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

InstallSection read(std::string_view text, std::string_view unit = "a.service") {
  InstallSection out;
  read_install_section(text, unit, out);
  return out;
}

TEST(InstallSection, CollectsAndTakesBack) {
  const auto install = read(
      "WantedBy=before.target\n[Unit]\nWantedBy=other.target\n[Install]\n"
      "WantedBy=a.target  b.target\nWantedBy=c.target\nRequiredBy=r.target\nRequiredBy=\n"
      "UpheldBy=u.target\nAlso=x.socket\nAlias=z.service \"y.service\"\n[Service]\nWantedBy=late.target\n");
  EXPECT_THAT(install.wanted_by, ElementsAre("a.target", "b.target", "c.target"));
  EXPECT_THAT(install.required_by, IsEmpty());
  EXPECT_THAT(install.upheld_by, ElementsAre("u.target"));
  EXPECT_THAT(install.also, ElementsAre("x.socket"));
  EXPECT_THAT(install.aliases, ElementsAre("z.service", "y.service"));
}

TEST(InstallSection, KnowsCommentsContinuationsAndCarriageReturns) {
  const auto install =
      read("[Install]\r\n# WantedBy=no.target\nWantedBy=a.target \\\n; in between\n  b.target\r\n;x\n junk\n");
  EXPECT_THAT(install.wanted_by, ElementsAre("a.target", "b.target"));
}

TEST(InstallSection, DefaultInstanceIsForTemplates) {
  const auto text = "[Install]\nDefaultInstance=one\n";
  EXPECT_EQ(read(text, "t@.service").default_instance, "one");
  EXPECT_EQ(read(text, "t.service").default_instance, std::nullopt);
  EXPECT_EQ(read(text, "t@x.service").default_instance, std::nullopt);
}

TEST(InstallSection, SomeKindsHaveNoAliases) {
  EXPECT_THAT(read("[Install]\nAlias=b.mount\n", "a.mount").aliases, IsEmpty());
}

TEST(InstallSection, ExpandsSpecifiers) {
  EXPECT_EQ(expand_specifiers("%p-%i-%j-%N-%%.%n", "a-b@c.service", {}).value(), "a-b-c-b-a-b@c-%.a-b@c.service");
  EXPECT_EQ(expand_specifiers("x@%i.target", "t@.service", {.default_instance = "one"}).value(), "x@one.target");
  EXPECT_EQ(expand_specifiers("%H.target", "a.service", {}).error().code, Code::Unsupported);
}

}  // namespace
}  // namespace gna::systemd
