#include "tests/crash/tracer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace gna::crash {
namespace {

namespace stdfs = std::filesystem;

class TracerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = (stdfs::temp_directory_path() / "gna-trace-XXXXXX").string();
    ASSERT_NE(::mkdtemp(base_.data()), nullptr);
    stdfs::create_directory(base_ + "/tree");
  }
  void TearDown() override { stdfs::remove_all(base_); }

  Ended run(const std::string& script, const std::function<Action(std::size_t, const Call&)>& decide) {
    return trace({.argv = {"/bin/sh", "-c", "cd " + base_ + "/tree; " + script},
                  .environment = {"PATH=/usr/bin:/bin"},
                  .tree = base_ + "/tree",
                  .output = base_ + "/output",
                  .record_bytes = true},
                 decide);
  }
  std::string read(const std::string& name) const {
    std::ifstream in(base_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string said(const Ended& ended) const {
    std::string out;
    for (const auto& call : ended.calls)
      out += std::string(name(call.op)) + " " +
             (call.path.starts_with(base_ + "/tree/") ? call.path.substr(base_.size() + 6) : call.path) + "\n";
    return out;
  }

  std::string base_;
};

constexpr auto kGo = [](std::size_t, const Call&) { return Action{}; };

TEST_F(TracerTest, TellsWhatChangesTheTreeAndNothingElse) {
  const auto ended = run("echo abc > a; echo out > ../outside; mkdir d; mv a d/b; rm d/b; rmdir d; echo said", kGo);
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(said(ended), "create a\nwrite a\nmkdir d\nrename d/b\nunlink d/b\nrmdir d\n");
  EXPECT_EQ(ended.calls.at(1).bytes, "abc\n");
  EXPECT_EQ(ended.calls.at(1).result, 4);
  EXPECT_EQ(ended.calls.at(3).from, base_ + "/tree/a");
  EXPECT_EQ(read("output"), "said\n");
}

TEST_F(TracerTest, KillsBeforeOrAfterACall) {
  const auto at = [](Action::Kind kind) {
    return [kind](std::size_t n, const Call&) { return Action{n == 1 ? kind : Action::Kind::go}; };
  };
  EXPECT_EQ(run("echo abc > a", at(Action::Kind::kill_before)).signal, SIGKILL);
  EXPECT_EQ(read("tree/a"), "");
  EXPECT_EQ(run("echo abc > b", at(Action::Kind::kill_after)).signal, SIGKILL);
  EXPECT_EQ(read("tree/b"), "abc\n");
}

TEST_F(TracerTest, KillsTheProgramAndNotItsChildren) {
  for (const auto kind : {Action::Kind::kill_before, Action::Kind::kill_after}) {
    const auto ended = run("(echo abc > a; echo def > b); echo ghi > c",
                           [kind](std::size_t n, const Call&) { return Action{n == 1 ? kind : Action::Kind::go}; });
    EXPECT_EQ(ended.signal, SIGKILL);
    EXPECT_EQ(read("tree/a"), "abc\n");
    EXPECT_EQ(read("tree/b"), "def\n");
    EXPECT_FALSE(stdfs::exists(base_ + "/tree/c"));
    stdfs::remove(base_ + "/tree/a");
    stdfs::remove(base_ + "/tree/b");
  }
}

TEST_F(TracerTest, LetsCallsFailOrComeUpShort) {
  const auto failed =
      run("mkdir d || echo failed", [](std::size_t, const Call&) { return Action{Action::Kind::fail, ENOSPC}; });
  EXPECT_EQ(failed.exit_code, 0);
  EXPECT_EQ(failed.calls.at(0).result, -ENOSPC);
  EXPECT_NE(read("output").find("No space left"), std::string::npos);
  EXPECT_FALSE(stdfs::exists(base_ + "/tree/d"));
  // The shell goes on where a short write ended.
  const auto shortened = run("echo 12345678 > out", [](std::size_t n, const Call&) {
    return Action{n == 1 ? Action::Kind::shorten : Action::Kind::go};
  });
  EXPECT_EQ(shortened.calls.at(1).result, 4);
  EXPECT_EQ(shortened.calls.at(1).bytes, "1234");
  EXPECT_EQ(shortened.calls.at(2).offset, 4u);
  EXPECT_EQ(read("tree/out"), "12345678\n");
  const auto pretended =
      run("mkdir e && echo fine", [](std::size_t, const Call&) { return Action{Action::Kind::pretend}; });
  EXPECT_EQ(pretended.exit_code, 0);
  EXPECT_FALSE(stdfs::exists(base_ + "/tree/e"));
}

TEST_F(TracerTest, EndsWhatHangs) {
  const auto ended = trace({.argv = {"/bin/sh", "-c", "while :; do :; done"},
                            .tree = base_ + "/tree",
                            .output = base_ + "/output",
                            .timeout = std::chrono::seconds(1)},
                           kGo);
  EXPECT_TRUE(ended.timed_out);
}

}  // namespace
}  // namespace gna::crash
