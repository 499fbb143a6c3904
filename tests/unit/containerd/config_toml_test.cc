#include "agent/containerd/config_toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/containerd/toml.h"

namespace gna::containerd {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const std::optional<desired::Version> kOld = desired::Version{{1, 6, 20}};
const std::optional<desired::Version> k21 = desired::Version{{2, 1, 5}};
const std::optional<desired::Version> k22 = desired::Version{{2, 2, 0}};

toml::Table tree(std::string_view text) {
  auto parsed = toml::parse(text);
  EXPECT_TRUE(parsed) << parsed.error().message << "\n" << text;
  return parsed.value_or(toml::Table{});
}

// The file and our records of it, as the executor keeps them.
struct Node {
  std::string file;
  Originals originals = {};
  std::optional<desired::Containerd> applied = {};

  void edit(const OriginalsEdit& edits) {
    for (const auto& [key, value] : edits) {
      if (value)
        originals[key] = *value;
      else
        originals.erase(key);
    }
  }
  void keep(const Patched& patched) {
    file = patched.toml;
    edit(patched.originals);
    edit(patched.originals_after);
  }
  Patched apply(const desired::Containerd& settings, const std::optional<desired::Version>& containerd = kOld) {
    const auto patched = patch_config(file, settings, containerd, applied, originals);
    EXPECT_TRUE(patched) << patched.error().message;
    if (!patched) return {};
    keep(*patched);
    applied = settings;
    return *patched;
  }
  void restore() {
    const auto patched = restore_config(file, applied.value_or(desired::Containerd{}), originals);
    ASSERT_TRUE(patched) << patched.error().message;
    keep(*patched);
    applied.reset();
    EXPECT_THAT(originals, IsEmpty());
  }
};

desired::PluginPatch add(std::vector<std::string> path, std::optional<std::string> values = {}) {
  return {.path = std::move(path), .values = std::move(values)};
}
desired::PluginPatch remove(std::vector<std::string> path) { return {.remove = true, .path = std::move(path)}; }

desired::Containerd settings(std::vector<desired::PluginPatch> plugins = {}) {
  return {.sandbox_image = "pause:3.10", .plugins = std::move(plugins)};
}

// The file after the fixed patches: what plugins do is then easy to see.
std::string patched(const std::string& file, const desired::Containerd& wanted,
                    const std::optional<desired::Version>& containerd = kOld) {
  Node node{.file = file};
  return node.apply(wanted, containerd).toml;
}

void expect_meaning(const std::string& got, const std::string& want) { EXPECT_EQ(tree(got), tree(want)) << got; }

const std::string kBaseV2 = R"(
version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "pause:3.10"
cni.bin_dir = "/opt/cni/bin"
registry.config_path = "/etc/containerd/certs.d"
)";

// ---- The fixed patches ----

TEST(ConfigVersion, IsOneToFour) {
  EXPECT_EQ(config_version("").value(), 1);
  EXPECT_EQ(config_version("version = 4\n").value(), 4);
  for (const char* text : {"version = 0", "version = 5", "version = 2.0", "version = \"2\"", "version = [2]", "x"})
    EXPECT_EQ(config_version(text).error().code, Code::InvalidArgument) << text;
}

TEST(ConfigVersion, TellsAnOfflineTreesContainerd) {
  EXPECT_EQ(version_of_config(1), (desired::Version{{1, 6}}));
  EXPECT_EQ(version_of_config(2), (desired::Version{{1, 6}}));
  EXPECT_EQ(version_of_config(3), (desired::Version{{2, 1}}));
  EXPECT_EQ(version_of_config(4), (desired::Version{{2, 3}}));
  for (int version = 1; version <= 4; ++version) EXPECT_EQ(config_version(minimal_config(version)).value(), version);
}

TEST(PatchConfig, FixedPatchesOfVersions1And2) {
  expect_meaning(patched("version = 2\n", settings()), kBaseV2);
  // Without a version it is 1, which has the same tables.
  expect_meaning("version = 2\n" + patched("", settings()), kBaseV2);
}

