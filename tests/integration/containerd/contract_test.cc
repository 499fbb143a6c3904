// The suite of every content source, against real daemons.
#include "agent/content/containerd_source.h"
#include "tests/contract/content_source/suite.h"
#include "tests/integration/containerd/real_containerd.h"

namespace gna::contract {
namespace {

using integration::Generation;

class RealWorld : public ContentWorld {
 public:
  explicit RealWorld(Generation generation) : daemon_(generation) {}
  void add(const std::string& reference, const support::Image& image) override { daemon_.push(reference, image); }
  backend::ContentSource& source() override { return *source_; }
  std::string leftovers() override { return daemon_.leftovers(); }

 private:
  integration::RealContainerd daemon_;
  std::unique_ptr<backend::ContentSource> source_ = content::from_containerd(daemon_.client(), daemon_.options());
};

ContentCase real(const std::string& name, Generation generation) {
  return {name, [generation](std::string& why_not) -> std::unique_ptr<ContentWorld> {
            why_not = integration::why_no_containerd(generation);
            return why_not.empty() ? std::make_unique<RealWorld>(generation) : nullptr;
          }};
}

INSTANTIATE_TEST_SUITE_P(Real, ContentSourceContract,
                         testing::Values(real("Containerd16", Generation::v1_6), real("Containerd2", Generation::v2)),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace gna::contract
