#include "agent/cli/input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/temp_root.h"

namespace gna::cli {
namespace {

constexpr std::size_t kLimit = 1u << 20;

class Input : public ::testing::Test {
 protected:
  std::string path(const char* name) const { return root_.on_host(name).string(); }
  void refuses(const std::string& name) const {
    const auto bytes = read_input(name, kLimit);
    ASSERT_FALSE(bytes) << name;
    EXPECT_EQ(bytes.error().code, Code::InvalidArgument) << name;
  }
  support::TempRoot root_;
};

TEST_F(Input, ReadsAFile) {
  root_.write("/osc.yaml", "kind: x\n");
  EXPECT_EQ(read_input(path("/osc.yaml"), kLimit).value(), "kind: x\n");
}

TEST_F(Input, ReadsAFileOfExactlyTheLimit) {
  root_.write("/full", std::string(kLimit, 'x'));
  EXPECT_EQ(read_input(path("/full"), kLimit).value().size(), kLimit);
  root_.write("/more", std::string(kLimit + 1, 'x'));
  refuses(path("/more"));
}

TEST_F(Input, RefusesWhatIsNoFile) {
  refuses(path("/absent"));
  refuses(path("/"));  // a directory
  refuses("/dev/zero");
  ASSERT_EQ(::symlink("loop", path("/loop").c_str()), 0);
  refuses(path("/loop"));
}

TEST_F(Input, RefusesAFifoThatNobodyWritesTo) {
  ASSERT_EQ(::mkfifo(path("/fifo").c_str(), 0600), 0);
  refuses(path("/fifo"));
}

TEST_F(Input, ReadsAFifoToItsEnd) {
  ASSERT_EQ(::mkfifo(path("/fifo").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path("/fifo")) << std::string(200'000, 'y'); });
  const auto bytes = read_input(path("/fifo"), kLimit);
  writer.join();
  EXPECT_EQ(bytes.value().size(), 200'000u);
}

}  // namespace
}  // namespace gna::cli
