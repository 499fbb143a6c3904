#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstdlib>

#include "agent/containerd/client.h"
#include "gna/base/fd.h"
#include "tests/support/fake_containerd.h"
#include "tests/support/temp_root.h"

namespace gna::containerd {
namespace {

using namespace std::chrono_literals;
using support::FakeContainerd;
using support::make_image;
using testing::ElementsAre;
using testing::MatchesRegex;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }
Deadline soon() { return in(20s); }

class ClientTest : public testing::Test {
 protected:
  support::TempRoot root_;
  FakeContainerd daemon_{root_.path().string()};
  Client client_{{.socket = daemon_.socket(), .name_space = "test"}};
};

TEST_F(ClientTest, TellsTheVersion) {
  const auto version = client_.version(soon());
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(*version, "v2.1.5");
}

TEST_F(ClientTest, ReadsABlobOfManyChunks) {
  const auto image = make_image({{{.name = "x"}}, {{.name = "y"}}, {{.name = "z"}}});
  daemon_.import("r/a:1", image);
  const auto target = client_.image("r/a:1", soon());
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(*target, (Descriptor{.media_type = image.media_type,
                                 .digest = image.digest,
                                 .size_bytes = static_cast<std::int64_t>(image.manifest().size())}));
  EXPECT_EQ(client_.read(image.digest, 1 << 20, soon()).value_or(""), image.manifest());
}

TEST_F(ClientTest, RefusesABlobOverTheLimitOrDamaged) {
  const auto image = make_image({{{.name = "x"}}});
  daemon_.import("r/a:1", image);
  const auto too_large = client_.read(image.digest, image.manifest().size() - 1, soon());
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code, Code::InvalidArgument);
  daemon_.damage(image.digest);
  const auto damaged = client_.read(image.digest, 1 << 20, soon());
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::Corrupt);
}

TEST_F(ClientTest, NeverMakesALeaseThatStaysForEver) {
  ASSERT_TRUE(client_.create_lease("l", 24h, soon()));
  EXPECT_THAT(daemon_.calls(), ElementsAre(MatchesRegex("CreateLease until=20..-..-..T..:..:..Z")));
  EXPECT_TRUE(client_.delete_lease("l", false, soon()));
  EXPECT_TRUE(client_.delete_lease("l", false, soon())) << "absent is fine";
  EXPECT_TRUE(daemon_.leases().empty());
}

TEST_F(ClientTest, HoldsAViewByItsLease) {
  const auto image = make_image({{{.name = "x"}}});
  daemon_.import("r/a:1", image);
  ASSERT_TRUE(client_.create_lease("l", 1h, soon()));
  const auto mounts = client_.view("v", image.diff_ids.at(0), "l", soon());
  ASSERT_TRUE(mounts) << mounts.error().message;
  ASSERT_EQ(mounts->size(), 1u);
  EXPECT_EQ(mounts->front().type, "bind");
  EXPECT_EQ(daemon_.calls().back(), "View overlayfs lease=l");
  const auto again = client_.view("v", image.diff_ids.at(0), "l", soon());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Conflict);
  EXPECT_TRUE(client_.remove_snapshot("v", soon()));
  EXPECT_TRUE(client_.remove_snapshot("v", soon())) << "absent is fine";
}

TEST_F(ClientTest, TellsAnUnpackedSnapshotFromNone) {
  const auto image = make_image({{{.name = "x"}}});
  EXPECT_FALSE(client_.has_snapshot(image.diff_ids.at(0), soon()).value());
  daemon_.import("r/a:1", image);
  EXPECT_TRUE(client_.has_snapshot(image.diff_ids.at(0), soon()).value());
  daemon_.fail_next("Stat", 13);
  EXPECT_FALSE(client_.has_snapshot(image.diff_ids.at(0), soon()));
}

TEST_F(ClientTest, SeesATransferServiceThatWorks) {
  EXPECT_TRUE(client_.has_transfer(soon()).value());
  daemon_.set_transfer(FakeContainerd::Plugin::failed);
  EXPECT_FALSE(client_.has_transfer(soon()).value());
  daemon_.set_transfer(FakeContainerd::Plugin::absent);
  EXPECT_FALSE(client_.has_transfer(soon()).value());
}

TEST_F(ClientTest, TransfersUnpackedWithTheHostsDirectory) {
  const auto image = make_image({{{.name = "x"}}});
  daemon_.offer("r/a:1", image);
  ASSERT_TRUE(client_.create_lease("l", 1h, soon()));
  const auto result = client_.transfer("r/a:1", "/etc/containerd/certs.d", "amd64", "l", soon());
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(daemon_.calls().back(), "Transfer r/a:1 /etc/containerd/certs.d lease=l");
  EXPECT_TRUE(client_.has_snapshot(image.diff_ids.at(0), soon()).value());
}

