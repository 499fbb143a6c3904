#include "provision/stages/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/containerd/hosts_toml.h"
#include "agent/content/containerd_source.h"
#include "gna/base/digest.h"
#include "provision/bootstrap/bootstrap.h"
#include "provision/init_script.h"
#include "provision/stages/private_hosts.h"
#include "provision/take_over.h"
#include "tests/support/fake_containerd.h"
#include "tests/support/temp_root.h"
#include "tests/support/tls_server.h"
#include "tests/unit/provision_machine/fake_services.h"

namespace gna::provision {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kImage = "registry.example/gardener/node-agent:v1";
constexpr const char* kToken = "/var/lib/gardener-node-agent/credentials/bootstrap-token";
constexpr const char* kHosts = "/etc/containerd/certs.d/registry.example/hosts.toml";

support::HttpReply registry(const support::HttpRequest& request) {
  return {.status = request.target == "/v2/" ? 401 : 404};
}

class RunTest : public testing::Test {
 protected:
  RunTest() {
    daemon_.offer(kImage, support::make_image({{{.name = "gardener-node-agent", .text = "program", .mode = 0755}}}));
    tree_.write("/etc/machine-id", "m1\n");
    input_.image = kImage;
    input_.per_probe = 2000ms;
    input_.userdata.generation = 10;
    input_.userdata.files = {{.path = "/var/lib/x", .bytes = "x", .mode = 0640},
                             {.path = kInitScriptPath, .bytes = "#!/bin/sh\n", .mode = 0755}};
    input_.userdata.units = {{.name = "a.service", .content = "[Service]\n", .drop_ins = {{"b.conf", "[Service]\n"}}},
                             {.name = "off.service", .enable = false},
                             {.name = kInitUnit, .content = "[Service]\n"}};
  }

  // A mirror of the image's registry; `hosts` in the order given.
  void mirror(const std::vector<std::string>& hosts, const std::string& ca = {}) {
    Mirror out{.registry = {.upstream = "registry.example", .server = "https://registry.example"}};
    for (const auto& url : hosts) {
      desired::RegistryHost host{.url = url, .capabilities = {"pull", "resolve"}};
      if (!ca.empty()) {
        const auto path = ca_file_path("registry.example", url);
        host.ca_certs = {path};
        out.ca_files.push_back({.path = path, .pem = ca});
      }
      out.registry.hosts.push_back(host);
    }
    input_.mirrors.push_back(out);
  }

  StagesEnd run() {
    input_.userdata.sha256 = content_sha256(input_.userdata);
    reports_.clear();
    provision::Run one(around_, input_);
    verdict_ = one.verdict();
    if (!verdict_.apply) return {};
    return run_stages(one.stages(), {.ended = [this](const StageReport& report) { reports_.push_back(report); }},
                      std::chrono::steady_clock::now() + 5min);
  }
  const StageReport& report(const std::string& name) const {
    return *std::ranges::find(reports_, name, &StageReport::name);
  }
  MachineState state() const { return load_machine_state(root_).value_or(MachineState{}); }

