#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "agent/containerd/pull.h"
#include "tests/support/fake_containerd.h"
#include "tests/support/temp_root.h"

namespace gna::containerd {
namespace {

using namespace std::chrono_literals;
using support::FakeContainerd;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Deadline soon() { return std::chrono::steady_clock::now() + 20s; }

class PullTest : public testing::Test {
 protected:
  void daemon(const std::string& version) {
    daemon_ = std::make_unique<FakeContainerd>(root_.path().string(), version);
    client_ = std::make_unique<Client>(Address{.socket = daemon_->socket(), .name_space = "test"});
  }
  // A `ctr` that notes its arguments, one a line, and then does this.
  void ctr(const std::string& script) {
    root_.write("/bin/ctr", "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + root_.path().string() + "/arguments\n" + script,
                0755);
  }
  Result<void> pull(const std::string& reference, Deadline by = soon()) {
    return containerd::pull(*client_, reference, options(), by);
  }
  PullOptions options() const {
    return {.hosts_directory = "/etc/containerd/certs.d",
            .architecture = "amd64",
            .ctr_directories = {root_.path().string() + "/empty", root_.path().string() + "/bin"}};
  }

  support::TempRoot root_;
  std::unique_ptr<FakeContainerd> daemon_;
  std::unique_ptr<Client> client_;
};

TEST_F(PullTest, AsksTheTransferServiceOfContainerd2) {
  daemon("v2.1.5");
  ctr("exit 1");
  daemon_->offer("r/a:1", support::make_image({{{.name = "x"}}}));
  const auto result = pull("r/a:1");
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_THAT(daemon_->calls(), Contains("Transfer r/a:1 /etc/containerd/certs.d"));
  EXPECT_FALSE(root_.exists("/arguments"));
}

TEST_F(PullTest, DoesNotAskTheOneOfContainerd17) {
  // It takes the hosts directory and ignores it.
  daemon("1.7.29+unknown");
  ctr("exit 0");
  ASSERT_TRUE(pull("r/a:1"));
  EXPECT_THAT(daemon_->calls(), Not(Contains(StartsWith("Transfer"))));
  EXPECT_EQ(root_.read("/arguments"), "-a\n" + daemon_->socket() +
                                          "\n-n\ntest\nimages\npull\n--hosts-dir\n/etc/containerd/certs.d\n"
                                          "--platform\nlinux/amd64\nr/a:1\n");
}

TEST_F(PullTest, TakesCtrWhereTheTransferServiceHasFailed) {
  daemon("2.1.5~ds1");
  daemon_->set_transfer(FakeContainerd::Plugin::failed);
  ctr("exit 0");
  EXPECT_TRUE(pull("r/a:1"));
  EXPECT_TRUE(root_.exists("/arguments"));
}

// Left to itself it hands the pull to the daemon, and that of 1.7 loses the hosts directory.
TEST_F(PullTest, KeepsThePullInACtrOfContainerd2) {
  daemon("1.7.29");
  ctr("[ \"$1\" != --version ] || echo ctr github.com/containerd/containerd/v2 v2.1.5\n");
  ASSERT_TRUE(pull("r/a:1"));
  EXPECT_THAT(root_.read("/arguments"), testing::HasSubstr("\npull\n--local\n--skip-metadata\n--hosts-dir\n"));
}

TEST_F(PullTest, FindsCtrUnderTheNameThatSuseGivesIt) {
  daemon("1.7.29");
  root_.write("/bin/containerd-ctr", "#!/bin/sh\n", 0755);
  EXPECT_TRUE(pull("r/a:1"));
}

TEST_F(PullTest, TakesCtrForAVersionThatIsNone) {
  daemon("unknown");
  ctr("exit 0");
  EXPECT_TRUE(pull("r/a:1"));
  EXPECT_TRUE(root_.exists("/arguments"));
}

TEST_F(PullTest, HandsReferencesToNoShell) {
  daemon("1.6.20~ds1");
  ctr("exit 0");
  const std::string nasty = "r/a:1;touch${IFS}" + root_.path().string() + "/owned`id`";
  EXPECT_TRUE(pull(nasty));
  EXPECT_TRUE(root_.read("/arguments").ends_with(nasty + "\n"));
  EXPECT_FALSE(root_.exists("/owned"));
}

TEST_F(PullTest, RefusesWhatIsNoReference) {
  daemon("1.6.20~ds1");
  ctr("exit 0");
  for (const std::string reference : {"", "--all-platforms", "r/a:1 x", "r/a\n", "r/ä:1"}) {
    const auto result = pull(reference);
    ASSERT_FALSE(result) << reference;
    EXPECT_EQ(result.error().code, Code::InvalidArgument);
  }
  EXPECT_FALSE(root_.exists("/arguments"));
}

TEST_F(PullTest, TellsTheLastLineOfCtr) {
  daemon("1.6.20~ds1");
  ctr("echo progress; echo resolving >&2; echo 'ctr: failed to resolve reference: dial tcp: no such host' >&2; exit 1");
  const auto result = pull("r/a:1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Unavailable);
  EXPECT_THAT(result.error().message, HasSubstr("no such host"));
  EXPECT_THAT(result.error().message, HasSubstr("r/a:1"));
  EXPECT_THAT(result.error().message, Not(HasSubstr("resolving")));
}

TEST_F(PullTest, KnowsAnImageThatIsNotThere) {
  daemon("1.6.20~ds1");
  ctr("echo 'ctr: failed to resolve reference \"r/a:1\": r/a:1: not found' >&2; exit 1");
  EXPECT_EQ(pull("r/a:1").error().code, Code::NotFound);
}

TEST_F(PullTest, TellsACtrThatDied) {
  daemon("1.6.20~ds1");
  ctr("kill -SEGV $$");
  const auto result = pull("r/a:1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Unavailable);
  EXPECT_THAT(result.error().message, HasSubstr("signal 11"));
}

TEST_F(PullTest, EndsACtrAtTheDeadline) {
  daemon("1.6.20~ds1");
  ctr("sleep 1000");
  const auto result = pull("r/a:1", std::chrono::steady_clock::now() + 500ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::DeadlineExceeded);
}

TEST_F(PullTest, TellsAMissingCtrBeforeAnyChange) {
  daemon("1.6.20~ds1");
  const auto possible = can_pull(*client_, {"r/a:1"}, options(), soon());
  ASSERT_FALSE(possible);
  EXPECT_EQ(possible.error().code, Code::NotFound);
  EXPECT_FALSE(possible.error().hint.empty());
  ctr("exit 0");
  EXPECT_TRUE(can_pull(*client_, {"r/a:1"}, options(), soon()));
  EXPECT_FALSE(can_pull(*client_, {"r/a:1", "-x"}, options(), soon()));
  EXPECT_FALSE(root_.exists("/arguments"));
}

TEST_F(PullTest, GivesUpOnADaemonThatTakesCallsAndAnswersNone) {
  daemon("v2.3.4");
  daemon_->hang_next("Version");
  auto impatient = options();
  impatient.patience = 50ms;
  EXPECT_EQ(can_pull(*client_, {"r/a:1"}, impatient, soon()).error().code, Code::DeadlineExceeded);
}

TEST_F(PullTest, NeedsNoCtrWithContainerd2) {
  daemon("v2.3.4");
  EXPECT_TRUE(can_pull(*client_, {"r/a:1"}, options(), soon()));
}

}  // namespace
}  // namespace gna::containerd
