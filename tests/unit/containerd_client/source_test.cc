// What ContainerdSource does when containerd fails it; what it does otherwise is in tests/contract/content_source.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "agent/content/containerd_source.h"
#include "tests/support/fake_containerd.h"
#include "tests/support/temp_root.h"

namespace gna::content {
namespace {

using namespace std::chrono_literals;
using support::FakeContainerd;
using support::make_image;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

Deadline in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }
Deadline soon() { return in(20s); }

class ContainerdSourceTest : public testing::Test {
 protected:
  ContainerdSourceTest() { daemon_.offer("r/a:1", make_image({{{.name = "x", .text = "hello"}}})); }

  Result<Fd> open(Deadline by = soon()) { return source_->open({.image = "r/a:1", .path = "/x"}, by); }
  void expect_clean() const {
    EXPECT_THAT(daemon_.leases(), IsEmpty());
    EXPECT_THAT(daemon_.views(), IsEmpty());
  }

  support::TempRoot root_;
  FakeContainerd daemon_{root_.path().string()};
  containerd::Client client_{{.socket = daemon_.socket(), .name_space = "test"}};
  std::unique_ptr<backend::ContentSource> source_ = from_containerd(client_);
};

TEST_F(ContainerdSourceTest, DoesAllUnderOneLease) {
  ASSERT_TRUE(open());
  std::vector<std::string> under;
  for (const auto& call : daemon_.calls())
    if (call.starts_with("Transfer") || call.starts_with("View")) under.push_back(call);
  EXPECT_EQ(under.size(), 2u);
  EXPECT_THAT(under, Each(MatchesRegex(".* lease=gna-[0-9a-f]{24}")));
  expect_clean();
}

TEST_F(ContainerdSourceTest, CleansUpWhereverItFails) {
  for (const char* method : {"CreateLease", "Version", "Plugins", "Transfer", "Get", "Read", "Stat", "View"}) {
    daemon_.fail_next(method, 13);
    const auto file = open();
    ASSERT_FALSE(file) << method;
    EXPECT_EQ(file.error().code, Code::Internal) << method;
    EXPECT_THAT(file.error().message, HasSubstr("r/a:1")) << method;
    expect_clean();
  }
  EXPECT_TRUE(open());
}

TEST_F(ContainerdSourceTest, CleansUpAfterADeadline) {
  for (const char* method : {"Transfer", "Get", "View"}) {
    daemon_.hang_next(method);
    const auto file = open(in(300ms));
    ASSERT_FALSE(file) << method;
    EXPECT_EQ(file.error().code, Code::DeadlineExceeded) << method;
    expect_clean();
  }
}

TEST_F(ContainerdSourceTest, HandsTheFileOutAlsoIfCleaningUpFails) {
  daemon_.fail_next("Remove", 14);
  daemon_.fail_next("DeleteLease", 14);
  EXPECT_TRUE(open());
  EXPECT_EQ(daemon_.leases().size(), 1u) << "it expires by itself";
}

TEST_F(ContainerdSourceTest, DoesNotTakeAnImageRecordForAnUnpackedImage) {
  const auto image = make_image({{{.name = "x", .text = "hello"}}, {{.name = "y"}}});
  daemon_.set_transfer(FakeContainerd::Plugin::absent);
  root_.write("/bin/ctr", "#!/bin/sh\nexit 0\n", 0755);
  const auto source = from_containerd(client_, {.ctr_directories = {root_.path().string() + "/bin"}});
  daemon_.import("r/a:1", image, false);
  const auto file = source->open({.image = "r/a:1", .path = "/x"}, soon());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::Unavailable);
  expect_clean();
}

TEST_F(ContainerdSourceTest, RefusesADamagedManifest) {
  const auto image = make_image({{{.name = "x", .text = "hello"}}});
  daemon_.damage(image.digest);
  const auto file = open();
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::Corrupt);
  expect_clean();
}

TEST_F(ContainerdSourceTest, LooksBeforeTheFirstChange) {
  EXPECT_TRUE(source_->available({{.image = "r/a:1", .path = "/x"}}, soon()));
  const auto bad = source_->available({{.image = "--help", .path = "/x"}}, soon());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::InvalidArgument);
  for (const auto& call : daemon_.calls()) EXPECT_TRUE(call == "Version" || call.starts_with("Plugins")) << call;
}

TEST(ContainerdSource, NamesTheWayOutWithoutADaemon) {
  const support::TempRoot root;
  containerd::Client client({.socket = root.path().string() + "/none.sock"});
  const auto source = from_containerd(client);
  const auto result = source->available({{.image = "r/a:1", .path = "/x"}}, soon());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Unavailable);
  EXPECT_THAT(result.error().hint, HasSubstr("--image-layout"));
  EXPECT_TRUE(source->available({}, soon())) << "nothing wanted, nothing needed";
}

}  // namespace
}  // namespace gna::content
