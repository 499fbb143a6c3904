#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "agent/containerd/probe.h"
#include "tests/support/tls_server.h"

namespace gna::containerd {
namespace {

using namespace std::chrono_literals;
using support::Authority;
using support::HttpReply;
using support::HttpRequest;
using support::TlsServer;

constexpr auto kPerRequest = 20s;  // nothing here waits for it to pass
Deadline soon() { return std::chrono::steady_clock::now() + 60s; }

Result<std::string> no_files(const std::string& path) { return fail(Code::NotFound, path + ": no such file"); }

HttpReply ok(const HttpRequest&) { return {}; }

const Authority& one() {
  static const Authority it("one");
  return it;
}
const Authority& two() {
  static const Authority it("two");
  return it;
}

observed::Mirror ask(Question question, const ReadCa& read_ca = no_files,
                     std::chrono::milliseconds per_request = kPerRequest) {
  question.key = "k";
  return probe({question}, read_ca, per_request, soon()).at("k");
}

struct StatusCase {
  int status;
  bool ready;
};

class ProbeStatus : public testing::TestWithParam<StatusCase> {};

TEST_P(ProbeStatus, CountsIfTheMirrorServes) {
  const TlsServer server({.tls = false}, [](const HttpRequest&) { return HttpReply{.status = GetParam().status}; });
  const auto mirror = ask({.url = server.url()});
  EXPECT_EQ(mirror.reachable, GetParam().ready);
  EXPECT_EQ(mirror.error.empty(), GetParam().ready) << mirror.error;
}

INSTANTIATE_TEST_SUITE_P(Table, ProbeStatus,
                         testing::Values(StatusCase{200, true}, StatusCase{204, true}, StatusCase{304, false},
                                         StatusCase{301, false}, StatusCase{400, true}, StatusCase{401, true},
                                         StatusCase{403, true}, StatusCase{404, true}, StatusCase{408, false},
                                         StatusCase{429, false}, StatusCase{500, false}, StatusCase{502, false},
                                         StatusCase{503, false}, StatusCase{599, false}),
                         [](const auto& case_) { return std::to_string(case_.param.status); });

TEST(Probe, AsksTheUrlItself) {
  const TlsServer server({.tls = false}, ok);
  EXPECT_TRUE(ask({.url = server.url("/v2/proxy/")}).reachable);
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].method, "GET");
  EXPECT_EQ(server.requests()[0].target, "/v2/proxy/");
}

TEST(Probe, FollowsARedirectToATokenWall) {
  const TlsServer server({.tls = false}, [](const HttpRequest& request) -> HttpReply {
    if (request.target == "/") return {307, "", {{"Location", "/v2/"}}};
    return {401, "", {{"WWW-Authenticate", "Bearer"}}};
  });
  EXPECT_TRUE(ask({.url = server.url()}).reachable);
}

TEST(Probe, TakesHttpsWhereTheSchemeIsLeftOut) {
  const TlsServer server({.certificate = one().issue({"127.0.0.1"})}, ok);
  const auto mirror = ask({.url = "127.0.0.1:" + std::to_string(server.port()), .ca_pem = {one().pem()}});
  EXPECT_TRUE(mirror.reachable) << mirror.error;
}

TEST(Probe, GivesEachHostItsOwnRoots) {
  const TlsServer first({.certificate = one().issue({"127.0.0.1"})}, ok);
  const TlsServer second({.certificate = two().issue({"127.0.0.1"})}, ok);
  const auto answers = probe({{.key = "a1", .url = first.url(), .ca_pem = {one().pem()}},
                              {.key = "a2", .url = second.url(), .ca_pem = {one().pem()}},
                              {.key = "b1", .url = first.url(), .ca_pem = {two().pem()}},
                              {.key = "b2", .url = second.url(), .ca_pem = {two().pem()}},
                              {.key = "none", .url = first.url()},
                              {.key = "both", .url = second.url(), .ca_pem = {one().pem(), two().pem()}}},
                             no_files, kPerRequest, soon());
  EXPECT_TRUE(answers.at("a1").reachable) << answers.at("a1").error;
  EXPECT_FALSE(answers.at("a2").reachable);
  EXPECT_FALSE(answers.at("b1").reachable);
  EXPECT_TRUE(answers.at("b2").reachable) << answers.at("b2").error;
  EXPECT_FALSE(answers.at("none").reachable);
  EXPECT_TRUE(answers.at("both").reachable) << answers.at("both").error;
}