  const support::TempRoot tree_;
  const support::TempRoot run_directory_;
  support::FakeContainerd daemon_{run_directory_.path().string()};
  containerd::Client client_{{.socket = daemon_.socket(), .name_space = "test"}};
  const fs::RootFs root_ = fs::RootFs::open(tree_.path().string()).value();
  FakeServices services_;
  std::vector<std::string> said_, hosts_directories_;
  std::vector<std::chrono::milliseconds> naps_;
  std::int64_t now_ = 1790000000;
  int handed_off_ = 0;
  bool stopping_ = false;
  std::function<void()> at_pull_ = [] {};
  Surroundings around_{.root = root_,
                       .services = services_,
                       .content =
                           [this](const std::string& hosts_directory) {
                             hosts_directories_.push_back(hosts_directory);
                             at_pull_();
                             return content::from_containerd(client_, {.hosts_directory = hosts_directory});
                           },
                       .hand_off = [this](Deadline) -> Result<std::string> {
                         ++handed_off_;
                         services_.enabled_.insert(kAgentUnit);
                         return "8 stages";
                       },
                       .say = [this](const std::string& words) { said_.push_back(words); },
                       .sleep = [this](std::chrono::milliseconds nap) { naps_.push_back(nap); },
                       .stopping = [this] { return stopping_; },
                       .unix_time = [this] { return now_; }};
  RunInput input_;
  Verdict verdict_;
  std::vector<StageReport> reports_;
};

TEST_F(RunTest, SetsAMachineUp) {
  const auto end = run();
  EXPECT_FALSE(end.failed) << end.error.message;
  EXPECT_EQ(tree_.read(kAgentProgram), "program");
  EXPECT_EQ(root_.look(kAgentProgram, false)->mode, 0755u);
  EXPECT_EQ(tree_.read("/var/lib/x"), "x");
  EXPECT_EQ(root_.look("/var/lib/x", false)->mode, 0640u);
  EXPECT_EQ(tree_.read("/etc/systemd/system/a.service.d/b.conf"), "[Service]\n");
  EXPECT_THAT(services_.calls_,
              testing::ElementsAre("reload", "enable a.service", "restart a.service", "disable off.service"));
  EXPECT_EQ(handed_off_, 1);
  EXPECT_EQ(state().phase, kDonePhase);
  EXPECT_EQ(state().generation, 10);
  EXPECT_EQ(state().machine, "m1");
  // This run is what init.sh would have been.
  EXPECT_FALSE(tree_.exists(kInitScriptPath));
  EXPECT_FALSE(tree_.exists("/etc/systemd/system/gardener-node-init.service"));
}

TEST_F(RunTest, DoesNothingTwice) {
  EXPECT_FALSE(run().failed);
  tree_.write("/var/lib/x", "changed since");
  run();
  EXPECT_FALSE(verdict_.apply);
  EXPECT_EQ(tree_.read("/var/lib/x"), "changed since");
  input_.userdata.files[0].bytes = "older";
  input_.userdata.generation = 9;
  run();
  EXPECT_FALSE(verdict_.apply);
  input_.userdata.generation = 11;
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(tree_.read("/var/lib/x"), "older");
}

TEST_F(RunTest, DoesNothingWhereTheAgentHasTakenOver) {
  tree_.write("/var/lib/gardener-node-agent/last-applied-osc.yaml", "x");
  run();
  EXPECT_FALSE(verdict_.apply);
  EXPECT_FALSE(tree_.exists("/var/lib/x"));
}

TEST_F(RunTest, IsNotDoneBeforeTheAgentIsUp) {
  around_.hand_off = [](Deadline) -> Result<std::string> { return fail(Code::Unavailable, "no disk"); };
  EXPECT_TRUE(run().failed);
  EXPECT_EQ(state().phase, "pull");
  around_.hand_off = [](Deadline) -> Result<std::string> { return "says it is well"; };
  EXPECT_EQ(run().error.code, Code::Conflict);
  EXPECT_EQ(state().phase, "pull");
}

TEST_F(RunTest, PutsMirrorsThatAnswerFirst) {
  const support::Authority authority("mirror");
  const support::BlackHole dead;
  const support::TlsServer alive({.certificate = authority.issue({"127.0.0.1"})}, registry);
  const auto dead_url = "https://127.0.0.1:" + std::to_string(dead.port());
  mirror({dead_url, alive.url("")}, authority.pem());
  input_.per_probe = 300ms;
  const auto end = run();
  EXPECT_FALSE(end.failed) << end.error.message;
  const auto& asked = input_.mirrors[0].registry;
  auto wanted = asked;
  std::swap(wanted.hosts[0], wanted.hosts[1]);
  EXPECT_EQ(tree_.read(kHosts), containerd::render_hosts_toml(wanted, containerd::kDialTimeout));
  EXPECT_EQ(hosts_directories_, std::vector<std::string>{containerd::kCertsDirectory});
  EXPECT_THAT(report("verify").result->words, HasSubstr(alive.url("") + " answers in"));
  EXPECT_THAT(report("verify").result->warnings, IsEmpty());
  EXPECT_EQ(alive.requests().at(0).target, "/v2/");
  ASSERT_EQ(state().files.size(), 3u);
  EXPECT_EQ(state().files[2].path, kHosts);
  EXPECT_EQ(state().files[2].sha256, sha256_hex(tree_.read(kHosts)));
}

TEST_F(RunTest, DoesNotTrustAMirrorOfAnotherCa) {
  const support::Authority authority("mirror"), other("other");
  const support::TlsServer impostor({.certificate = other.issue({"127.0.0.1"})}, registry);
  mirror({impostor.url("")}, authority.pem());
  input_.require_mirror = true;
  const auto end = run();
  EXPECT_EQ(end.error.code, Code::Unavailable);
  EXPECT_THAT(end.error.message, HasSubstr("certificate"));
}

TEST_F(RunTest, AsksNoUpstreamIfAMirrorIsRequiredAndNoneAnswers) {
  mirror({"https://127.0.0.1:1", "https://127.0.0.1:2"});
  input_.require_mirror = true;
  const auto end = run();
  EXPECT_TRUE(end.failed);
  EXPECT_EQ(end.done, 1u);
  EXPECT_EQ(end.error.code, Code::Unavailable);
  EXPECT_THAT(end.error.message, HasSubstr("the upstream must not be asked"));
  EXPECT_THAT(hosts_directories_, IsEmpty());
  EXPECT_FALSE(tree_.exists(kHosts));
  std::chrono::milliseconds waited{};
  for (const auto nap : naps_) waited += nap;
  EXPECT_LE(waited, input_.patience_with_mirrors + 8s);
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(RunTest, WaitsForAMirrorThatIsRequiredAndComesLater) {
  const support::Authority authority("mirror");
  int asked = 0;
  const support::TlsServer mirror_server({.certificate = authority.issue({"127.0.0.1"})}, [&](const auto&) {
    return support::HttpReply{.status = ++asked < 3 ? 503 : 200};
  });
  mirror({mirror_server.url("")}, authority.pem());
  input_.require_mirror = true;
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(naps_.size(), 2u);
}

TEST_F(RunTest, FallsBackWithAWarningIfNoneIsRequired) {
  mirror({"https://127.0.0.1:1"});
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("verify").result->warnings, Contains(HasSubstr("fall back to the upstream")));
  EXPECT_TRUE(tree_.exists(kHosts));
  EXPECT_THAT(naps_, IsEmpty());
}

TEST_F(RunTest, TriesAPullAgain) {
  daemon_.fail_next("Transfer", 14, "registry is away");
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(naps_, std::vector<std::chrono::milliseconds>{1s});
  EXPECT_THAT(said_, Contains(HasSubstr("registry is away")));
}

TEST_F(RunTest, StopsBetweenTwoTries) {
  daemon_.fail_next("Transfer", 14, "registry is away");
  around_.sleep = [this](std::chrono::milliseconds) { stopping_ = true; };
  EXPECT_TRUE(run().failed);
  EXPECT_EQ(hosts_directories_.size(), 1u);
  EXPECT_EQ(state().phase, "files");
}

TEST_F(RunTest, EndsAPullThatHangs) {
  input_.per_pull = 1s;
  daemon_.hang_next("Transfer");
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(naps_.size(), 1u);
}

TEST_F(RunTest, TakesTheProgramOfAKoImage) {
  input_.image = "registry.example/ko:1";
  daemon_.offer(input_.image,
                support::make_image({{{.name = "ko-app/gardener-node-agent", .text = "ko", .mode = 0755}}}));
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(tree_.read(kAgentProgram), "ko");
}

TEST_F(RunTest, KeepsWhatSomebodyHasFilledIn) {
  input_.userdata.files.push_back(
      {.path = kToken, .bytes = std::string(kBootstrapToken), .mode = 0640, .has_placeholder = true});
  tree_.write(kToken, "abcdef.0123456789abcdef\n");
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(tree_.read(kToken), "abcdef.0123456789abcdef\n");
}

TEST_F(RunTest, SaysThatNobodyHasFilledItIn) {
  input_.userdata.files.push_back(
      {.path = kToken, .bytes = std::string(kBootstrapToken), .mode = 0640, .has_placeholder = true});
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("files").result->warnings, Contains(HasSubstr("placeholder")));
}

