#include "provision/mirror_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "gna/base/digest.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::read;

Result<MirrorConfigs> parse(const std::string& text, const osc::Secrets& secrets = {}) {
  return parse_mirrors({{.name = "m.yaml", .bytes = text}}, secrets);
}

std::string config(const std::string& mirrors) {
  return "apiVersion: mirror.extensions.gardener.cloud/v1alpha1\nkind: MirrorConfig\nmirrors:\n" + mirrors;
}

// Names of the registry-mirror extension: the agent has to find its own files again.
TEST(CaFilePath, IsTheExtensions) {
  const auto path = [](const char* url) { return ca_file_path("docker.io", url).substr(34); };
  EXPECT_EQ(path("https://mirror.gcr.io"), "mirror.gcr.io-ca-bundle.pem");
  EXPECT_EQ(path("http://10.0.0.5:5000/"), "10.0.0.5-5000--ca-bundle.pem");
  EXPECT_EQ(path("https://harbor.example.com/v2/k8s"), "harbor.example.com-v2-k8s-ca-bundle.pem");
  const auto letters = [](char c) { return std::string(60, c); };
  const auto long_url =
      "https://" + letters('a') + "." + letters('b') + "." + letters('c') + "." + letters('d') + ":5000";
  const auto name = path(long_url.c_str());
  EXPECT_EQ(name.size(), 255u);
  EXPECT_TRUE(name.ends_with("dddddddddd-3427b-ca-bundle.pem")) << name;
  EXPECT_EQ(ca_file_path("r.io:5000", "https://m"), "/etc/containerd/certs.d/r.io-5000/m-ca-bundle.pem");
}

TEST(UpstreamUrl, KnowsDockerHubOnly) {
  EXPECT_EQ(upstream_url("docker.io"), "https://registry-1.docker.io");
  EXPECT_EQ(upstream_url("index.docker.io"), "https://index.docker.io");
  EXPECT_EQ(upstream_url("r.io:5000"), "https://r.io:5000");
}

TEST(MirrorConfigs, HoldWhatTheDocumentsSay) {
  const auto configs = testing::three_mirrors();
  EXPECT_THAT(configs.warnings, IsEmpty());
  ASSERT_EQ(configs.mirrors.size(), 3u);
  const auto& hub = configs.mirrors[1];
  EXPECT_TRUE(hub.provision_relevant);
  EXPECT_EQ(hub.registry.upstream, "docker.io");
  EXPECT_EQ(hub.registry.server, "https://registry-1.docker.io");
  ASSERT_EQ(hub.registry.hosts.size(), 1u);
  EXPECT_THAT(hub.registry.hosts[0].capabilities, ElementsAre("pull", "resolve"));
  EXPECT_TRUE(hub.registry.hosts[0].override_path);
  ASSERT_EQ(hub.ca_files.size(), 1u);
  EXPECT_EQ(hub.ca_files[0].path, "/etc/containerd/certs.d/docker.io/hub.example.org-v2-hub-ca-bundle.pem");
  EXPECT_EQ(hub.ca_files[0].pem, testing::secrets().at("hub-ca").at("bundle.crt"));
  EXPECT_LT(hub.ca_files[0].not_before, hub.ca_files[0].not_after);
}

TEST(MirrorConfigs, TakeTheDefaultsOfTheApi) {
  const auto configs = parse(config("- upstream: quay.io\n  hosts:\n  - host: https://m.example\n"));
  ASSERT_TRUE(configs) << configs.error().message;
  EXPECT_FALSE(configs->mirrors[0].provision_relevant);
  EXPECT_THAT(configs->mirrors[0].registry.hosts[0].capabilities, ElementsAre("pull"));
}