TEST(Probe, ReadsRootsFromTheNode) {
  const TlsServer server({.certificate = one().issue({"127.0.0.1"})}, ok);
  const auto read = [](const std::string& path) -> Result<std::string> {
    if (path == "/etc/ca.crt") return one().pem();
    return no_files(path);
  };
  EXPECT_TRUE(ask({.url = server.url(), .ca_paths = {"/etc/ca.crt"}}, read).reachable);
  const auto unreadable = ask({.url = server.url(), .ca_paths = {"/etc/ca.crt", "/etc/other.crt"}}, read);
  EXPECT_FALSE(unreadable.reachable);
  EXPECT_THAT(unreadable.error, testing::HasSubstr("/etc/other.crt"));
}

TEST(Probe, ReadsRootsOneAtATime) {
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  const auto read = [&](const std::string&) -> Result<std::string> {
    if (++inside > 1) overlapped = true;
    --inside;
    return std::string("x");
  };
  std::vector<Question> questions;
  for (int i = 0; i < 40; ++i)
    questions.push_back({.key = std::to_string(i), .url = "https://127.0.0.1:1", .ca_paths = {"/a"}});
  EXPECT_EQ(probe(questions, read, kPerRequest, soon()).size(), 40u);
  EXPECT_FALSE(overlapped);
}

TEST(Probe, LetsNoDeadHostKeepTheOthersWaiting) {
  const support::BlackHole hole;
  const TlsServer live({.tls = false}, ok);
  const std::string dead = "https://127.0.0.1:" + std::to_string(hole.port());
  std::vector<Question> questions;
  for (int i = 0; i < 8; ++i) questions.push_back({.key = "dead" + std::to_string(i), .url = dead});
  questions.push_back({.key = "live", .url = live.url()});
  const auto start = std::chrono::steady_clock::now();
  const auto answers = probe(questions, no_files, 300ms, soon());
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(answers.at("live").reachable) << answers.at("live").error;
  EXPECT_FALSE(answers.at("dead0").reachable);
  EXPECT_GE(answers.at("dead0").latency, 250ms);
  EXPECT_LT(took, 8 * 300ms) << "side by side, not one after the other";
}

TEST(Probe, AnswersEveryQuestionAlsoWhenTimeIsUp) {
  const TlsServer live({.tls = false}, ok);
  std::vector<Question> questions;
  for (int i = 0; i < 50; ++i) questions.push_back({.key = std::to_string(i), .url = live.url()});
  const auto answers =
      probe(questions, no_files, kPerRequest, std::chrono::steady_clock::now() - std::chrono::milliseconds(1));
  EXPECT_EQ(answers.size(), 50u);
  for (const auto& [key, mirror] : answers) EXPECT_FALSE(mirror.reachable);
  EXPECT_TRUE(live.requests().empty());
}

TEST(Probe, TellsAUrlThatIsNone) {
  const auto mirror = ask({.url = "https://user:verysecret@:0/"});
  EXPECT_FALSE(mirror.reachable);
  EXPECT_THAT(mirror.error, testing::Not(testing::HasSubstr("verysecret")));
}

TEST(Probe, AsksNothingForNothing) { EXPECT_TRUE(probe({}, no_files, kPerRequest, soon()).empty()); }

}  // namespace
}  // namespace gna::containerd
