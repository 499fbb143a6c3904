// What only a real containerd shows.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/content/containerd_source.h"
#include "tests/integration/containerd/real_containerd.h"

namespace gna::integration {
namespace {

using namespace std::chrono_literals;
using support::make_image;

const std::string kReference = "registry.example.test/team/app:v1";

Deadline soon() { return std::chrono::steady_clock::now() + 120s; }

std::string read_all(const Fd& fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(count));
  return out;
}

class RealContainerdTest : public testing::TestWithParam<Generation> {
 protected:
  void SetUp() override {
    const std::string why_not = why_no_containerd(GetParam());
    if (!why_not.empty()) GTEST_SKIP() << why_not;
    daemon_ = std::make_unique<RealContainerd>(GetParam());
    source_ = content::from_containerd(daemon_->client(), daemon_->options());
  }
  std::string content(const std::string& path, const std::string& reference = kReference) {
    const auto file = source_->open({.image = reference, .path = path}, soon());
    return file ? read_all(*file) : file.error().message;
  }

  std::unique_ptr<RealContainerd> daemon_;
  std::unique_ptr<backend::ContentSource> source_;
};

TEST_P(RealContainerdTest, TellsItsVersion) {
  const auto version = daemon_->client().version(soon());
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_TRUE(version->starts_with(GetParam() == Generation::v1_6 ? "1.6." : "2.")) << *version;
  EXPECT_EQ(daemon_->client().has_transfer(soon()).value(), GetParam() != Generation::v1_6);
}

TEST_P(RealContainerdTest, MountsMoreLayersThanOnePageNames) {
  std::vector<support::Layer> layers;
  for (int i = 0; i < 70; ++i) layers.push_back({{.name = "layer-" + std::to_string(i), .text = std::to_string(i)}});
  daemon_->push(kReference, make_image(layers));
  EXPECT_EQ(content("/layer-0"), "0");
  EXPECT_EQ(content("/layer-69"), "69");
}

TEST_P(RealContainerdTest, KeepsReadingAfterTheImageIsGone) {
  const std::string large(3'000'000, 'x');
  daemon_->push(kReference, make_image({{{.name = "base", .text = "b"}}, {{.name = "app", .text = large}}}));
  const auto file = source_->open({.image = kReference, .path = "/app"}, soon());
  ASSERT_TRUE(file) << file.error().message;
  daemon_->ctr("images rm --sync " + kReference);
  EXPECT_EQ(daemon_->ctr("snapshots ls").find("Committed"), std::string::npos) << "nothing holds the layers";
  EXPECT_EQ(read_all(*file), large);
}

TEST_P(RealContainerdTest, SeesATagThatHasMoved) {
  daemon_->push(kReference, make_image({{{.name = "app", .text = "old"}}}));
  EXPECT_EQ(content("/app"), "old");
  daemon_->push(kReference, make_image({{{.name = "app", .text = "new"}}}));
  EXPECT_EQ(content("/app"), "new");
}

TEST_P(RealContainerdTest, ServesSeveralAtOnce) {
  for (int i = 0; i < 4; ++i)
    daemon_->push(kReference + std::to_string(i % 2),
                  make_image({{{.name = "base", .text = "b"}}, {{.name = "app", .text = std::to_string(i % 2)}}}));
  std::vector<std::string> seen(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 4; ++i)
      threads.emplace_back([&, i] { seen[i] = content("/app", kReference + std::to_string(i % 2)); });
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "0", "1"}));
  EXPECT_EQ(daemon_->leftovers(), "");
}

TEST_P(RealContainerdTest, TellsARegistryThatIsDown) {
  daemon_->push(kReference, make_image({{{.name = "app", .text = "x"}}}));
  daemon_->stop_registry();
  const auto file = source_->open({.image = kReference, .path = "/app"}, soon());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::Unavailable) << file.error().message;
  EXPECT_EQ(daemon_->leftovers(), "");
}

TEST_P(RealContainerdTest, HasNoOtherWayThanTheMirror) {
  auto options = daemon_->options();
  options.hosts_directory = "/nonexistent";
  daemon_->push(kReference, make_image({{{.name = "app", .text = "x"}}}));
  const auto direct = content::from_containerd(daemon_->client(), options);
  const auto file = direct->open({.image = kReference, .path = "/app"}, std::chrono::steady_clock::now() + 20s);
  ASSERT_FALSE(file);
}

INSTANTIATE_TEST_SUITE_P(Generations, RealContainerdTest, testing::Values(Generation::v1_6, Generation::v2),
                         [](const auto& one) { return one.param == Generation::v1_6 ? "V1_6" : "V2"; });

}  // namespace
}  // namespace gna::integration
