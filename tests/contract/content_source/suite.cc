#include "tests/contract/content_source/suite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "agent/containerd/pull.h"

namespace gna::contract {
namespace {

using namespace std::chrono_literals;
using support::Image;
using support::make_image;
using support::make_index;

const std::string kReference = "registry.example.test/team/app:v1";

Deadline soon() { return std::chrono::steady_clock::now() + 120s; }

std::string read_all(const Fd& fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(count));
  return out;
}

// The same names in three layers, so that each rule of laying them over one another shows.
Image three_layers() {
  return make_image({{{.name = "bin", .type = '5', .mode = 0755},
                      {.name = "bin/app", .text = "app of the first layer", .mode = 0755},
                      {.name = "bin/tool", .text = "tool", .mode = 0755},
                      {.name = "bin/same", .text = "bin/tool", .type = '1', .mode = 0755},
                      {.name = "etc", .type = '5', .mode = 0755},
                      {.name = "etc/hostname", .text = "of the image"},
                      {.name = "gone", .text = "gone"},
                      {.name = "opaque", .type = '5', .mode = 0755},
                      {.name = "opaque/old", .text = "old"},
                      {.name = "absolute", .text = "/etc/hostname", .type = '2'},
                      {.name = "far", .text = "../../../../../etc/hostname", .type = '2'},
                      {.name = "sbin", .text = "bin", .type = '2'},
                      {.name = "dangling", .text = "/nowhere", .type = '2'},
                      {.name = "loop", .text = "loop", .type = '2'},
                      {.name = "pipe", .type = '6'}},
                     {{.name = "bin", .type = '5', .mode = 0755},
                      {.name = "bin/app", .text = "app of the second layer", .mode = 0755},
                      {.name = ".wh.gone", .text = ""},
                      {.name = "opaque", .type = '5', .mode = 0755},
                      {.name = "opaque/.wh..wh..opq", .text = ""},
                      {.name = "opaque/new", .text = "new"}},
                     {{.name = "top", .text = "of the third layer"}}});
}

}  // namespace

void ContentSourceContract::SetUp() {
  std::string why_not;
  world_ = GetParam().make(why_not);
  if (world_ == nullptr) GTEST_SKIP() << why_not;
}

void ContentSourceContract::TearDown() {
  if (world_ == nullptr) return;
  EXPECT_EQ(world_->leftovers(), "");
}

Result<Fd> ContentSourceContract::open(const std::string& path, const std::string& reference) {
  return world_->source().open({.image = reference, .path = path}, soon());
}

std::string ContentSourceContract::content(const std::string& path, const std::string& reference) {
  const auto file = open(path, reference);
  if (!file) return std::string(to_string(file.error().code));
  return read_all(*file);
}

Result<Fd> ContentSourceContract::open(const std::string& path) { return open(path, kReference); }
std::string ContentSourceContract::content(const std::string& path) { return content(path, kReference); }

TEST_P(ContentSourceContract, HandsOutAFileOfASingleLayer) {
  world_->add(kReference, make_image({{{.name = "app", .text = "only layer", .mode = 0755}}}));
  EXPECT_EQ(content("/app"), "only layer");
  EXPECT_EQ(content("/other"), "NotFound");
}

TEST_P(ContentSourceContract, LaysLayersOverOneAnother) {
  world_->add(kReference, three_layers());
  EXPECT_EQ(content("/bin/app"), "app of the second layer");
  EXPECT_EQ(content("/bin/tool"), "tool");
  EXPECT_EQ(content("/top"), "of the third layer");
  EXPECT_EQ(content("/gone"), "NotFound");
  EXPECT_EQ(content("/opaque/old"), "NotFound");
  EXPECT_EQ(content("/opaque/new"), "new");
}

TEST_P(ContentSourceContract, StaysInsideTheImage) {
  world_->add(kReference, three_layers());
  EXPECT_EQ(content("/bin/same"), "tool");
  EXPECT_EQ(content("/absolute"), "of the image");
  EXPECT_EQ(content("/far"), "of the image");
  EXPECT_EQ(content("/sbin/tool"), "tool");
  EXPECT_EQ(content("/../../etc/hostname"), "of the image");
  EXPECT_EQ(content("/dangling"), "NotFound");
}

TEST_P(ContentSourceContract, HandsOutRegularFilesOnly) {
  world_->add(kReference, three_layers());
  EXPECT_EQ(content("/bin"), "InvalidArgument");
  EXPECT_EQ(content("/pipe"), "InvalidArgument");
  EXPECT_EQ(content("/"), "InvalidArgument");
  EXPECT_FALSE(open("/loop"));
}

TEST_P(ContentSourceContract, GivesADescriptorThatOutlivesTheSource) {
  std::string large;
  for (int i = 0; large.size() < 2'000'000; ++i) large += std::to_string(i);
  world_->add(kReference, make_image({{{.name = "a", .text = "a"}}, {{.name = "large", .text = large}}}));
  auto first = open("/large");
  ASSERT_TRUE(first) << first.error().message;
  const auto second = open("/a");
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(world_->leftovers(), "");
  EXPECT_EQ(::lseek(first->get(), 0, SEEK_CUR), 0);
  struct stat status{};
  ASSERT_EQ(::fstat(first->get(), &status), 0);
  EXPECT_EQ(static_cast<std::size_t>(status.st_size), large.size());
  EXPECT_EQ(::fcntl(first->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  world_.reset();
  EXPECT_EQ(read_all(*first), large);
}

TEST_P(ContentSourceContract, ChoosesThePlatformOfThisMachine) {
  const Image mine = make_image({{{.name = "app", .text = "mine"}}});
  const Image other = make_image({{{.name = "app", .text = "other"}}}, {.architecture = "s390x"});
  const std::string here = containerd::host_architecture();
  world_->add(kReference, make_index({{other, "linux", "s390x"}, {mine, "linux", here}}));
  EXPECT_EQ(content("/app"), "mine");
}

TEST_P(ContentSourceContract, RefusesAnotherArchitecture) {
  const Image other = make_image({{{.name = "app", .text = "other"}}}, {.architecture = "s390x"});
  world_->add(kReference, other);
  EXPECT_EQ(content("/app"), "NotFound");
}

TEST_P(ContentSourceContract, TellsAnImageThatIsNotThere) {
  world_->add(kReference, make_image({{{.name = "app", .text = "x"}}}));
  EXPECT_EQ(content("/app", "registry.example.test/team/app:v2"), "NotFound");
}

TEST_P(ContentSourceContract, LooksForTheAgentWhereKoPutsIt) {
  world_->add(
      kReference,
      make_image({{{.name = "ko-app/gardener-node-agent", .text = "agent"}, {.name = "ko-app/x", .text = "x"}}}));
  EXPECT_EQ(content("/gardener-node-agent"), "agent");
  EXPECT_EQ(content("/x"), "NotFound");
}

TEST_P(ContentSourceContract, IsAvailableWithoutPulling) {
  world_->add(kReference, three_layers());
  const auto result = world_->source().available({{.image = kReference, .path = "/bin/app"}}, soon());
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_TRUE(world_->source().available({}, soon()));
}

TEST_P(ContentSourceContract, EndsAtTheDeadline) {
  world_->add(kReference, three_layers());
  const auto file =
      world_->source().open({.image = kReference, .path = "/top"}, std::chrono::steady_clock::now() - 1ms);
  ASSERT_FALSE(file);
  EXPECT_TRUE(file.error().code == Code::DeadlineExceeded || file.error().code == Code::Unavailable)
      << file.error().message;
}

}  // namespace gna::contract