TEST(PatchConfig, FixedPatchesOfVersions3And4) {
  auto wanted = settings();
  wanted.systemd_cgroup = true;
  const std::string common = R"(
imports = ["/etc/containerd/conf.d/*.toml"]
[plugins."io.containerd.cri.v1.images"]
pinned_images.sandbox = "pause:3.10"
registry.config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
containerd.runtimes.runc.options.SystemdCgroup = true
)";
  expect_meaning(patched("version = 3\n", wanted, k21), "version = 3\n" + common + "cni.bin_dir = \"/opt/cni/bin\"\n");
  for (const auto& file : {std::string("version = 3\n"),
                           std::string("version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = '/x'\n")})
    expect_meaning(patched(file, wanted, k22), "version = 3\n" + common + "cni.bin_dirs = [\"/opt/cni/bin\"]\n");
  // Unknown: the oldest containerd that reads the file.
  EXPECT_EQ(patched("version = 3\n", wanted, std::nullopt), patched("version = 3\n", wanted, k21));
  EXPECT_EQ(patched("version = 4\n", wanted, std::nullopt), patched("version = 4\n", wanted, k22));
}

// CRI does not start with both keys set, unless bin_dirs is the default; 2.1 knows both already.
TEST(PatchConfig, WhereNobodyTellsTheVersionNoSecondCniKeyJoinsTheFirst) {
  const std::string file =
      "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = ''\nbin_dirs = ['/opt/cni/bin', '/x']\n";
  EXPECT_EQ(version_of_config(file).value(), (desired::Version{{2, 2}}));
  EXPECT_EQ(patched(file, settings(), std::nullopt), patched(file, settings(), k22));
  EXPECT_THAT(patched(file, settings(), std::nullopt), Not(HasSubstr("bin_dir =")));
  EXPECT_EQ(version_of_config("version = 3\n").value(), (desired::Version{{2, 1}}));
  EXPECT_EQ(version_of_config("version = 4\n").value(), (desired::Version{{2, 3}}));
  EXPECT_EQ(version_of_config("version = 9\n").error().code, Code::InvalidArgument);

  Node node{.file = file};
  node.apply(settings(), std::nullopt);
  EXPECT_FALSE(node.apply(settings(), std::nullopt).changed);
  node.restore();
  expect_meaning(node.file, file);
}

TEST(PatchConfig, CgroupDriverOnlyIfSet) {
  auto wanted = settings();
  wanted.systemd_cgroup = false;
  expect_meaning(patched("version = 2\n", wanted),
                 kBaseV2 + "containerd.runtimes.runc.options.SystemdCgroup = false\n");
}

TEST(PatchConfig, ImportsAreMadeAnArrayWithOurs) {
  const auto imports = [](const std::string& before) {
    return *tree(patched("version = 2\nimports = " + before, settings())).at("imports").array();
  };
  const toml::Value ours{std::string("/etc/containerd/conf.d/*.toml")};
  const toml::Value other{std::string("/x/*.toml")};
  EXPECT_EQ(imports("[]"), toml::Array{ours});
  EXPECT_EQ(imports("5"), toml::Array{ours});
  EXPECT_EQ(imports("['/x/*.toml']"), (toml::Array{other, ours}));
  EXPECT_EQ(imports("['/etc/containerd/conf.d/*.toml', '/x/*.toml']"), (toml::Array{ours, other}));
}

TEST(PatchConfig, LeavesTheBytesIfNothingDiffersInMeaning) {
  const auto odd = "# by hand\n" + kBaseV2 + "\n   # end";
  const auto once = patch_config(odd, settings(), kOld, std::nullopt, {});
  ASSERT_TRUE(once);
  EXPECT_FALSE(once->changed);
  EXPECT_EQ(once->toml, odd);
}

TEST(PatchConfig, NamesTheKeyInTheWay) {
  const auto error = patch_config("version = 2\n[plugins.'io.containerd.grpc.v1.cri']\nregistry = 5\n", settings(),
                                  kOld, std::nullopt, {})
                         .error();
  EXPECT_EQ(error.code, Code::InvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("plugins.\"io.containerd.grpc.v1.cri\".registry is not a table"));
}