TEST_F(RunTest, WaitsForAClockAndGoesOnWithoutOne) {
  mirror({"https://127.0.0.1:1"});
  input_.mirrors[0].ca_files.push_back({.path = "/etc/containerd/certs.d/x.pem", .pem = "x", .not_before = now_ + 100});
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("fetch").result->warnings, Contains(HasSubstr("clock")));
  naps_.clear();
  input_.userdata.generation = 11;
  input_.userdata.files[0].bytes = "y";
  around_.sleep = [this](std::chrono::milliseconds nap) {
    naps_.push_back(nap);
    now_ += 200;
  };
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(naps_.size(), 1u);
  EXPECT_THAT(report("fetch").result->warnings, IsEmpty());
}

TEST_F(RunTest, HidesCredentialsBelowRunWhileItPulls) {
  mirror({"https://127.0.0.1:1", "https://127.0.0.1:2"});
  input_.mirrors[0].credentials["https://127.0.0.1:1"] = {.user = "robot", .password = "s3cret"};
  input_.mirrors[0].credentials["https://127.0.0.1:2"] = {.certificate = "CERT\n", .key = "KEY\n"};
  std::string seen;
  std::uint32_t directory = 0, file = 0;
  at_pull_ = [&] {
    seen = tree_.read("/run/gna/certs.d/registry.example/hosts.toml");
    directory = root_.look(kPrivateHostsDirectory, false)->mode;
    file = root_.look("/run/gna/certs.d/registry.example/hosts.toml", false)->mode;
  };
  const auto end = run();
  EXPECT_FALSE(end.failed) << end.error.message;
  EXPECT_EQ(hosts_directories_, std::vector<std::string>{kPrivateHostsDirectory});
  EXPECT_THAT(seen, HasSubstr("Authorization = \"Basic " + base64_encode("robot:s3cret") + "\""));
  EXPECT_EQ(directory, 0700u);
  EXPECT_EQ(file, 0600u);
  EXPECT_FALSE(tree_.exists(kPrivateHostsDirectory));
  EXPECT_THAT(tree_.read(kHosts), Not(HasSubstr("Authorization")));
  for (const auto& report : reports_) EXPECT_THAT(report.result->words, Not(HasSubstr("s3cret")));
}

