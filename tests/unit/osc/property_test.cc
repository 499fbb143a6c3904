// Random documents survive being written and read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "gna/base/digest.h"
#include "gna/osc/parse.h"
#include "gna/osc/write.h"

namespace gna::osc {
namespace {

class RandomOsc {
 public:
  explicit RandomOsc(unsigned seed) : random_(seed) {}

  Osc make() {
    Osc osc = {.api_version = "extensions.gardener.cloud/v1alpha1", .kind = "OperatingSystemConfig"};
    if (maybe()) osc.metadata.name = name();
    if (maybe()) osc.metadata.namespace_ = name();
    for (unsigned i = pick(3); i > 0; --i) osc.metadata.labels[text() + name()] = text();
    for (unsigned i = pick(3); i > 0; --i) osc.metadata.annotations[name()] = text();
    osc.spec.type = text();
    if (maybe()) osc.spec.class_ = "shoot";
    if (maybe()) osc.spec.provider_config = R"({"a":[1,{"b":null}],"c":"yes"})";
    osc.spec.purpose = maybe() ? "reconcile" : "";
    if (maybe()) osc.spec.cri_config = cri();
    if (maybe()) osc.spec.in_place_updates = in_place();
    for (unsigned i = pick(6); i > 0; --i) osc.spec.files.push_back(file());
    for (unsigned i = pick(6); i > 0; --i) osc.spec.units.push_back(unit());
    for (unsigned i = pick(3); i > 0; --i) osc.status.extension_files.push_back(file());
    for (unsigned i = pick(3); i > 0; --i) osc.status.extension_units.push_back(unit());
    if (maybe()) osc.status.in_place_updates_present = true;
    if (osc.status.in_place_updates_present && maybe()) {
      osc.status.os_update = OsUpdate{.command = "/bin/" + name()};
      for (unsigned i = pick(3); i > 0; --i) osc.status.os_update->args.push_back(text());
    }
    return osc;
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool maybe() { return pick(2) == 0; }
  std::string name() { return fmt::format("n{}", count_++); }

  std::string text() {
    static const std::vector<std::string> kPieces = {"",
                                                     "a",
                                                     "yes",
                                                     "0644",
                                                     "1e3",
                                                     "~",
                                                     "\n",
                                                     "\n\n",
                                                     " ",
                                                     "  ",
                                                     ": ",
                                                     " #",
                                                     "- ",
                                                     "'",
                                                     "\"",
                                                     "\\",
                                                     "\t",
                                                     "\r\n",
                                                     "é",
                                                     "🌱",
                                                     "[Service]\nExecStart=/bin/true\n",
                                                     "<<BOOTSTRAP_TOKEN>>",
                                                     "2026-08-01",
                                                     "long words that will be folded ",
                                                     "{\"a\": [1]}",
                                                     "\x1b[31m",
                                                     "\xe2\x80\xa8",
                                                     "\xef\xbb\xbf",
                                                     "%",
                                                     "@",
                                                     "---\n"};
    std::string out;
    for (unsigned i = pick(8); i > 0; --i) out += kPieces[pick(static_cast<unsigned>(kPieces.size()))];
    return out;
  }

  File file() {
    File out = {.path = fmt::format("/etc/{}/{}", name(), maybe() ? "name with blanks" : "größe'\"")};
    if (maybe()) out.permissions = pick(01000);
    if (maybe()) out.host_name = name();
    switch (pick(4)) {
      case 0: out.content.secret_ref = SecretRef{.name = name(), .data_key = "key.x"}; break;
      case 1:
        out.content.image_ref =
            ImageRef{.image = "registry.example/x/" + name() + ":1", .file_path_in_image = "/" + name()};
        break;
      case 2: out.content.inline_data = Inline{.encoding = "b64", .data = base64_encode(text())}; break;
      default: out.content.inline_data = Inline{.encoding = "", .data = text()};
    }
    if (maybe()) out.content.transmit_unencoded = maybe();
    return out;
  }

  Unit unit() {
    Unit out = {.name = name() + (maybe() ? ".service" : ".timer")};
    static const std::vector<std::string> kCommands = {"start", "restart", "stop"};
    if (maybe()) out.command = kCommands[pick(3)];
    if (maybe()) out.enable = maybe();
    if (maybe()) out.content = text();
    for (unsigned i = pick(3); i > 0; --i) out.drop_ins.push_back({name() + ".conf", text()});
    for (unsigned i = pick(3); i > 0; --i) out.file_paths.push_back("/etc/" + text());
    return out;
  }

  CriConfig cri() {
    CriConfig out = {.name = "containerd"};
    if (maybe()) out.cgroup_driver = maybe() ? "systemd" : "cgroupfs";
    if (maybe()) return out;
    Containerd containerd = {.sandbox_image = "registry.k8s.io/pause:3.10"};
    for (unsigned i = pick(3); i > 0; --i) {
      Registry registry = {.upstream = name() + ".io"};
      if (maybe()) registry.server = "https://" + name();
      if (maybe()) registry.readiness_probe = maybe();
      for (unsigned j = pick(3); j > 0; --j) {
        RegistryHost host = {.url = "http://" + name() + ":5000/v2"};
        if (maybe()) host.capabilities = {"pull", "push"};
        if (maybe()) host.ca_certs = {"ca \"of\" us.pem"};
        if (maybe()) host.override_path = maybe();
        registry.hosts.push_back(host);
      }
      containerd.registries.push_back(registry);
    }
    for (unsigned i = pick(3); i > 0; --i) {
      Plugin plugin = {.path = {"io.containerd.grpc.v1.cri", "x]\n[" + name()}};
      if (maybe()) plugin.op = "add";
      if (maybe()) plugin.values = R"({"a":0.5,"b":[true,null,-3],"c":{"d":"1e3"}})";
      containerd.plugins.push_back(plugin);
    }
    out.containerd = containerd;
    return out;
  }

  InPlaceUpdates in_place() {
    InPlaceUpdates out = {.operating_system_version = "1592.1.0", .kubelet_version = "1592"};
    if (maybe()) {
      out.credentials_rotation.emplace();
      if (maybe()) out.credentials_rotation->certificate_authorities = Rotation{"2026-08-01T10:00:00Z"};
      if (maybe()) out.credentials_rotation->service_account_key = Rotation{};
    }
    return out;
  }

  std::mt19937 random_;
  unsigned count_ = 0;
};

class RandomDocuments : public ::testing::TestWithParam<unsigned> {};

TEST_P(RandomDocuments, SurviveBeingWrittenAndRead) {
  for (unsigned seed = GetParam(); seed < GetParam() + 100; ++seed) {
    const Osc osc = RandomOsc(seed).make();
    const std::string text = write(osc);
    const Parsed parsed = parse_applied(text);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << ": " << parsed.findings.at(0).field << ' '
                             << parsed.findings.at(0).message << '\n'
                             << text;
    ASSERT_EQ(parsed.document->osc, osc) << "seed " << seed << '\n' << text;
    ASSERT_EQ(write(parsed.document->osc), text) << "seed " << seed;
    const Parsed strict = parse(write_json(osc));
    ASSERT_TRUE(strict.ok()) << "seed " << seed;
    ASSERT_EQ(strict.document->osc, osc) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Osc, RandomDocuments, ::testing::Values(1u, 101u, 201u),
                         [](const auto& test) { return fmt::format("from_seed_{}", test.param); });

}  // namespace
}  // namespace gna::osc