// ---- Plugin entries ----

TEST(PatchConfig, AddOverlaysTopLevelKeys) {
  const auto file = kBaseV2 + "[plugins.p]\nkept = 1\nnested = { a = 1, b = 2 }\ngone = 'x'\n";
  const auto wanted = settings({add({"p"}, R"({"nested":{"a":5,"deep":{"x":null}},"gone":null,"list":[{"k":"v"}]})")});
  expect_meaning(patched(file, wanted), kBaseV2 + R"(
[plugins.p]
kept = 1
nested = { a = 5, deep = {} }
list = [{ k = "v" }]
)");
}

TEST(PatchConfig, AddWithoutValuesMakesSureOfTheTable) {
  expect_meaning(
      patched(kBaseV2 + "[plugins]\np = 5\nq = { x = 1 }\n", settings({add({"p"}), add({"q"}), add({"r", "s"})})),
      kBaseV2 + "[plugins]\np = {}\nq = { x = 1 }\nr.s = {}\n");
}

TEST(PatchConfig, BareNullEmptiesTheTable) {
  expect_meaning(patched(kBaseV2 + "[plugins.p]\nx = 1\n", settings({add({"p"}, "null")})), kBaseV2 + "[plugins.p]\n");
}

TEST(PatchConfig, RemoveTakesTheSubtreeAndLeavesItsParents) {
  expect_meaning(patched(kBaseV2 + "[plugins.p.q.r]\nx = 1\n", settings({remove({"p", "q"}), remove({"s", "t"})})),
                 kBaseV2 + "[plugins.p]\n[plugins.s]\n");
}

// The Go agent says "is not a map" here; a removed table is not there, so it can be made.
TEST(PatchConfig, AddBelowARemovedPathStartsAnew) {
  expect_meaning(patched(kBaseV2 + "[plugins.p]\nx = 1\n", settings({remove({"p"}), add({"p", "q"}, R"({"y":2})")})),
                 kBaseV2 + "[plugins.p.q]\ny = 2\n");
  expect_meaning(patched(kBaseV2 + "[plugins.p]\nx = 1\n", settings({remove({"p"}), add({"p"}, R"({"y":2})")})),
                 kBaseV2 + "[plugins.p]\ny = 2\n");
}

TEST(PatchConfig, TranslatesTheRuntimesPathFromVersion3On) {
  const std::vector<std::string> runc = {"io.containerd.grpc.v1.cri", "containerd", "runtimes", "kata"};
  for (const auto& [version, plugin] :
       {std::pair{2, "io.containerd.grpc.v1.cri"}, std::pair{3, "io.containerd.cri.v1.runtime"}}) {
    const auto document = tree(patched(minimal_config(version), settings({add(runc, R"({"x":1})")}), k21));
    const auto& plugins = *document.at("plugins").table();
    EXPECT_TRUE(plugins.at(plugin).table()->at("containerd").table()->at("runtimes").table()->contains("kata"));
    EXPECT_EQ(plugins.contains("io.containerd.grpc.v1.cri"), version == 2);
  }
  // No other path is.
  const auto document =
      tree(patched("version = 3\n", settings({add({"io.containerd.grpc.v1.cri", "containerd"}, R"({"x":1})")}), k21));
  EXPECT_TRUE(document.at("plugins").table()->contains("io.containerd.grpc.v1.cri"));
}

TEST(PatchConfig, IntegralNumbersAreIntegers) {
  const auto wanted = settings({add({"p"}, R"({"a":5,"b":5.0,"c":0.5,"d":-7,"e":[1,2],"f":[1,0.5],"g":1e3,)"
                                           R"("h":9223372036854775807,"i":18446744073709551615})")});
  expect_meaning(patched(kBaseV2, wanted), kBaseV2 + R"(
[plugins.p]
a = 5
b = 5
c = 0.5
d = -7
e = [1, 2]
f = [1.0, 0.5]
g = 1000
h = 9223372036854775807
i = 18446744073709551615.0
)");
}

