#include "provision/userdata.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "provision/limits.h"
#include "provision/render.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const UserdataFile& file(const Userdata& userdata, const std::string& path) {
  return *std::ranges::find(userdata.files, path, &UserdataFile::path);
}

TEST(Userdata, HoldsTheOscAndTheMirrors) {
  const auto made = make_userdata(testing::worker(), testing::three_mirrors().mirrors, {.generation = 5});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->generation, 5);
  EXPECT_EQ(made->sha256, content_sha256(*made));
  EXPECT_EQ(file(*made, "/etc/containerd/certs.d/docker.io/hosts.toml").bytes,
            "# managed by gardener-node-agent\nserver = \"https://registry-1.docker.io\"\n\n"
            "[host.\"https://hub.example.org/v2/hub\"]\n  capabilities = [\"pull\",\"resolve\"]\n"
            "  ca = [\"/etc/containerd/certs.d/docker.io/hub.example.org-v2-hub-ca-bundle.pem\"]\n"
            "  override_path = true\n  dial_timeout = \"1s\"\n\n");
  const auto& token = file(*made, "/var/lib/gardener-node-agent/credentials/bootstrap-token");
  EXPECT_EQ(token.bytes, "<<BOOTSTRAP_TOKEN>>");
  EXPECT_EQ(token.mode, 0640u);
  EXPECT_TRUE(token.has_placeholder);
  EXPECT_THAT(file(*made, "/var/lib/gardener-node-agent/init.sh").bytes,
              HasSubstr("image='europe-docker.pkg.dev/gardener-project/releases/gardener/node-agent:v1.150.0-dev'"));
  ASSERT_EQ(made->units.size(), 4u);
  EXPECT_EQ(made->units[0].name, "gardener-node-init.service");
  EXPECT_THAT(*made->units[0].content, HasSubstr("EnvironmentFile=-/etc/environment"));
  EXPECT_TRUE(made->units[3].enable) << "an absent enable means yes";
}

// containerd fails a pull whose CA file is missing, so it has to be there first.
TEST(Userdata, WritesCaFilesBeforeTheHostsTomlThatNamesThem) {
  const auto made = make_userdata(testing::worker(), testing::three_mirrors().mirrors, {}).value();
  for (std::size_t i = 0; i < 6; i += 2) {
    EXPECT_TRUE(made.files[i].path.ends_with(".pem")) << made.files[i].path;
    EXPECT_THAT(made.files[i + 1].bytes, HasSubstr(made.files[i].path));
  }
}

TEST(Userdata, MirrorsReplaceTheOscsOwnFiles) {
  auto osc = testing::worker();
  osc.spec.files.push_back(
      testing::plain_file("/etc/containerd/certs.d/quay.io/hosts.toml", "server = 'https://old'\n"));
  const auto made = make_userdata(osc, testing::three_mirrors().mirrors, {}).value();
  EXPECT_EQ(std::ranges::count(made.files, "/etc/containerd/certs.d/quay.io/hosts.toml", &UserdataFile::path), 1);
  EXPECT_THAT(file(made, "/etc/containerd/certs.d/quay.io/hosts.toml").bytes, HasSubstr("quay.example.org"));
}

TEST(Userdata, StampChangesWithTheContentAndNotWithTheGeneration) {
  const auto made = make_userdata(testing::worker(), {}, {.generation = 1}).value();
  EXPECT_EQ(make_userdata(testing::worker(), {}, {.generation = 2})->sha256, made.sha256);
  EXPECT_NE(make_userdata(testing::worker(), testing::three_mirrors().mirrors, {})->sha256, made.sha256);
  EXPECT_NE(make_userdata(testing::worker(), {}, {.image = "r.io/x:v2"})->sha256, made.sha256);
  auto changed = made;
  changed.files[0].mode ^= 0100;
  EXPECT_NE(content_sha256(changed), made.sha256);
  changed = made;
  changed.units[3].enable = false;
  EXPECT_NE(content_sha256(changed), made.sha256);
  changed = made;
  changed.units[3].drop_ins["x.conf"] = "";
  EXPECT_NE(content_sha256(changed), made.sha256);
}

