#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "agent/containerd/process.h"
#include "gna/base/fd.h"
#include "tests/support/temp_root.h"

namespace gna::containerd {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }
Deadline soon() { return in(60s); }

Result<Exit> shell(const std::string& script, Deadline by) { return run_program({"/bin/sh", "-c", script}, by); }

TEST(RunProgram, BringsStatusAndBothStreams) {
  const auto exit = shell("echo out; echo err >&2; exit 3", soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(WEXITSTATUS(exit->status), 3);
  EXPECT_EQ(exit->output, "out\n");
  EXPECT_EQ(exit->words, "err\n");
}

TEST(RunProgram, KeepsTheEndOfMuchTalk) {
  const auto exit = shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo the end >&2", soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_LE(exit->words.size(), 1u << 20);
  EXPECT_TRUE(exit->words.ends_with("the end\n"));
}

TEST(RunProgram, KillsAtTheDeadlineWithAllThatItStarted) {
  const support::TempRoot root;
  const std::string pids = root.path().string() + "/pid";
  const auto exit = shell("sleep 1000 & echo $! > " + pids + "; wait", in(300ms));
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, Code::DeadlineExceeded);
  const int child = std::stoi(root.read("/pid"));
  // Killed, too, though it may take the kernel a moment: wait for its end, if it is still there at all.
  const Fd ending(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd watched = {ending.get(), POLLIN, 0};
  EXPECT_TRUE(!ending || ::poll(&watched, 1, 10'000) == 1);
}

TEST(RunProgram, DoesNotWaitForWhatItLeavesBehind) {
  const auto exit = shell("sleep 1000 >&2 2>&1 & echo $!", in(30s));
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->status, 0);
  ::kill(std::stoi(exit->output), SIGKILL);
}

TEST(RunProgram, HandsOnProxiesAndNothingElse) {
  ::setenv("HTTPS_PROXY", "http://proxy.example", 1);
  ::setenv("GNA_TEST_SECRET", "marker", 1);
  const auto exit = run_program({"/usr/bin/env"}, soon());
  ::unsetenv("HTTPS_PROXY");
  ::unsetenv("GNA_TEST_SECRET");
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_THAT(exit->output, HasSubstr("HTTPS_PROXY=http://proxy.example\n"));
  EXPECT_THAT(exit->output, HasSubstr("PATH=/usr/"));
  EXPECT_THAT(exit->output, Not(HasSubstr("marker")));
}

TEST(RunProgram, GivesSignalsBackToTheChild) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto exit = shell("grep SigIgn /proc/self/status", soon());
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_THAT(exit->output, testing::EndsWith("0000\n"));  // signals up to 16; the C library keeps 32 and 33
}

TEST(RunProgram, TellsAProgramThatIsNotThere) {
  const auto exit = run_program({"/nowhere/ctr"}, soon());
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, Code::NotFound);
}

TEST(FindProgram, LooksInItsDirectoriesAlone) {
  const support::TempRoot root;
  root.write("/a/data", "no program", 0644);
  root.write("/b/data", "#!/bin/sh\n", 0755);
  const std::string base = root.path().string();
  EXPECT_EQ(find_program("data", {base + "/a", base + "/b"}).value_or(""), base + "/b/data");
  const auto none = find_program("data", {base + "/a"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::NotFound);
}

}  // namespace
}  // namespace gna::containerd