TEST(MirrorConfigs, KeepTheOrderOfHostsAndOfFiles) {
  const auto first = config("- upstream: b.io\n  hosts:\n  - host: https://z.example\n  - host: http://a.example:80\n");
  const auto second = config("- upstream: a.io\n  hosts:\n  - host: https://m.example\n");
  const auto configs = parse_mirrors(
      {{"1", first + "---\n" + second}, {"2", config("- upstream: c.io\n  hosts: [{host: 'https://m'}]\n")}}, {});
  ASSERT_TRUE(configs) << configs.error().message;
  std::vector<std::string> upstreams, hosts;
  for (const auto& mirror : configs->mirrors) upstreams.push_back(mirror.registry.upstream);
  for (const auto& host : configs->mirrors[0].registry.hosts) hosts.push_back(host.url);
  EXPECT_THAT(upstreams, ElementsAre("b.io", "a.io", "c.io"));
  EXPECT_THAT(hosts, ElementsAre("https://z.example", "http://a.example:80"));
}

TEST(MirrorConfigs, WarnOfMisspeltFields) {
  const auto configs = parse(config("- upstream: quay.io\n  provisionrelevant: true\n  hosts:\n  - host: https://m\n"));
  ASSERT_TRUE(configs);
  EXPECT_THAT(configs->warnings, ElementsAre(HasSubstr("did you mean provisionRelevant?")));
}

TEST(MirrorConfigs, SameUpstreamInTwoFilesIsRefused) {
  const auto one = config("- upstream: quay.io\n  hosts:\n  - host: https://m\n");
  const auto both = parse_mirrors({{"1.yaml", one}, {"2.yaml", one}}, {});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().code, Code::InvalidArgument);
  EXPECT_THAT(both.error().message, HasSubstr("2.yaml:4:13: mirrors[0].upstream"));
}

// One of these in a hosts.toml or a script would reach every new machine.
TEST(MirrorConfigs, HostileOnesAreRefused) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(GNA_TESTDATA) + "/provision/bad")) {
    const auto name = entry.path().filename().string();
    const auto configs = parse(read("provision/bad/" + name), testing::secrets());
    ASSERT_FALSE(configs) << name;
    EXPECT_EQ(configs.error().code, Code::InvalidArgument) << name;
    EXPECT_THAT(configs.error().message, ::testing::Not(HasSubstr("hunter2"))) << name;
    EXPECT_THAT(configs.error().message, ::testing::Not(HasSubstr("\n"))) << name;
    ++count;
  }
  EXPECT_GE(count, 25u);
  EXPECT_EQ(count, 48u);
}

TEST(MirrorConfigs, OneCaForTwoSchemesOfAHostIsNoContradiction) {
  const auto pem = base64_encode(testing::secrets().at("hub-ca").at("bundle.crt"));
  const auto host = [&](const char* scheme) {
    return "  - host: " + std::string(scheme) + "://m\n    caBundle: " + pem + "\n";
  };
  const auto configs = parse(config("- upstream: quay.io\n  hosts:\n" + host("https") + host("http")));
  ASSERT_TRUE(configs) << configs.error().message;
  EXPECT_EQ(configs->mirrors[0].ca_files.size(), 1u);
}

TEST(Caches, ComeFromTheStatusOfTheirExtension) {
  const auto extension =
      "apiVersion: extensions.gardener.cloud/v1alpha1\nkind: Extension\nspec:\n  providerConfig:\n"
      "    apiVersion: registry.extensions.gardener.cloud/v1alpha3\n    kind: RegistryConfig\n"
      "    caches: [{upstream: quay.io}, {upstream: gcr.io, volume: {size: 10Gi}}]\n"
      "status:\n  providerStatus:\n    apiVersion: registry.extensions.gardener.cloud/v1alpha3\n    kind: "
      "RegistryStatus\n"
      "    caSecretName: hub-ca\n    caches:\n"
      "    - {upstream: quay.io, endpoint: 'https://10.4.0.10:5000', remoteURL: 'https://quay.io'}\n";
  const auto configs = parse(extension, testing::secrets());
  ASSERT_TRUE(configs) << configs.error().message;
  EXPECT_THAT(configs->mirrors, IsEmpty());
  ASSERT_EQ(configs->caches.size(), 1u);
  const auto& cache = configs->caches[0].registry;
  EXPECT_TRUE(cache.readiness_probe);
  EXPECT_EQ(cache.server, "https://quay.io");
  EXPECT_EQ(cache.hosts[0].url, "https://10.4.0.10:5000");
  EXPECT_THAT(cache.hosts[0].capabilities, ElementsAre("pull", "resolve"));
  EXPECT_THAT(cache.hosts[0].ca_certs, ElementsAre("/etc/containerd/certs.d/ca-bundle.pem"));
  EXPECT_THAT(configs->warnings, ElementsAre(HasSubstr("gcr.io is left out")));
}

