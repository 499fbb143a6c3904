#include "agent/cli/exit_code.h"

#include <gtest/gtest.h>

#include <csignal>

#include "agent/cli/steps.h"

namespace gna::cli {
namespace {

TEST(ExitCode, OfErrorsTellsInputFromSurroundings) {
  EXPECT_EQ(exit_code(Error{.code = Code::InvalidArgument}, false), 2);
  EXPECT_EQ(exit_code(Error{.code = Code::Unsupported}, false), 3);
  for (const auto code : {Code::NotFound, Code::Conflict, Code::PermissionDenied, Code::Unavailable,
                          Code::DeadlineExceeded, Code::Corrupt, Code::Internal}) {
    EXPECT_EQ(exit_code(Error{.code = code}, false), 1);
    EXPECT_EQ(exit_code(Error{.code = code}, true), 4);  // diff, status: could not find out
  }
}

TEST(ExitCode, OfRuns) {
  EXPECT_EQ(exit_code(apply::Summary{}, 0), 0);
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 1, .pending = 1}, 0), 0);  // a mirror that is waited for
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 1, .failed = 1}, 0), 1);
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 1, .skipped = 1, .stopped = true}, 0), 1);  // --timeout
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 1, .skipped = 1, .stopped = true}, SIGINT), 130);
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 1, .skipped = 1, .stopped = true}, SIGTERM), 143);
  EXPECT_EQ(exit_code(apply::Summary{.steps = 2, .done = 2}, SIGTERM), 0);  // it came when all was done
}

TEST(StepWords, TellAFolderFromAFile) {
  EXPECT_EQ(step_words({.target = "/etc/x", .verb = plan::Verb::create, .action = plan::WriteFile{}}),
            "create file /etc/x");
  EXPECT_EQ(step_words({.target = "/etc/x", .verb = plan::Verb::create, .action = plan::MakeDirectory{}}),
            "create folder /etc/x");
}

}  // namespace
}  // namespace gna::cli
