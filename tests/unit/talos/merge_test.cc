#include "backends/talos/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/talos/stored.h"

namespace gna::talos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

Document document(const std::string& kind, const std::string& name, const std::string& rest) {
  return {.kind = kind,
          .name = name,
          .yaml = "apiVersion: v1alpha1\nkind: " + kind + "\n" + (name.empty() ? "" : "name: " + name + "\n") + rest};
}
Document etc(const std::string& name, const std::string& contents) {
  return document("EtcFileConfig", name, "mode: 0o644\ncontents: " + contents + "\n");
}
Document sysctl(const std::string& params) { return document("SysctlConfig", "", "params: {" + params + "}\n"); }

Merged merged(const std::string& observed, const std::vector<Document>& wanted,
              const std::set<DocumentKey>& going = {}) {
  auto out = merge(observed, wanted, going);
  EXPECT_TRUE(out) << out.error().message;
  return out ? std::move(*out) : Merged{};
}

const std::string kMain = "version: v1alpha1\nmachine: {type: worker}\n";

TEST(Merge, AddsBehindWhatItKeeps) {
  const auto out = merged(kMain, {etc("b", "x"), etc("a", "y")});
  EXPECT_THAT(out.text, StartsWith(kMain + "---\n# Written by gna.\n"));
  EXPECT_LT(out.text.find("name: a"), out.text.find("name: b"));
  EXPECT_THAT(out.added, ElementsAre("EtcFileConfig a", "EtcFileConfig b"));
}

TEST(Merge, KeepsForeignBytes) {
  const std::string odd =
      "# head\r\n---  \nversion:   v1alpha1   # comment\nmachine: {type: 'worker',\n   x: |\n    ---\n    a\n  }\n";
  EXPECT_FALSE(merge(odd, {}, {}));  // no block scalar within braces: unreadable is not guessed at
  const std::string fine =
      "# head\r\n---  \nversion:   v1alpha1   # comment\nmachine:\n   x: |\n    ---\n    a\n"
      "--- {apiVersion: v1alpha1, kind: Foreign, name: \"q\"}\n---\n# nothing\n---\nkind: Foreign\napiVersion: "
      "v1alpha1";
  const auto out = merged(fine, {etc("a", "y")});
  EXPECT_THAT(out.text, StartsWith(fine + "\n---\n"));
  EXPECT_EQ(merged(out.text, {}).text, fine + "\n");
}

TEST(Merge, HasNothingToDoTwice) {
  const std::vector<Document> wanted = {etc("a", "x"), sysctl("kernel.panic: \"1\"")};
  const auto once = merged(kMain, wanted);
  const auto twice = merged(once.text, wanted);
  EXPECT_FALSE(twice.changed());
  EXPECT_EQ(twice.text, once.text);
}

TEST(Merge, AsksForTheMeaningNotTheForm) {
  const std::string other =
      kMain + "---\nkind: EtcFileConfig\nname: 'a'\nmode: 0644\ncontents: \"x\"\napiVersion: v1alpha1\n";
  EXPECT_FALSE(merged(other, {etc("a", "x")}).changed());
  EXPECT_EQ(merged(other, {etc("a", "x")}).text, other);
  EXPECT_THAT(merged(other, {etc("a", "z")}).replaced, ElementsAre("EtcFileConfig a"));
}

TEST(Merge, RemovesOnlyWhatWasOurs) {
  const auto foreign = kMain + "---\n" + etc("theirs", "x").yaml;
  const auto both = merged(foreign, {etc("ours", "y")});
  EXPECT_EQ(merged(both.text, {}).text, foreign);
  // Somebody's editor has lost the comments; our records have not.
  auto bare = both.text;
  bare.erase(bare.find("# Written by gna.\n"), 18);
  EXPECT_FALSE(merged(bare, {}).changed());
  EXPECT_EQ(merged(bare, {}, {{"EtcFileConfig", "ours"}}).text, foreign);
  EXPECT_FALSE(merged(bare, {etc("ours", "y")}, {{"EtcFileConfig", "ours"}}).changed());
}