TEST(Userdata, RefusesWhatNoMachineCouldUse) {
  const auto refused = [](const osc::Osc& osc, const UserdataOptions& options = {}) {
    const auto made = make_userdata(osc, {}, options);
    return !made && made.error().code == Code::InvalidArgument;
  };
  auto osc = testing::worker();
  osc.spec.purpose = "reconcile";
  EXPECT_TRUE(refused(osc));
  osc = testing::worker();
  osc.spec.files[0].host_name = "node-a";
  EXPECT_TRUE(refused(osc));
  osc = testing::worker();
  osc.spec.files[0].content = {.image_ref = osc::ImageRef{"r.io/x:v1", "/x"}};
  EXPECT_TRUE(refused(osc));
  osc.spec.files[0].content = {.secret_ref = osc::SecretRef{"s", "k"}};
  EXPECT_TRUE(refused(osc));
  EXPECT_FALSE(refused(osc, {.secrets = {{"s", {{"k", "v"}}}}}));
  osc::Osc named;
  named.spec.files = {testing::plain_file("/etc/<<MACHINE_NAME>>", "x")};
  EXPECT_TRUE(refused(named)) << "nobody would find it there";
  named.spec.files.clear();
  named.spec.units = {{.name = "a.service", .drop_ins = {{"<<MACHINE_NAME>>.conf", "x"}}}};
  EXPECT_TRUE(refused(named));
  for (const char* image : {"x:v1", "node-agent", "r.io/x", "r.io/x:v1'; reboot", "r.io/x:v1 y"})
    EXPECT_TRUE(refused(testing::worker(), {.image = image})) << image;
  std::erase_if(osc.spec.files, [](const osc::File& f) { return f.path.ends_with("/init.sh"); });
  EXPECT_TRUE(refused(osc)) << "no image is named";
  EXPECT_FALSE(refused(osc, {.secrets = {{"s", {{"k", "v"}}}}, .keep_init = true})) << "it is the OSC's affair";
  EXPECT_TRUE(refused(osc, {.require_mirror = true, .secrets = {{"s", {{"k", "v"}}}}, .keep_init = true}))
      << "nobody knows which mirror it needs";
}

// What gardenadm sets up has no agent's init, and gets none.
TEST(Userdata, LeavesMachinesWithoutInitAlone) {
  osc::Osc osc;
  osc.spec.files = {testing::plain_file("/etc/x", "x")};
  const auto made = make_userdata(osc, {}, {});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->files.size(), 1u);
  EXPECT_THAT(made->units, IsEmpty());
}

TEST(RequireMirror, NeedsAMirrorThatCanServeTheImage) {
  auto mirrors = testing::three_mirrors().mirrors;
  UserdataOptions closed{.require_mirror = true};
  EXPECT_TRUE(make_userdata(testing::worker(), mirrors, closed));
  mirrors[0].registry.hosts[0].capabilities = {"pull"};
  EXPECT_FALSE(make_userdata(testing::worker(), mirrors, closed)) << "a tag resolves nowhere";
  closed.image = "europe-docker.pkg.dev/x@sha256:" + std::string(64, 'a');
  EXPECT_TRUE(make_userdata(testing::worker(), mirrors, closed)) << "a digest need not";
  mirrors.erase(mirrors.begin());
  EXPECT_FALSE(make_userdata(testing::worker(), mirrors, closed)) << "no mirror of that registry";
}

TEST(MirrorWarnings, NameWhatLeaksOrExpires) {
  auto mirrors = testing::three_mirrors().mirrors;
  std::int64_t now = 0;
  for (const auto& mirror : mirrors) now = std::max(now, mirror.ca_files[0].not_before);
  EXPECT_THAT(mirror_warnings(mirrors, "europe-docker.pkg.dev/x:v1", now), IsEmpty());
  EXPECT_THAT(mirror_warnings(mirrors, "other.io/x:v1", now), ElementsAre(HasSubstr("no mirror for other.io")));
  EXPECT_THAT(mirror_warnings(mirrors, "", mirrors[0].ca_files[0].not_after + 1), Contains(HasSubstr("has expired")));
  EXPECT_THAT(mirror_warnings(mirrors, "", now - 1), Contains(HasSubstr("is not valid yet")));
  mirrors[0].registry.hosts[0].capabilities = {"pull"};
  EXPECT_THAT(mirror_warnings(mirrors, "", now), ElementsAre(HasSubstr("a pull by tag asks the upstream")));
  close_upstream(mirrors[0]);
  EXPECT_THAT(mirror_warnings(mirrors, "", now), ElementsAre(HasSubstr("a pull by tag may fail")));
}

