#include <gtest/gtest.h>

#include "gna/plan/record.h"

namespace gna::plan {
namespace {

TEST(Record, TwiceEqualsOnce) {
  Record record{.files = {{"/a", AppliedFile{.mode = 0600}}, {"/b", std::nullopt}},
                .units = {{"u.service", {.add_drop_ins = {{"x.conf", "1"}}, .started_with = "d"}},
                          {"gone.service", {.forget = true}}},
                .containerd_originals = {{"[\"a\"]", "1"}},
                .reload_owed = true};
  Applied once{.files = {{"/b", {}}}, .units = {{"gone.service", {}}}};
  edit(once, record);
  auto twice = once;
  edit(twice, record);
  EXPECT_EQ(once, twice);
  EXPECT_FALSE(once.files.contains("/b"));
  EXPECT_FALSE(once.units.contains("gone.service"));
  EXPECT_EQ(once.units.at("u.service").started_with, "d");
}

TEST(Record, OriginalsComeAndGo) {
  Applied applied;
  edit(applied, {.containerd_originals = {{"k", "\"theirs\""}, {"l", "1"}}});
  edit(applied, {.containerd_originals = {{"k", std::nullopt}}});
  EXPECT_EQ(applied.containerd_originals, (std::map<std::string, std::string>{{"l", "1"}}));
}

TEST(Record, RestoringForgetsTheOriginals) {
  Applied applied{.containerd = desired::Containerd{}, .containerd_originals = {{"k", "1"}}};
  edit(applied, {.containerd_restored = true});
  EXPECT_FALSE(applied.containerd);
  EXPECT_TRUE(applied.containerd_originals.empty());
}

}  // namespace
}  // namespace gna::plan