TEST_F(RunTest, LeavesNoCredentialsBehindWhateverHappens) {
  tree_.write("/run/gna/certs.d/registry.example/hosts.toml", "of a run that was killed");
  mirror({"https://127.0.0.1:1"});
  input_.mirrors[0].credentials["https://127.0.0.1:1"] = {.certificate = "CERT\n", .key = "KEY\n"};
  std::uint32_t directory = 0;
  at_pull_ = [&] { directory = root_.look(kPrivateHostsDirectory, false)->mode; };
  EXPECT_FALSE(run().failed);
  EXPECT_EQ(directory, 0700u);
  EXPECT_FALSE(tree_.exists(kPrivateHostsDirectory));

  // Its directory stands where the first mirror's certificate belongs: the key is written, the rest fails.
  auto other = input_.mirrors[0];
  other.registry.upstream += "/client-1.pem";
  input_.mirrors.push_back(other);
  input_.userdata.generation = 11;
  input_.userdata.files[0].bytes = "y";
  around_.sleep = [this](std::chrono::milliseconds) { stopping_ = true; };
  EXPECT_TRUE(run().failed);
  EXPECT_FALSE(tree_.exists(kPrivateHostsDirectory));
}

TEST_F(RunTest, AsksAMirrorWithTheClientCertificateThatItWants) {
  const support::Authority authority("mirror"), clients("clients");
  const support::TlsServer alive({.certificate = authority.issue({"127.0.0.1"}), .client_ca_pem = clients.pem()},
                                 registry);
  const support::BlackHole dead;
  const auto dead_url = "https://127.0.0.1:" + std::to_string(dead.port());
  mirror({dead_url, alive.url("")}, authority.pem());
  input_.per_probe = 300ms;
  const auto pair = clients.issue({"machine-1"});
  for (const auto& host : input_.mirrors[0].registry.hosts)
    input_.mirrors[0].credentials[host.url] = {.certificate = pair.certificate_pem, .key = pair.key_pem};
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(report("verify").result->words, HasSubstr(alive.url("") + " answers in"));
  EXPECT_LT(tree_.read(kHosts).find(alive.url("")), tree_.read(kHosts).find(dead_url));
}