TEST(Limits, AreThoseOfTheVendors) {
  EXPECT_EQ(parse_limit("aws")->bytes, 16384u);
  EXPECT_EQ(parse_limit("openstack")->bytes, 65535u / 4 * 3);
  EXPECT_EQ(parse_limit("12345")->bytes, 12345u);
  for (const char* bad : {"", "0", "-1", "AWS", "1k", "99999999999999999999999"}) EXPECT_FALSE(parse_limit(bad)) << bad;
}

// The bar: three mirrors with RSA-3072 CAs fit where the least fits.
TEST(Render, OfThreeMirrorsFitsIntoAws) {
  for (const char* form : {"script", "cloud-config", "mime", "ignition"}) {
    const auto rendered = render(testing::worker(), testing::three_mirrors().mirrors, {.form = form});
    ASSERT_TRUE(rendered) << rendered.error().message;
    EXPECT_LT(rendered->bytes.size(), parse_limit("aws")->bytes) << form;
  }
}

TEST(Render, TellsWhatTakesTheRoom) {
  const auto rendered = render(testing::worker(), testing::three_mirrors().mirrors, {.measure = true}).value();
  ASSERT_EQ(rendered.parts.size(), 14u + 4u);
  EXPECT_TRUE(std::ranges::is_sorted(rendered.parts, std::greater(), &Part::bytes));
  const auto without = render(testing::worker(), {}, {}).value();
  EXPECT_LT(without.bytes.size() + 3 * 1000, rendered.bytes.size());
}

// One rendering for each of thousands of files would take hours.
TEST(Render, OfThousandsOfFilesMeasuresTheLargestOnly) {
  osc::Osc osc;
  for (int i = 0; i < 3000; ++i) osc.spec.files.push_back(testing::plain_file(fmt::format("/t/{}", i), "x"));
  osc.spec.files[2900] = testing::plain_file("/t/large", std::string(3000, 'x'));
  const auto rendered = render(osc, {}, {.os = "local", .measure = true}).value();
  EXPECT_LT(rendered.parts.size(), 100u);
  EXPECT_EQ(rendered.parts.at(0).path, "/t/large");
  EXPECT_GT(rendered.parts.at(0).bytes, 4000u);
}

TEST(Render, CompressesOnlyWhatSomebodyUnpacks) {
  EXPECT_FALSE(render(testing::worker(), {}, {.gzip = true})) << "there is a placeholder in it";
  osc::Osc osc;
  osc.spec.files = {testing::plain_file("/etc/x", "x")};
  const auto plain = render(osc, {}, {}).value();
  const auto packed = render(osc, {}, {.gzip = true}).value();
  EXPECT_EQ(testing::gunzip(packed.bytes), plain.bytes);
  EXPECT_EQ(packed.bytes.size(), plain.gzip_bytes);
  EXPECT_TRUE(render(osc, {}, {.gzip = true, .limit = parse_limit("hetzner")}).value().bytes.starts_with("H4sI"));
  EXPECT_FALSE(render(osc, {}, {.gzip = true, .limit = parse_limit("gcp")}));
  EXPECT_FALSE(render(osc, {}, {.form = "ignition", .gzip = true}));
  EXPECT_FALSE(render(osc, {}, {.os = "flatcar", .gzip = true}));
}

TEST(Render, TalosIsNotThereYet) {
  EXPECT_EQ(render(testing::worker(), {}, {.form = "talos"}).error().code, Code::Unsupported);
}

}  // namespace
}  // namespace gna::provision
