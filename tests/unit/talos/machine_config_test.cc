#include "gna/talos/machine_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "agent/yaml/reader.h"
#include "tests/unit/talos/stored.h"

namespace gna::talos {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string print(const std::vector<plan::Refused>& refused) {
  std::string out;
  for (const auto& part : refused)
    out += part.field + "\n  why: " + part.why + "\n" +
           (part.alternative.empty() ? "" : "  instead: " + part.alternative + "\n");
  return out;
}

class Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Golden, SaysTheSameInDocuments) {
  const std::string osc = GetParam();
  const auto name = name_of(osc);
  const auto out = machine_documents(stored(osc), {});
  const bool documents = agrees(name + ".yaml", to_stream(out.documents));
  const bool refused = agrees(name + ".refused.txt", print(out.refused));
  if (!documents || !refused) GTEST_SKIP() << "rewritten";
}

INSTANTIATE_TEST_SUITE_P(MachineDocuments, Golden,
                         ::testing::Values("real/reconcile-worker.yaml", "real/reconcile-worker-nossh-registryca.yaml",
                                           "real/reconcile-controlplane-hostnames.yaml",
                                           "cases/registries-mirrors-full.yaml", "cases/registries-server-only.yaml",
                                           "cases/plugins-add-remove.yaml", "cases/files-encodings.yaml",
                                           "cases/files-permissions.yaml", "cases/files-secretref.yaml",
                                           "cases/static-pods.yaml", "cases/units-all-shapes.yaml",
                                           "cases/unicode.yaml"),
                         [](const auto& row) {
                           auto name = name_of(row.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// Each file and unit of the OSC is either in a document, or refused, or one of those that Talos has.
class Complete : public ::testing::TestWithParam<const char*> {};

TEST_P(Complete, NothingIsDroppedInSilence) {
  const auto wanted = stored(GetParam());
  const auto out = machine_documents(wanted, {});
  std::set<std::string> named;
  for (const auto& document : out.documents) named.insert(document.from.begin(), document.from.end());
  for (const auto& part : out.refused) named.insert(part.field);
  using desired::Role;
  // The cluster's CA is read by the node agent alone.
  for (const auto& [path, file] : wanted.files) {
    if (file.role == Role::node_agent || file.role == Role::agent_config || path.ends_with("/cluster-ca.crt")) continue;
    EXPECT_THAT(named, Contains(file.field)) << path;
  }
  for (const auto& [name, unit] : wanted.units) {
    if (unit.role == Role::node_agent || unit.role == Role::containerd || unit.role == Role::kubelet) continue;
    if (!unit.content && unit.drop_ins.empty() && unit.run != desired::Run::running) continue;
    EXPECT_THAT(named, Contains(unit.field)) << name;
  }
  for (const auto& [upstream, registry] : wanted.registries) EXPECT_THAT(named, Contains(registry.field)) << upstream;
}

INSTANTIATE_TEST_SUITE_P(MachineDocuments, Complete,
                         ::testing::Values("real/reconcile-worker.yaml", "real/reconcile-worker-valitail.yaml",
                                           "real/reconcile-controlplane-hostnames.yaml",
                                           "cases/registries-mirrors-full.yaml", "cases/files-encodings.yaml",
                                           "cases/static-pods.yaml", "cases/large-400-files-120-units.yaml"),
                         [](const auto& row) {
                           auto name = name_of(row.param);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(MachineDocuments, AreReadAsTheyWereMeant) {
  const std::string odd = "tab\tand \"quotes\"\n# no comment\n  - no list\n--- \nno end\n\n";
  desired::State wanted;
  wanted.files["/etc/odd"] = {.content = odd, .mode = 0755, .field = "spec.files[0]"};
  const auto out = machine_documents(wanted, {});
  ASSERT_THAT(out.documents, SizeIs(1));
  const auto read = yaml::read(out.documents[0].yaml);
  ASSERT_TRUE(read) << out.documents[0].yaml;
  EXPECT_EQ(*read->root.find("contents")->text(), odd);
  EXPECT_EQ(std::get<std::int64_t>(read->root.find("mode")->value), 0755);
}

TEST(MachineDocuments, KeepSecretWhatIsOne) {
  desired::State wanted;
  wanted.files["/etc/a"] = {.content = "x", .secret = true};
  wanted.files["/etc/b"] = {.content = "y"};
  const auto out = machine_documents(wanted, {});
  ASSERT_THAT(out.documents, SizeIs(2));
  EXPECT_TRUE(out.documents[0].secret);
  EXPECT_FALSE(out.documents[1].secret);
}

TEST(MachineDocuments, LeaveTalosItsOwnFiles) {
  for (const char* path : {"/etc/hosts", "/etc/resolv.conf", "/etc/pki/x", "/etc/ssl/certs/x", "/etc/cni/net.d/x",
                           "/etc/.hidden", "/etc/a/.hidden/b", "/etc/kubernetes/x", "/etc/systemd/system/x.service",
                           "/usr/bin/x", "/opt/bin/x", "/var/lib/x"}) {
    desired::State wanted;
    wanted.files[path] = {.content = "x", .field = "spec.files[0]"};
    const auto out = machine_documents(wanted, {});
    EXPECT_THAT(out.documents, IsEmpty()) << path;
    EXPECT_THAT(out.refused, SizeIs(1)) << path;
  }
  for (const char* path : {"/etc/hostsfile", "/etc/pkinit", "/etc/ssl.conf", "/etc/a/hosts", "/etc/systemd.conf"}) {
    desired::State wanted;
    wanted.files[path] = {.content = "x"};
    EXPECT_THAT(machine_documents(wanted, {}).refused, IsEmpty()) << path;
  }
}

TEST(MachineDocuments, TellWhichReleaseAnOldTalosLacks) {
  const auto wanted = stored("cases/registries-mirrors-full.yaml");
  const auto kinds = [&](const char* version) {
    std::set<std::string> out;
    for (const auto& document : machine_documents(wanted, {.os_version = version}).documents) out.insert(document.kind);
    return out;
  };
  EXPECT_THAT(kinds("1.14.0"), Contains("CRICustomizationConfig"));
  EXPECT_THAT(kinds("1.15"), Contains("CRICustomizationConfig"));
  EXPECT_THAT(kinds("1.13.2"), ::testing::ElementsAre("RegistryMirrorConfig"));
  EXPECT_THAT(kinds("1.11.9"), IsEmpty());
  EXPECT_THAT(machine_documents(wanted, {.os_version = "1.13.2"}).refused,
              Contains(AllOf(Field(&plan::Refused::field, "spec.criConfig.containerd.sandboxImage"),
                             Field(&plan::Refused::alternative, HasSubstr("1.14")))));
}

desired::Registry registry(const std::string& upstream, std::vector<desired::RegistryHost> hosts) {
  return {.upstream = upstream, .hosts = std::move(hosts), .field = "registries[" + upstream + "]"};
}

TEST(MachineDocuments, TrustAHostByTheAuthoritiesOfAllItsUpstreams) {
  const std::string one = "-----BEGIN CERTIFICATE-----\none\n-----END CERTIFICATE-----\n";
  const std::string two = "-----BEGIN CERTIFICATE-----\ntwo\n-----END CERTIFICATE-----";
  desired::State wanted;
  wanted.files["/ca/one"] = {.content = one, .role = desired::Role::registry_ca, .field = "spec.files[0]"};
  wanted.files["/ca/copy"] = {.content = one, .role = desired::Role::registry_ca, .field = "spec.files[1]"};
  wanted.files["/ca/two"] = {.content = two, .role = desired::Role::registry_ca, .field = "spec.files[2]"};
  const auto host = [](std::vector<std::string> ca) {
    return desired::RegistryHost{
        .url = "https://user@mirror.local:5000/v2/x", .capabilities = {"pull", "resolve"}, .ca_certs = std::move(ca)};
  };
  wanted.registries["a"] = registry("a", {host({"/ca/one", "/ca/copy"})});
  wanted.registries["b"] = registry("b", {host({"/ca/one", "/ca/two"})});
  const auto out = machine_documents(wanted, {});
  ASSERT_THAT(out.documents, SizeIs(3));
  EXPECT_EQ(out.documents[2].kind, "RegistryTLSConfig");
  EXPECT_EQ(out.documents[2].name, "mirror.local:5000");
  const auto read = yaml::read(out.documents[2].yaml);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read->root.find("ca")->text(), one + two + "\n");
  EXPECT_THAT(out.refused, IsEmpty());
}

TEST(MachineDocuments, ReadTheKubeletsCommandLine) {
  desired::State wanted;
  wanted.units["kubelet.service"] = {
      .content =
          "[Service]\nExecStart=\nExecStart=/opt/bin/kubelet --config=/x \\\n  --v 4 --fail-swap-on "
          "--node-ip=\"10.0.0.1\" --node-labels=a=b,c= --node-labels d=e=f --x=1 --x=2 stray $MORE",
      .role = desired::Role::kubelet,
      .field = "spec.units[0]"};
  const auto out = machine_documents(wanted, {});
  ASSERT_THAT(out.documents, SizeIs(2));
  EXPECT_EQ(out.documents[0].yaml,
            "apiVersion: v1alpha1\nkind: KubeNodeConfig\nlabels:\n  a: b\n  c: \"\"\n  d: e=f\n");
  EXPECT_EQ(out.documents[1].yaml,
            "apiVersion: v1alpha1\nkind: KubeletConfig\nextraArgs:\n  fail-swap-on: \"true\"\n"
            "  node-ip: 10.0.0.1\n  v: \"4\"\n  x:\n  - \"1\"\n  - \"2\"\n");
  EXPECT_THAT(out.refused, SizeIs(2));  // stray, $MORE
}

TEST(MachineDocuments, TakeTheKubeletsVersionFromItsImage) {
  const auto image = [](const std::string& reference) {
    desired::State wanted;
    wanted.files["/opt/bin/kubelet"] = {.content = desired::ImageSource{reference, "/kubelet"},
                                        .role = desired::Role::kubelet};
    const auto out = machine_documents(wanted, {});
    return out.documents.empty() ? "" : out.documents[0].yaml.substr(out.documents[0].yaml.find("image"));
  };
  EXPECT_EQ(image("r.local:5000/hyperkube:v1.34.1"), "image: ghcr.io/siderolabs/kubelet:v1.34.1\n");
  EXPECT_EQ(image("r/hyperkube:v1.34.1@sha256:00"), "image: ghcr.io/siderolabs/kubelet:v1.34.1\n");
  EXPECT_EQ(image("r.local:5000/hyperkube"), "");
  EXPECT_EQ(image("r/hyperkube@sha256:00"), "");
  EXPECT_EQ(image("r/hyperkube:latest"), "");
}

}  // namespace
}  // namespace gna::talos
