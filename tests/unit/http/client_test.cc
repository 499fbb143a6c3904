#include <gtest/gtest.h>

#include <chrono>

#include "agent/http/client.h"
#include "tests/support/tls_server.h"

namespace gna::http {
namespace {

using namespace std::chrono_literals;
using support::HttpReply;
using support::HttpRequest;
using support::Silence;
using support::TlsServer;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

// Long enough for any busy machine; nothing here waits for it to pass.
Deadline soon() { return in(20s); }

const support::Authority& authority() {
  static const support::Authority it("the right authority");
  return it;
}

const support::Authority& stranger() {
  static const support::Authority it("another authority");
  return it;
}

Trust trusted() { return {.ca_pem = {authority().pem()}}; }

HttpReply hello(const HttpRequest&) { return {.body = "hello"}; }

support::ServerOptions with_certificate() { return {.certificate = authority().issue({"127.0.0.1", "localhost"})}; }

TEST(Get, BringsBodyAndStatus) {
  const TlsServer server(with_certificate(), [](const HttpRequest&) { return HttpReply{418, "short and stout", {}}; });
  const auto answer = get({.url = server.url("/x?y=1"), .trust = trusted(), .body_limit_bytes = 100}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 418);
  EXPECT_EQ(answer->body, "short and stout");
  EXPECT_EQ(answer->url, server.url("/x?y=1"));
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(server.requests()[0].target, "/x?y=1");
  EXPECT_EQ(server.requests()[0].headers.at("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(server.requests()[0].headers.at("connection"), "close");
}

TEST(Get, ChecksHostNamesToo) {
  const TlsServer server(with_certificate(), hello);
  const auto answer = get({.url = server.url("/", "localhost"), .trust = trusted()}, soon());
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST(Get, SpeaksWithoutTls) {
  const TlsServer server({.tls = false}, hello);
  const auto answer = get({.url = server.url(), .body_limit_bytes = 100}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "hello");
}

TEST(Get, NeverSendsUserInfo) {
  const TlsServer server({.tls = false}, hello);
  ASSERT_TRUE(get({.url = "http://user:secret@127.0.0.1:" + std::to_string(server.port())}, soon()));
  EXPECT_FALSE(server.requests().at(0).headers.contains("authorization"));
}

TEST(Get, IsContentWithTheHeaderWhenNoBodyIsWanted) {
  auto options = with_certificate();
  options.silence = Silence::amid_body;
  const TlsServer server(options, hello);
  const auto answer = get({.url = server.url(), .trust = trusted()}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
}

TEST(Get, TakesABodyThatEndsWithTheConnection) {
  const TlsServer server({.tls = false, .raw = "HTTP/1.0 200 OK\r\n\r\nold style"}, hello);
  const auto answer = get({.url = server.url(), .body_limit_bytes = 100}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "old style");
}

// --- trust

struct TrustCase {
  const char* name;
  support::Certificate certificate;
  Trust trust;
  bool welcome;
};

class GetTrust : public testing::TestWithParam<TrustCase> {};

TEST_P(GetTrust, IsThatOfItsCallAlone) {
  const TlsServer server({.certificate = GetParam().certificate}, hello);
  const auto answer = get({.url = server.url(), .trust = GetParam().trust}, soon());
  EXPECT_EQ(answer.has_value(), GetParam().welcome);
  if (!answer) {
    EXPECT_EQ(answer.error().code, Code::Unavailable) << answer.error().message;
    EXPECT_NE(answer.error().message.find("certificate refused"), std::string::npos) << answer.error().message;
    EXPECT_TRUE(server.requests().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, GetTrust,
    testing::Values(
        TrustCase{"OwnAuthority", authority().issue({"127.0.0.1"}), {.ca_pem = {authority().pem()}}, true},
        TrustCase{"TwoInOneBundle",
                  authority().issue({"127.0.0.1"}),
                  {.ca_pem = {stranger().pem() + authority().pem()}},
                  true},
        TrustCase{
            "TwoBundles", authority().issue({"127.0.0.1"}), {.ca_pem = {stranger().pem(), authority().pem()}}, true},
        TrustCase{"WrongAuthority", authority().issue({"127.0.0.1"}), {.ca_pem = {stranger().pem()}}, false},
        TrustCase{"OnlyTheSystems", authority().issue({"127.0.0.1"}), {}, false},
        TrustCase{"Expired", authority().issue({"127.0.0.1"}, -48h, -24h), {.ca_pem = {authority().pem()}}, false},
        TrustCase{"NotYetValid", authority().issue({"127.0.0.1"}, 24h, 48h), {.ca_pem = {authority().pem()}}, false},
        TrustCase{"OtherAddress", authority().issue({"127.0.0.2"}), {.ca_pem = {authority().pem()}}, false},
        TrustCase{
            "NameWhereAnAddressIsAsked", authority().issue({"localhost"}), {.ca_pem = {authority().pem()}}, false}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(Get, ShowsItsCertificateToWhoAsksForIt) {
  auto options = with_certificate();
  options.client_ca_pem = authority().pem();
  const TlsServer server(options, [](const HttpRequest&) {
    return HttpReply{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  Request request{.url = server.url(), .trust = trusted()};
  EXPECT_FALSE(get(request, soon()));
  auto pair = authority().issue({"client"});
  request.certificate_pem = pair.certificate_pem;
  request.key_pem = pair.key_pem;
  const auto answer = get(request, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->challenges, std::vector<std::string>{"Basic realm=\"x\""});
  request.key_pem = authority().issue({"client"}).key_pem;
  EXPECT_EQ(get(request, soon()).error().code, Code::InvalidArgument);
}

TEST(Get, WantsTls12) {
  auto options = with_certificate();
  options.only_tls_1_1 = true;
  const TlsServer server(options, hello);
  const auto answer = get({.url = server.url(), .trust = trusted()}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

TEST(Get, RefusesAnAuthorityThatIsNone) {
  for (const char* pem : {"", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    const auto answer = get({.url = "https://127.0.0.1:1", .trust = {.ca_pem = {pem}}}, soon());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::InvalidArgument) << pem;
  }
  const auto cut = get(
      {.url = "https://127.0.0.1:1", .trust = {.ca_pem = {authority().pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n"}}},
      soon());
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::InvalidArgument);
}

// --- redirects

TEST(Get, FollowsRedirects) {
  const TlsServer server(with_certificate(), [](const HttpRequest& request) -> HttpReply {
    if (request.target == "/a/one") return {302, "", {{"Location", "two"}}};
    if (request.target == "/a/two") return {308, "", {{"Location", "/three?x"}}};
    return {200, request.target, {}};
  });
  const auto answer = get({.url = server.url("/a/one"), .trust = trusted(), .body_limit_bytes = 100}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "/three?x");
  EXPECT_EQ(answer->url, server.url("/three?x"));
}

TEST(Get, KeepsItsRootsAfterARedirectToAnotherHost) {
  const TlsServer second({.certificate = stranger().issue({"127.0.0.1"})}, hello);
  const TlsServer first(with_certificate(),
                        [&](const HttpRequest&) { return HttpReply{301, "", {{"Location", second.url()}}}; });
  const auto answer = get({.url = first.url(), .trust = trusted()}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

TEST(Get, GivesUpOnARedirectLoop) {
  const TlsServer server({.tls = false}, [](const HttpRequest&) { return HttpReply{302, "", {{"Location", "/"}}}; });
  const auto answer = get({.url = server.url(), .redirects = 3}, soon());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(server.requests().size(), 4u);
}

TEST(Get, RefusesARedirectThatIsNoUrl) {
  const TlsServer server({.tls = false},
                         [](const HttpRequest&) { return HttpReply{302, "", {{"Location", "gopher://x"}}}; });
  const auto answer = get({.url = server.url()}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Corrupt);
}

// --- what goes wrong

TEST(Get, TellsARefusedConnection) {
  std::string url;
  {
    const TlsServer gone({.tls = false}, hello);
    url = gone.url();
  }
  const auto answer = get({.url = url}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

TEST(Get, TellsAnUnknownName) {
  const auto answer = get({.url = "http://no-such-host.invalid/"}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

struct Quiet {
  const char* name;
  bool tls;
  Silence silence;
  std::size_t body_limit;
};

class GetSilence : public testing::TestWithParam<Quiet> {};

TEST_P(GetSilence, EndsAtTheDeadline) {
  auto options = with_certificate();
  options.tls = GetParam().tls;
  options.silence = GetParam().silence;
  const TlsServer server(options, hello);
  const auto answer =
      get({.url = server.url(), .trust = trusted(), .body_limit_bytes = GetParam().body_limit}, in(100ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded) << answer.error().message;
}

INSTANTIATE_TEST_SUITE_P(Table, GetSilence,
                         testing::Values(Quiet{"NoHandshake", true, Silence::after_accept, 0},
                                         Quiet{"NoHeader", true, Silence::after_handshake, 0},
                                         Quiet{"NoHeaderPlain", false, Silence::after_accept, 0},
                                         Quiet{"HalfABody", true, Silence::amid_body, 100}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Get, EndsAtTheDeadlineInABlackHole) {
  const support::BlackHole hole;
  const auto answer = get({.url = "https://127.0.0.1:" + std::to_string(hole.port())}, in(100ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded) << answer.error().message;
}

TEST(Get, IsTooLateBeforeItBegins) {
  const TlsServer server({.tls = false}, hello);
  const auto answer = get({.url = server.url()}, in(-1ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded);
  EXPECT_TRUE(server.requests().empty());
}

TEST(Get, RefusesWhatIsNoHttp) {
  const TlsServer server({.tls = false, .raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}, hello);
  const auto answer = get({.url = server.url()}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Corrupt) << answer.error().message;
}

TEST(Get, RefusesABodyOverTheLimit) {
  const TlsServer server({.tls = false}, hello);
  const auto answer = get({.url = server.url(), .body_limit_bytes = 4}, soon());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Corrupt);
}

TEST(Get, RefusesATlsPortThatSpeaksPlain) {
  const TlsServer server({.tls = false, .raw = "HTTP/1.1 200 OK\r\n\r\n"}, hello);
  const auto answer = get({.url = "https://127.0.0.1:" + std::to_string(server.port())}, in(2s));
  EXPECT_FALSE(answer);
}

}  // namespace
}  // namespace gna::http
