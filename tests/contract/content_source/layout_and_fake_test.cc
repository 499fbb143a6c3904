#include <unistd.h>

#include <fstream>

#include "agent/content/containerd_source.h"
#include "agent/content/image_layout.h"
#include "tests/contract/content_source/suite.h"
#include "tests/support/fake_containerd.h"
#include "tests/support/temp_root.h"

namespace gna::contract {
namespace {

class LayoutWorld : public ContentWorld {
 public:
  void add(const std::string& reference, const support::Image& image) override { layout_.add(reference, image); }
  backend::ContentSource& source() override { return *source_; }

 private:
  support::TempRoot root_;
  support::Layout layout_{root_.path().string()};
  std::unique_ptr<backend::ContentSource> source_ = content::from_image_layout(root_.path().string());
};

class FakeWorld : public ContentWorld {
 public:
  void add(const std::string& reference, const support::Image& image) override { daemon_.offer(reference, image); }
  backend::ContentSource& source() override { return *source_; }
  std::string leftovers() override {
    std::string out;
    for (const auto& lease : daemon_.leases()) out += "lease " + lease + "\n";
    for (const auto& view : daemon_.views()) out += "view " + view + "\n";
    std::ifstream mounts("/proc/self/mountinfo");
    for (std::string line; std::getline(mounts, line);)
      if (line.find(root_.path().string()) != std::string::npos) out += line + "\n";
    return out;
  }

 private:
  support::TempRoot root_;
  support::FakeContainerd daemon_{root_.path().string()};
  containerd::Client client_{{.socket = daemon_.socket(), .name_space = "test"}};
  std::unique_ptr<backend::ContentSource> source_ = content::from_containerd(client_);
};

const ContentCase kLayout = {"ImageLayout", [](std::string&) { return std::make_unique<LayoutWorld>(); }};
const ContentCase kFake = {"FakeContainerd", [](std::string& why_not) -> std::unique_ptr<ContentWorld> {
                             if (::geteuid() == 0) return std::make_unique<FakeWorld>();
                             why_not = "mounts need root";
                             return nullptr;
                           }};

INSTANTIATE_TEST_SUITE_P(Sources, ContentSourceContract, testing::Values(kLayout, kFake),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace gna::contract