TEST(Merge, SharesADocumentFieldByField) {
  const std::string theirs =
      kMain + "---\napiVersion: v1alpha1\nkind: SysctlConfig\nparams:\n  a: \"1\"\n  same: \"5\"\n";
  const auto out = merged(theirs, {sysctl("b: \"2\", same: \"5\", net/x~y: \"3\"")});
  EXPECT_THAT(out.text, HasSubstr("# Written by gna: /params/b\n# Written by gna: /params/net~1x~0y\napiVersion"));
  EXPECT_THAT(out.text, HasSubstr("  a: \"1\"\n  b: \"2\"\n  net/x~y: \"3\"\n  same: \"5\"\n"));
  // Later one of ours goes, one changes.
  const auto later = merged(out.text, {sysctl("b: \"7\"")});
  EXPECT_THAT(later.text, HasSubstr("  a: \"1\"\n  b: \"7\"\n  same: \"5\"\n"));
  EXPECT_THAT(later.text, Not(HasSubstr("net/x~y")));
  // And in the end all of ours, none of theirs.
  EXPECT_EQ(merged(later.text, {}).text, theirs);
}

TEST(Merge, TakesASharedDocumentAwayIfNobodyElseWroteToIt) {
  const auto once = merged(kMain, {sysctl("a: \"1\""), document("KernelModuleConfig", "br_netfilter", "")});
  EXPECT_EQ(merged(once.text, {}).text, kMain);
}

TEST(Merge, KeepsTheParametersOfAModule) {
  const auto theirs = kMain + "---\n" + document("KernelModuleConfig", "m", "parameters: [x=1]\n").yaml;
  EXPECT_FALSE(merged(theirs, {document("KernelModuleConfig", "m", "")}).changed());
}

TEST(Merge, RefusesASecondFormOfOneTopic) {
  auto kubelet = document("KubeletConfig", "", "image: x\n");
  kubelet.from = {"spec.files[3]"};
  const auto old = merged("version: v1alpha1\nmachine: {kubelet: {image: y}}\n", {kubelet});
  EXPECT_FALSE(old.changed());
  ASSERT_EQ(old.refused.size(), 1U);
  EXPECT_EQ(old.refused[0].field, "spec.files[3]");
  EXPECT_THAT(merged("version: v1alpha1\nmachine: {kubelet: {}}\n", {kubelet}).refused, IsEmpty());
}

TEST(Merge, RefusesWhatIsNoMachineConfiguration) {
  for (const char* bad : {"- a\n", "a: [\n", "text\n", "a: 1\na: 2\n"}) {
    const auto out = merge(bad, {}, {});
    ASSERT_FALSE(out) << bad;
    EXPECT_EQ(out.error().code, Code::InvalidArgument);
  }
  EXPECT_THAT(merge("a: 1\n---\nb: 2\n---\nc: [\n", {}, {}).error().message, HasSubstr("line"));
}

TEST(Merge, TakesAnEmptyConfigurationForOne) {
  EXPECT_FALSE(merged("", {}).changed());
  EXPECT_THAT(merged("", {etc("a", "x")}).text, StartsWith("---\n# Written by gna.\n"));
}

class Stored : public ::testing::TestWithParam<const char*> {};

TEST_P(Stored, GoesInOnceAndComesOutAgain) {
  const auto base = bytes_of(GNA_SOURCE_DIR "/tests/unit/talos/golden/base.machine-config.yaml");
  const auto wanted = machine_documents(stored(GetParam()), {}).documents;
  const auto in = merged(base, wanted);
  EXPECT_THAT(in.refused, IsEmpty());
  EXPECT_FALSE(merged(in.text, wanted).changed());
  const auto out = merged(in.text, {});
  EXPECT_FALSE(merged(out.text, {}).changed());
  EXPECT_THAT(out.text, Not(HasSubstr("Written by gna")));
  // Every document that was there before is there again.
  const auto before = split(base);
  const auto after = split(out.text);
  ASSERT_TRUE(before && after);
  std::vector<DocumentKey> keys_before;
  std::vector<DocumentKey> keys_after;
  for (const auto& part : *before) keys_before.push_back(part.key);
  for (const auto& part : *after) keys_after.push_back(part.key);
  EXPECT_EQ(keys_before, keys_after);
}

INSTANTIATE_TEST_SUITE_P(Merge, Stored,
                         ::testing::Values("real/reconcile-worker.yaml", "real/reconcile-controlplane-hostnames.yaml",
                                           "cases/registries-mirrors-full.yaml", "cases/files-encodings.yaml",
                                           "cases/unicode.yaml", "cases/plugins-add-remove.yaml",
                                           "cases/large-400-files-120-units.yaml"),
                         [](const auto& row) {
                           auto name = name_of(row.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace gna::talos
