#include "agent/containerd/hosts_toml.h"

#include <gtest/gtest.h>

#include "agent/containerd/toml.h"

namespace gna::containerd {
namespace {

using desired::Registry;
using desired::RegistryHost;

const std::string kManaged = "# managed by gardener-node-agent\n";
const std::vector<std::string> kPullResolve = {"pull", "resolve"};

struct Bytes {
  std::string name;
  Registry registry;
  std::string want;
};

class HostsToml : public ::testing::TestWithParam<Bytes> {};

TEST_P(HostsToml, HasTheGoAgentsBytes) {
  EXPECT_EQ(render_hosts_toml(GetParam().registry, std::nullopt), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, HostsToml,
    ::testing::Values(
        Bytes{"ServerAndHost",
              {.upstream = "docker.io",
               .server = "https://registry-1.docker.io",
               .hosts = {{.url = "https://m.example", .capabilities = kPullResolve}}},
              kManaged + "server = \"https://registry-1.docker.io\"\n\n[host.\"https://m.example\"]\n"
                         "  capabilities = [\"pull\",\"resolve\"]\n\n"},
        Bytes{"CaAndOverridePath",
              {.upstream = "docker.io",
               .server = "https://registry-1.docker.io",
               .hosts = {{.url = "https://m.example:5000/v2/hub",
                          .capabilities = kPullResolve,
                          .ca_certs = {"/etc/containerd/certs.d/docker.io/m.example-5000-v2-hub-ca-bundle.pem"},
                          .override_path = true}}},
              kManaged + "server = \"https://registry-1.docker.io\"\n\n[host.\"https://m.example:5000/v2/hub\"]\n"
                         "  capabilities = [\"pull\",\"resolve\"]\n"
                         "  ca = [\"/etc/containerd/certs.d/docker.io/m.example-5000-v2-hub-ca-bundle.pem\"]\n"
                         "  override_path = true\n\n"},
        Bytes{"OrderIsKept",
              {.upstream = "quay.io",
               .server = "https://quay.io",
               .hosts = {{.url = "https://b.example", .capabilities = {"pull"}},
                         {.url = "http://a.example:80", .capabilities = {"resolve"}, .ca_certs = {"a.pem", "b.pem"}}}},
              kManaged + "server = \"https://quay.io\"\n\n[host.\"https://b.example\"]\n  capabilities = [\"pull\"]\n\n"
                         "[host.\"http://a.example:80\"]\n  capabilities = [\"resolve\"]\n"
                         "  ca = [\"a.pem\",\"b.pem\"]\n\n"},
        Bytes{"NoServer",
              {.upstream = "_default", .hosts = {{.url = "https://all.example", .capabilities = kPullResolve}}},
              kManaged + "[host.\"https://all.example\"]\n  capabilities = [\"pull\",\"resolve\"]\n\n"},
        Bytes{"ServerOnly", {.upstream = "s", .server = "https://s"}, kManaged + "server = \"https://s\"\n\n"},
        Bytes{"Neither", {.upstream = "s", .server = ""}, kManaged},
        // Go would write \x01, which no TOML reader takes.
        Bytes{"OddCharacters",
              {.upstream = "s",
               .hosts = {{.url = "https://h/a\"b\x01", .capabilities = {"pull"}, .ca_certs = {"/x&y<\u2028"}}}},
              kManaged + "[host.\"https://h/a\\\"b\\u0001\"]\n  capabilities = [\"pull\"]\n"
                         "  ca = [\"/x\\u0026y\\u003c\\u2028\"]\n\n"},
        // The same table twice would cost all mirrors.
        Bytes{"TheFirstOfTwiceTheSame",
              {.upstream = "s",
               .hosts = {{.url = "https://h", .capabilities = {"pull"}},
                         {.url = "https://h", .capabilities = {"resolve"}}}},
              kManaged + "[host.\"https://h\"]\n  capabilities = [\"pull\"]\n\n"}),
    [](const auto& param) { return param.param.name; });

TEST(HostsToml, StaysTomlWhateverTheNames) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  const Registry odd = {.upstream = "u",
                        .server = all,
                        .hosts = {{.url = all, .capabilities = {all}, .ca_certs = {all}, .override_path = true}}};
  const auto document = toml::parse(render_hosts_toml(odd, all));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(*document->at("server").string(), all);
  const auto& host = *document->at("host").table()->at(all).table();
  EXPECT_EQ(*host.at("ca").array()->at(0).string(), all);
  EXPECT_EQ(*host.at("dial_timeout").string(), all);
}

TEST(HostsToml, LiesBelowTheUpstreamsName) {
  EXPECT_EQ(hosts_toml_path("foo.bar:5000"), "/etc/containerd/certs.d/foo.bar:5000/hosts.toml");
}

TEST(HostsToml, DialTimeoutIsKnownFrom207) {
  for (const char* version : {"1.6.20", "1.7.34", "2.0.6", "2"})
    EXPECT_FALSE(knows_dial_timeout(desired::parse_version(version))) << version;
  for (const char* version : {"2.0.7", "v2.1.0-rc.1", "2.1", "3.0.0"})
    EXPECT_TRUE(knows_dial_timeout(desired::parse_version(version))) << version;
  EXPECT_FALSE(knows_dial_timeout(std::nullopt));
}

// ---- Order ----

const Registry kThree = {.upstream = "docker.io",
                         .server = "https://s",
                         .hosts = {{.url = "https://a", .capabilities = kPullResolve},
                                   {.url = "https://b", .capabilities = kPullResolve, .ca_certs = {"ca.pem"}},
                                   {.url = "https://c", .capabilities = {"pull"}, .override_path = true}}};

std::string urls(const Registry& registry) {
  std::string out;
  for (const auto& host : registry.hosts) out += host.url.substr(8);
  return out;
}

observed::State answers(const std::string& live, const std::string& dead) {
  observed::State now;
  for (const char c : live) now.mirrors[observed::mirror_key("docker.io", std::string("https://") + c)] = {true};
  for (const char c : dead) now.mirrors[observed::mirror_key("docker.io", std::string("https://") + c)] = {false};
  return now;
}

TEST(LiveFirst, PutsThoseThatAnsweredFirst) {
  EXPECT_EQ(urls(live_first(kThree, answers("c", "ab"))), "cab");
  EXPECT_EQ(urls(live_first(kThree, answers("cb", "a"))), "bca");
  EXPECT_EQ(urls(live_first(kThree, answers("b", ""))), "bac");
}

TEST(LiveFirst, KeepsTheOrderWhereNobodyAnswered) {
  EXPECT_EQ(urls(live_first(kThree, answers("", "ab"))), "abc");
  EXPECT_EQ(urls(live_first(kThree, {})), "abc");
}

TEST(LiveFirst, AsksAboutThisUpstreamOnly) {
  observed::State now;
  now.mirrors[observed::mirror_key("quay.io", "https://c")] = {true};
  EXPECT_EQ(urls(live_first(kThree, now)), "abc");
}

// ---- What should lie on disk ----

const desired::Facts kOld = {.containerd = desired::Version{{1, 6, 20}}};
const desired::Facts kNew = {.containerd = desired::Version{{2, 1, 5}}};
const desired::Facts kOffline = {.containerd = desired::Version{{2, 1, 5}}, .live = false};

Registry in_order(const std::string& order) {
  Registry out = kThree;
  out.hosts.clear();
  for (const char c : order) out.hosts.push_back(kThree.hosts.at(static_cast<std::size_t>(c - 'a')));
  return out;
}

TEST(WantedHostsToml, OfANewFile) {
  const auto live = answers("b", "a");
  EXPECT_EQ(wanted_hosts_toml(kThree, "", true, live, kOld), render_hosts_toml(in_order("bac"), std::nullopt));
  EXPECT_EQ(wanted_hosts_toml(kThree, "", true, live, kNew), render_hosts_toml(in_order("bac"), "1s"));
  EXPECT_EQ(wanted_hosts_toml(kThree, "", true, live, kOffline), render_hosts_toml(in_order("bac"), std::nullopt));
  EXPECT_EQ(wanted_hosts_toml(kThree, "", true, {}, desired::Facts{}), render_hosts_toml(kThree, std::nullopt));
}

TEST(WantedHostsToml, KeepsOrderAndDialTimeoutOfTheSameHosts) {
  const auto provisioned = render_hosts_toml(in_order("cab"), "1s");
  EXPECT_EQ(wanted_hosts_toml(kThree, provisioned, true, answers("b", "ac"), kNew), provisioned);
  EXPECT_EQ(wanted_hosts_toml(kThree, provisioned, true, {}, kOffline), provisioned);
  const auto without = render_hosts_toml(in_order("cab"), std::nullopt);
  EXPECT_EQ(wanted_hosts_toml(kThree, without, true, answers("b", "ac"), kNew), without);
}

TEST(WantedHostsToml, KeepsTheDialTimeoutAloneWhereTheOrderIsOpen) {
  const auto provisioned = render_hosts_toml(in_order("cab"), "2s");
  EXPECT_EQ(wanted_hosts_toml(kThree, provisioned, false, answers("b", ""), kOld),
            render_hosts_toml(in_order("bac"), "2s"));
}

TEST(WantedHostsToml, TakesHostsForOthersIfAnythingOfThemDiffers) {
  const auto fresh = render_hosts_toml(kThree, std::nullopt);
  const auto expect_fresh = [&](Registry other) {
    const auto bytes = render_hosts_toml(other, "1s");
    EXPECT_EQ(wanted_hosts_toml(kThree, bytes, true, {}, kOld), fresh) << bytes;
  };
  auto other = in_order("cba");
  other.hosts[0].override_path = false;
  expect_fresh(other);
  other = in_order("cba");
  other.hosts[1].ca_certs = {"other.pem"};
  expect_fresh(other);
  other = in_order("cba");
  other.hosts[2].capabilities = {"pull"};
  expect_fresh(other);
  other = in_order("cba");
  other.server = "https://other";
  expect_fresh(other);
  other.server.reset();
  expect_fresh(other);
  expect_fresh(in_order("cb"));
}

TEST(WantedHostsToml, RepairsWhatIsNoTomlOrNotForContainerd) {
  const auto fresh = render_hosts_toml(kThree, std::nullopt);
  const auto ours = render_hosts_toml(in_order("cba"), std::nullopt);
  for (const std::string& broken :
       std::vector<std::string>{"server = ", ours + "[", "server = 5\n", "host = 5\n", "[host]\nx = 1\n",
                                "server = \"https://s\"\n[host.\"https://a\"]\ncapabilities = 5\n",
                                "server = \"https://s\"\n[host.\"https://a\"]\noverride_path = \"yes\"\n",
                                render_hosts_toml(in_order("cba"), "soon"), render_hosts_toml(in_order("cba"), "")})
    EXPECT_EQ(wanted_hosts_toml(kThree, broken, true, {}, kOld), fresh) << broken;
}

TEST(WantedHostsToml, RepairsWhatIsAddedByHand) {
  const auto ours = render_hosts_toml(in_order("cba"), std::nullopt);
  EXPECT_EQ(wanted_hosts_toml(kThree, ours + "  skip_verify = true\n# hello\n", true, {}, kOld), ours);
}

TEST(WantedHostsToml, ReadsDurationsAsGoDoes) {
  for (const char* duration : {"1s", "1m30s", "1.5h", "300ms", "10\u00b5s", "0", ".5s"}) {
    const auto bytes = render_hosts_toml(kThree, duration);
    EXPECT_EQ(wanted_hosts_toml(kThree, bytes, true, {}, kOld), bytes) << duration;
  }
  for (const char* duration : {"1", "s", "1 s", "-1s", ".s", "1d"}) {
    const auto bytes = render_hosts_toml(kThree, duration);
    EXPECT_EQ(wanted_hosts_toml(kThree, bytes, true, {}, kOld), render_hosts_toml(kThree, std::nullopt)) << duration;
  }
}

TEST(WantedHostsToml, IsStable) {
  for (const bool keep : {false, true}) {
    const auto once = wanted_hosts_toml(kThree, "", keep, answers("b", "ac"), kNew);
    EXPECT_EQ(wanted_hosts_toml(kThree, once, keep, answers("b", "ac"), kNew), once);
  }
}

}  // namespace
}  // namespace gna::containerd