TEST(PatchConfig, NoPathOrKeyCanEscape) {
  const auto file = patched(kBaseV2, settings({add({"a\"]\n[evil"}, R"({"k\"\n":"v\"\n[x]","\u0000":"\u0001"})")}));
  const auto document = tree(file);
  EXPECT_THAT(document, testing::Not(testing::Contains(testing::Key("evil"))));
  const auto& plugin = *document.at("plugins").table()->at("a\"]\n[evil").table();
  EXPECT_EQ(*plugin.at("k\"\n").string(), "v\"\n[x]");
  EXPECT_EQ(*plugin.at(std::string(1, '\0')).string(), "\x01");
}

struct BadPlugin {
  std::string name;
  desired::PluginPatch plugin;
};
class PatchConfigRefuses : public ::testing::TestWithParam<BadPlugin> {};

TEST_P(PatchConfigRefuses, WithInvalidArgument) {
  const auto result =
      patch_config(kBaseV2 + "[plugins]\nscalar = 5\n", settings({GetParam().plugin}), kOld, std::nullopt, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::InvalidArgument);
}

std::vector<std::string> long_path() { return std::vector<std::string>(100, "a"); }
std::string deep_json() {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += R"({"a":)";
  return text + "1" + std::string(100'000, '}');
}

INSTANTIATE_TEST_SUITE_P(
    Entries, PatchConfigRefuses,
    ::testing::Values(BadPlugin{"ValuesNoJson", add({"p"}, "{")}, BadPlugin{"ValuesNoObject", add({"p"}, "[1]")},
                      BadPlugin{"NullInAList", add({"p"}, R"({"a":[1,null]})")},
                      BadPlugin{"BelowAScalar", add({"scalar", "p"})},
                      BadPlugin{"RemoveBelowAScalar", remove({"scalar", "p"})},
                      BadPlugin{"PathTooDeep", add(long_path())}, BadPlugin{"ValuesTooDeep", add({"p"}, deep_json())},
                      BadPlugin{"ResultTooLarge", add({"p"}, "{\"a\":\"" + std::string(1024 * 1024, 'x') + "\"}")},
                      BadPlugin{"PathNotUtf8", add({"\xff"}, R"({"a":1})")}),
    [](const auto& param) { return param.param.name; });

// ---- The way back ----

TEST(RestoreConfig, GivesTheFileBack) {
  const auto file = R"(
version = 2
imports = ["/x/*.toml"]
oom_score = 0
when = 1979-05-27T07:32:00Z
[[stream]]
x = 0.5
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "old"
registry = { config_path = "", mirrors = { "docker.io" = { endpoint = ["https://m"] } } }
[plugins.dates]
at = [1979-05-27, 07:32:00]
limits = { low = -inf, none = nan }
"$table" = "made"
"$" = { "$datetime" = "x" }
[plugins.empty]
)";
  Node node{.file = file};
  auto wanted = settings({remove({"dates"}), add({"empty"}), add({"new", "table"}, R"({"x":1})"),
                          remove({"io.containerd.grpc.v1.cri", "registry"})});
  wanted.systemd_cgroup = true;
  node.apply(wanted);
  EXPECT_NE(tree(node.file), tree(file));
  node.restore();
  expect_meaning(node.file, file);
}

TEST(PatchConfig, TakesBackAnEntryThatIsGone) {
  const auto file = kBaseV2 + "[plugins.p]\nx = 1\ny = 0.5\n";
  Node node{.file = file};
  node.apply(settings({add({"p"}, R"({"x":2,"z":3})"), add({"q", "r"}, R"({"k":"v"})"), remove({"p", "y"})}));
  node.apply(settings({add({"p"}, R"({"x":5})")}));
  expect_meaning(node.file, kBaseV2 + "[plugins.p]\nx = 5\ny = 0.5\n");
  node.apply(settings());
  expect_meaning(node.file, file);
}

TEST(PatchConfig, TheFirstOriginalCounts) {
  Node node{.file = kBaseV2 + "[plugins.p]\nx = 1\n"};
  for (const char* values : {R"({"x":2})", R"({"x":3})", R"({"x":null})", R"({"x":{"y":4}})"})
    node.apply(settings({add({"p"}, values)}));
  node.apply(settings());
  expect_meaning(node.file, kBaseV2 + "[plugins.p]\nx = 1\n");
}

TEST(PatchConfig, RemembersAKeyAnewOnceItWasGivenBack) {
  Node node{.file = kBaseV2 + "[plugins.p]\nx = 1\n"};
  node.apply(settings({add({"p"}, R"({"x":2})")}));
  node.apply(settings());
  node.file = kBaseV2 + "[plugins.p]\nx = 7\n";  // by hand
  EXPECT_FALSE(node.apply(settings()).changed);
  node.apply(settings({add({"p"}, R"({"x":2})")}));
  node.apply(settings());
  expect_meaning(node.file, kBaseV2 + "[plugins.p]\nx = 7\n");
}

TEST(PatchConfig, ForeignKeysInATableOfOursStay) {
  Node node{.file = kBaseV2};
  node.apply(settings({add({"p", "q"}, R"({"x":1})")}));
  node.file += "\n[plugins.p.r]\ny = 2\n";
  node.apply(settings());
  expect_meaning(node.file, kBaseV2 + "[plugins.p.r]\ny = 2\n");
}

TEST(PatchConfig, RepairsWhatSomebodyChanged) {
  Node node{.file = kBaseV2};
  const auto wanted = settings({add({"p"}, R"({"x":1})")});
  const auto good = node.apply(wanted).toml;
  node.file = kBaseV2 + "[plugins.p]\nx = 5\n";
  EXPECT_TRUE(node.apply(wanted).changed);
  EXPECT_EQ(tree(node.file), tree(good));
}

// A run that ended between its write and its books: the next one has other settings.
TEST(PatchConfig, TakesBackWhatAnInterruptedRunWrote) {
  const auto file = kBaseV2 + "[plugins.p]\nx = 1\n";
  Node node{.file = file};
  const auto first =
      patch_config(file, settings({add({"p"}, R"({"x":2})"), add({"q"}, R"({"y":1})")}), kOld, std::nullopt, {});
  ASSERT_TRUE(first);
  node.file = first->toml;
  node.edit(first->originals);
  node.apply(settings({add({"q"}, R"({"z":1})")}));
  expect_meaning(node.file, file + "[plugins.q]\nz = 1\n");
  node.restore();
  EXPECT_EQ(tree(node.file), tree(file));
}

// The Go agent kept no book: its keys go, and so do the tables that were only for them.
TEST(PatchConfig, KeysOfUnknownOriginGo) {
  const auto plugins =
      std::vector{add({"p", "q"}, R"({"x":1})"), add({"r"}, R"({"y":1})"), add({"s"}), remove({"t", "u"})};
  const auto file = kBaseV2 + "[plugins]\np.q.x = 1\nr = { y = 1, foreign = 2 }\ns = {}\nt = {}\n";
  Node node{.file = file, .applied = settings(plugins)};
  EXPECT_FALSE(node.apply(settings(plugins)).changed);

  node = {.file = file, .applied = settings(plugins)};
  const auto interrupted = patch_config(file, settings(), kOld, node.applied, {});
  node.apply(settings());
  expect_meaning(node.file, kBaseV2 + "[plugins]\nr = { foreign = 2 }\n");
  // Its knowledge is on record before the write, which may not happen.
  ASSERT_TRUE(interrupted);
  node = {.file = file, .applied = settings()};
  node.edit(interrupted->originals);
  node.apply(settings());
  expect_meaning(node.file, kBaseV2 + "[plugins]\nr = { foreign = 2 }\n");

  node = {.file = file, .applied = settings(plugins)};
  node.restore();
  expect_meaning(node.file, "version = 2\n[plugins]\nr = { foreign = 2 }\n");
}

TEST(RestoreConfig, TakesTheCniKeyOfUnknownOriginOnlyIfItIsOurs) {
  const std::string base = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\n";
  for (const char* line : {"bin_dir = '/opt/cni/bin'\n", "bin_dirs = ['/opt/cni/bin']\n"}) {
    Node node{.file = base + line, .applied = settings()};
    node.restore();
    expect_meaning(node.file, "version = 3\n");
  }
  Node node{.file = base + "bin_dirs = ['/opt/cni/bin', '/x']\n", .applied = settings()};
  node.restore();
  expect_meaning(node.file, base + "bin_dirs = ['/opt/cni/bin', '/x']\n");
}

TEST(RestoreConfig, CniKeysAfterAnUpgradeOfContainerd) {
  const std::string file = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = '/x'\n";
  Node node{.file = file};
  node.apply(settings(), k21);
  node.apply(settings(), k22);
  EXPECT_THAT(node.file, HasSubstr("bin_dirs"));
  node.restore();
  expect_meaning(node.file, file);
}

TEST(RestoreConfig, OthersImportsStay) {
  const std::string head = "version = 2\nimports = ";
  for (const auto& [before, meanwhile, after] :
       {std::tuple{"[]", "['/etc/containerd/conf.d/*.toml', '/y']", "['/y']"},
        std::tuple{"['/x']", "['/x', '/etc/containerd/conf.d/*.toml', '/y']", "['/x', '/y']"},
        std::tuple{"['/etc/containerd/conf.d/*.toml']", "['/etc/containerd/conf.d/*.toml']",
                   "['/etc/containerd/conf.d/*.toml']"},
        std::tuple{"'/x'", "['/etc/containerd/conf.d/*.toml']", "'/x'"},
        std::tuple{"[]", "['/etc/containerd/conf.d/*.toml']", "[]"}}) {
    Node node{.file = head + before + "\n"};
    node.apply(settings());
    auto document = tree(node.file);
    document.at("imports") = tree(head + meanwhile + "\n").at("imports");
    node.file = toml::write(document);
    EXPECT_FALSE(node.apply(settings()).changed) << "an element keeps its place";
    node.restore();
    expect_meaning(node.file, head + after + "\n");
  }
  Node node{.file = "version = 2\n"};
  node.apply(settings());
  node.restore();
  expect_meaning(node.file, "version = 2\n");
}

// containerd 2.1 prints both keys, and only one of them is patched then.
TEST(RestoreConfig, LeavesTheCniKeyThatWasNotPatched) {
  const std::string file =
      "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = ''\nbin_dirs = ['/opt/cni/bin']\n";
  for (const auto& later : {k21, k22}) {
    Node node{.file = file};
    node.apply(settings(), k21);
    node.apply(settings(), later);
    node.restore();
    expect_meaning(node.file, file);
  }
}

// Somebody wrote a fresh file for a newer containerd: the old file's values have no place there.
TEST(PatchConfig, AFreshFileOfAnotherVersionGetsNoOldValues) {
  Node node{.file = "version = 2\n[plugins.'io.containerd.grpc.v1.cri']\nsandbox_image = 'old'\n"};
  node.apply(settings());
  const std::string fresh = "version = 3\n[plugins.'io.containerd.grpc.v1.cri']\nstream_server_port = '0'\n";
  node.file = fresh;
  node.apply(settings(), k21);
  EXPECT_THAT(node.file, Not(HasSubstr("old")));
  node.restore();
  expect_meaning(node.file, fresh);
}

TEST(PatchConfig, DamagedRecordsCountAsMissing) {
  const Originals damaged = {{"[", "null"}, {"[\"plugins\",\"p\"]", "{"}, {"[]", "1"}, {"[1]", "1"}, {"5", "1"}};
  const auto result = patch_config(kBaseV2, settings(), kOld, std::nullopt, damaged);
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->changed);
}

}  // namespace
}  // namespace gna::containerd