struct StatusCase {
  const char* name;
  int status;
  Code code;
};

class ClientStatus : public testing::TestWithParam<StatusCase> {};

TEST_P(ClientStatus, BecomesACode) {
  const support::TempRoot root;
  FakeContainerd daemon(root.path().string());
  Client client({.socket = daemon.socket(), .name_space = "test"});
  daemon.fail_next("Version", GetParam().status);
  const auto version = client.version(soon());
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, GetParam().code);
  EXPECT_NE(version.error().message.find("scripted"), std::string::npos);
  EXPECT_TRUE(client.version(soon())) << "the next call is a new one";
}

INSTANTIATE_TEST_SUITE_P(
    Table, ClientStatus,
    testing::Values(StatusCase{"Cancelled", 1, Code::DeadlineExceeded}, StatusCase{"Unknown", 2, Code::Internal},
                    StatusCase{"InvalidArgument", 3, Code::InvalidArgument},
                    StatusCase{"DeadlineExceeded", 4, Code::DeadlineExceeded},
                    StatusCase{"NotFound", 5, Code::NotFound}, StatusCase{"AlreadyExists", 6, Code::Conflict},
                    StatusCase{"PermissionDenied", 7, Code::PermissionDenied},
                    StatusCase{"ResourceExhausted", 8, Code::Unavailable},
                    StatusCase{"FailedPrecondition", 9, Code::Conflict}, StatusCase{"Aborted", 10, Code::Conflict},
                    StatusCase{"OutOfRange", 11, Code::InvalidArgument},
                    StatusCase{"Unimplemented", 12, Code::Unsupported}, StatusCase{"Internal", 13, Code::Internal},
                    StatusCase{"Unavailable", 14, Code::Unavailable}, StatusCase{"DataLoss", 15, Code::Corrupt},
                    StatusCase{"Unauthenticated", 16, Code::PermissionDenied}),
    [](const auto& one) { return std::string(one.param.name); });

TEST_F(ClientTest, TakesARegistrysTroubleForNoBug) {
  daemon_.fail_next("Transfer", 2, "dial tcp: lookup r: no such host");
  const auto result = client_.transfer("r/a:1", "/h", "amd64", "", soon());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Unavailable);
}

TEST_F(ClientTest, EndsAtTheDeadline) {
  daemon_.hang_next("Version");
  const auto version = client_.version(in(100ms));
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::DeadlineExceeded);
}

// On a busy node a daemon may take its time to greet, and is no daemon that is down.
TEST(Client, WaitsForADaemonThatGreetsLate) {
  const support::TempRoot root;
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const auto path = root.path().string() + "/slow.sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  Client client({.socket = path});
  const auto version = client.version(in(500ms));
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::DeadlineExceeded) << version.error().message;
}

TEST(Client, FailsAtOnceWithoutADaemon) {
  const support::TempRoot root;
  Client client({.socket = root.path().string() + "/none.sock"});
  const auto version = client.version(in(60s));
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::Unavailable);
  const auto connected = client.connect(in(50ms));
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Code::Unavailable);
}

TEST(Client, ComesBackWithTheDaemon) {
  const support::TempRoot root;
  auto daemon = std::make_unique<FakeContainerd>(root.path().string());
  Client client({.socket = daemon->socket(), .name_space = "test"});
  ASSERT_TRUE(client.version(soon()));
  daemon.reset();
  EXPECT_FALSE(client.version(soon()));
  daemon = std::make_unique<FakeContainerd>(root.path().string(), "2.1.6");
  ASSERT_TRUE(client.connect(soon()));
  EXPECT_EQ(client.version(soon()).value_or(""), "2.1.6");
}

TEST(Address, ComesFromTheEnvironment) {
  ::unsetenv("CONTAINERD_ADDRESS");
  ::setenv("CONTAINERD_NAMESPACE", "", 1);
  EXPECT_EQ(Address::from_environment(),
            (Address{.socket = "/run/containerd/containerd.sock", .name_space = "default"}));
  ::setenv("CONTAINERD_ADDRESS", "/x.sock", 1);
  ::setenv("CONTAINERD_NAMESPACE", "n", 1);
  EXPECT_EQ(Address::from_environment(), (Address{.socket = "/x.sock", .name_space = "n"}));
  ::unsetenv("CONTAINERD_ADDRESS");
  ::unsetenv("CONTAINERD_NAMESPACE");
}

}  // namespace
}  // namespace gna::containerd