// containerd before 2.1 would show the token server nothing of what hosts.toml holds.
TEST_F(RunTest, LogsInAtAMirrorsTokenServer) {
  const support::Authority authority("mirror");
  std::string own, token_status = "200";
  const support::TlsServer server(
      {.certificate = authority.issue({"127.0.0.1"})}, [&](const support::HttpRequest& request) -> support::HttpReply {
        if (request.target ==
            "/token?service=the%20mirror&scope=repository:hub/gardener/"
            "node-agent:pull,push")
          return {.status = std::stoi(token_status), .body = R"({"token":"abc.def"})"};
        return {.status = 401,
                .headers = {{"WWW-Authenticate", "Bearer realm=\"" + own +
                                                     "/token\",service=\"the mirror\",scope="
                                                     "\"repository:hub/gardener/"
                                                     "node-agent:pull,push\""}}};
      });
  own = server.url("");
  mirror({own}, authority.pem());
  input_.mirrors[0].credentials[own] = {.user = "robot", .password = "s3cret"};
  std::string seen;
  at_pull_ = [&] { seen = tree_.read("/run/gna/certs.d/registry.example/hosts.toml"); };
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(seen, HasSubstr("Authorization = \"Bearer abc.def\""));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[1].target, "/v2/gardener/node-agent/manifests/v1?ns=registry.example");
  EXPECT_FALSE(requests[1].headers.contains("authorization"));
  EXPECT_EQ(requests[2].headers.at("authorization"), "Basic " + base64_encode("robot:s3cret"));

  token_status = "403";
  input_.userdata.generation = 11;
  input_.userdata.files[0].bytes = "y";
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(said_, Contains(HasSubstr("its token server gives status 403")));
  EXPECT_THAT(seen, HasSubstr("Authorization = \"Basic "));
}

// The pull is tried for as long as the mirror may need to come up.
TEST_F(RunTest, LogsInAtAMirrorThatDidNotAnswerAtFirst) {
  const support::Authority authority("mirror");
  std::string own;
  const support::TlsServer server(
      {.certificate = authority.issue({"127.0.0.1"})}, [&](const support::HttpRequest& request) -> support::HttpReply {
        if (request.target == "/v2/") return {.status = 503};
        if (request.target.starts_with("/token")) return {.body = R"({"token":"abc.def"})"};
        return {.status = 401, .headers = {{"WWW-Authenticate", "Bearer realm=\"" + own + "/token\""}}};
      });
  own = server.url("");
  mirror({own}, authority.pem());
  input_.mirrors[0].credentials[own] = {.user = "robot", .password = "s3cret"};
  std::string seen;
  at_pull_ = [&] { seen = tree_.read("/run/gna/certs.d/registry.example/hosts.toml"); };
  EXPECT_FALSE(run().failed);
  EXPECT_THAT(seen, HasSubstr("Authorization = \"Bearer abc.def\""));
}

// containerd counts a host twice if its header's table stands apart from it.
TEST(PrivateHosts, KeepEachHeaderBesideItsHost) {
  Mirror mirror{.registry = {.upstream = "r.example",
                             .server = "https://r.example",
                             .hosts = {{.url = "https://a", .capabilities = {"pull"}, .ca_certs = {"/ca.pem"}},
                                       {.url = "https://b", .capabilities = {"pull"}}}}};
  mirror.credentials["https://a"] = {.user = "u", .password = "p", .certificate = "C", .key = "K"};
  const auto files = private_hosts({mirror});
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(
      files[2].bytes,
      "# managed by gardener-node-agent\nserver = \"https://r.example\"\n\n"
      "[host.\"https://a\"]\n  capabilities = [\"pull\"]\n  ca = [\"/ca.pem\"]\n  dial_timeout = \"1s\"\n"
      "  client = [[\"/run/gna/certs.d/r.example/client-1.pem\",\"/run/gna/certs.d/r.example/client-1.key.pem\"]]\n"
      "  [host.\"https://a\".header]\n    Authorization = \"Basic dTpw\"\n\n"
      "[host.\"https://b\"]\n  capabilities = [\"pull\"]\n  dial_timeout = \"1s\"\n\n");
  for (const auto& file : files) EXPECT_EQ(file.mode, 0600u);
}

}  // namespace
}  // namespace gna::provision