// There is one file for the CAs of all of them.
TEST(Caches, WithAnotherCaAreRefused) {
  const auto status = [](const std::string& upstream, const std::string& secret) {
    return "apiVersion: registry.extensions.gardener.cloud/v1alpha3\nkind: RegistryStatus\ncaSecretName: " + secret +
           "\ncaches: [{upstream: " + upstream + ", endpoint: 'https://10.4.0.10:5000', remoteURL: 'https://" +
           upstream + "'}]\n";
  };
  auto secrets = testing::secrets();
  secrets["other"] = secrets.at("hub-ca");
  EXPECT_TRUE(parse(status("quay.io", "hub-ca") + "---\n" + status("gcr.io", "other"), secrets)) << "the same bytes";
  secrets["other"]["bundle.crt"] += secrets.at("hub-ca").at("bundle.crt");
  const auto refused = parse(status("quay.io", "hub-ca") + "---\n" + status("gcr.io", "other"), secrets);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("caSecretName: another CA bundle has the same file name"));
}

TEST(Credentials, AreFoundInEachKindOfSecret) {
  const std::string url = "https://m.example:5000/v2/hub";
  const auto basic = credentials_of({{"username", "u"}, {"password", "p:q"}}, url);
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->user + "/" + basic->password, "u/p:q");
  const auto docker = [](const std::string& entry) {
    return osc::Secrets::mapped_type{{".dockerconfigjson", "{\"auths\":{" + entry + "}}"}};
  };
  const auto named = credentials_of(docker(R"("https://m.example:5000/v1/":{"username":"u","password":"p"})"), url);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->password, "p");
  const auto encoded = credentials_of(docker(R"("m.example:5000":{"auth":")" + base64_encode("u:p:q") + R"("})"), url);
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_EQ(encoded->user + "/" + encoded->password, "u/p:q");
  const auto pem = testing::secrets().at("hub-ca").at("bundle.crt");
  const auto client = credentials_of({{"tls.crt", pem}, {"tls.key", "-----BEGIN PRIVATE KEY-----\n"}}, url);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->certificate, pem);
}

TEST(Credentials, AreNamedByAnAnnotation) {
  const auto named = "metadata:\n  annotations:\n    gna.dev/credentials-secret: c\n" +
                     config("- upstream: quay.io\n  hosts:\n  - host: https://m\n");
  const auto configs = parse(named, {{"c", {{"username", "u"}, {"password", "p"}}}});
  ASSERT_TRUE(configs) << configs.error().message;
  EXPECT_EQ(configs->mirrors[0].credentials.at("https://m").password, "p");
  EXPECT_FALSE(parse(named)) << "nobody has this Secret";
}

TEST(Credentials, ThatCannotBeSentAreRefused) {
  const std::vector<osc::Secrets::mapped_type> secrets = {
      {},
      {{"username", "u"}},
      {{"username", "u:v"}, {"password", "p"}},
      {{"username", "u"}, {"password", "p\r\nX-Evil: 1"}},
      {{".dockerconfigjson", "{}"}},
      {{".dockerconfigjson", "hunter2"}},
      {{".dockerconfigjson", R"({"auths":{"other.example":{"auth":"eDp5"}}})"}},
      {{"tls.crt", "x"}, {"tls.key", "y"}},
      {{"tls.key", "y"}},
  };
  for (const auto& secret : secrets) {
    const auto found = credentials_of(secret, "https://m.example");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::InvalidArgument);
    EXPECT_THAT(found.error().message, ::testing::Not(HasSubstr("hunter2")));
  }
}

TEST(CloseUpstream, MakesTheFirstHostTheServer) {
  auto mirror = testing::three_mirrors().mirrors[1];
  close_upstream(mirror);
  EXPECT_EQ(mirror.registry.server, "https://hub.example.org/v2/hub");
}

}  // namespace
}  // namespace gna::provision
