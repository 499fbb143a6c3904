#include "backends/systemd/unit_name.h"

#include <gtest/gtest.h>

namespace gna::systemd {
namespace {

TEST(UnitName, TakesWhatSystemdTakes) {
  for (const auto* name : {"a.service", "a@.service", "a@b.service", "a@b@c.service", "dev-sda\\x20.device", "-.mount",
                           "a:b_c.d.socket", "x.timer"})
    EXPECT_TRUE(is_unit_name(name)) << name;
}

TEST(UnitName, RefusesWhatSystemdRefuses) {
  for (const auto* name : {"", "a", ".service", "@.service", "@a.service", "a.conf", "a/b.service", "a b.service",
                           "ü.service", "a.service.d", "../a.service"})
    EXPECT_FALSE(is_unit_name(name)) << name;
  EXPECT_TRUE(is_unit_name(std::string(247, 'a') + ".service"));
  EXPECT_FALSE(is_unit_name(std::string(248, 'a') + ".service"));
}

TEST(UnitName, TellsTemplatesFromInstances) {
  EXPECT_TRUE(is_template("getty@.service"));
  EXPECT_FALSE(is_template("getty@tty1.service"));
  EXPECT_FALSE(is_template("getty.service"));
  EXPECT_TRUE(is_instance("getty@tty1.service"));
  EXPECT_FALSE(is_instance("getty@.service"));
  EXPECT_FALSE(is_instance("getty.service"));
  EXPECT_EQ(template_of("getty@tty1.service"), "getty@.service");
  EXPECT_EQ(instantiate("getty@.service", "a@b"), "getty@a@b.service");
  EXPECT_EQ(unit_instance("getty@a@b.service"), "a@b");
  EXPECT_EQ(unit_prefix("getty@a@b.service"), "getty");
  EXPECT_EQ(unit_prefix("a.b.service"), "a.b");
}

TEST(UnitName, Unescapes) {
  EXPECT_EQ(unescape_unit_name("dev-disk\\x2dby"), "dev/disk-by");
  EXPECT_EQ(unescape_unit_name("a\\x2"), "a\\x2");
}

TEST(UnitName, BecomesAnObjectPath) {
  EXPECT_EQ(unit_object_path("kubelet.service"), "/org/freedesktop/systemd1/unit/kubelet_2eservice");
  EXPECT_EQ(unit_object_path("0-a@b.mount"), "/org/freedesktop/systemd1/unit/_30_2da_40b_2emount");
}

}  // namespace
}  // namespace gna::systemd
