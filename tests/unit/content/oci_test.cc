#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/content/oci.h"
#include "tests/support/oci_image.h"

namespace gna::content::oci {
namespace {

using support::make_image;
using support::make_index;

Read from(const support::Image& image) {
  return [&image](const Descriptor& blob) -> Result<std::string> {
    const auto found = image.blobs.find(blob.digest);
    if (found == image.blobs.end()) return fail(Code::NotFound, "blob " + blob.digest);
    return found->second;
  };
}

Result<Image> resolved(const support::Image& image, const std::string& architecture = "amd64") {
  return resolve({.digest = image.digest}, from(image), architecture);
}

support::Image for_architecture(const std::string& architecture) {
  return make_image({{{.name = "arch", .text = architecture}}}, {.architecture = architecture});
}

// An image whose config or manifest was changed by hand.
Result<Image> resolved_after(const std::function<void(nlohmann::json& manifest, nlohmann::json& config)>& change) {
  support::Image image = for_architecture("amd64");
  auto manifest = nlohmann::json::parse(image.manifest());
  auto config = nlohmann::json::parse(image.blobs.at(manifest["config"]["digest"].get<std::string>()));
  change(manifest, config);
  if (manifest.contains("config") && manifest["config"].is_object() && manifest["config"].contains("digest"))
    image.blobs[manifest["config"]["digest"].get<std::string>()] = config.dump();
  image.blobs[image.digest] = manifest.dump();
  return resolved(image);
}

TEST(Resolve, TakesAManifestOfThisArchitecture) {
  const auto source = for_architecture("amd64");
  const auto image = resolved(source);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->diff_ids, source.diff_ids);
  EXPECT_EQ(image->layers.size(), 1u);
}

TEST(Resolve, RefusesASingleManifestOfAnotherArchitecture) {
  const auto image = resolved(for_architecture("arm64"));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::NotFound);
  EXPECT_NE(image.error().message.find("linux/arm64"), std::string::npos);
}

TEST(Resolve, ChoosesByPlatform) {
  const auto arm = for_architecture("arm64");
  const auto amd = for_architecture("amd64");
  const auto index = make_index({{amd, "unknown", "unknown"}, {arm, "linux", "arm64"}, {amd, "linux", "amd64"}});
  const auto image = resolved(index, "arm64");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->diff_ids, arm.diff_ids);
}

TEST(Resolve, DescendsIntoAnIndexOfIndexes) {
  const auto amd = for_architecture("amd64");
  const auto inner = make_index({{amd, "linux", "amd64"}});
  const auto image = resolved(make_index({{for_architecture("arm64"), "", ""}, {inner, "", ""}}));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->diff_ids, amd.diff_ids);
}

TEST(Resolve, DoesNotBelieveAnIndexThatLies) {
  const auto image = resolved(make_index({{for_architecture("arm64"), "linux", "amd64"}}));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::NotFound);
}

TEST(Resolve, TellsAMissingPlatform) {
  const auto image = resolved(make_index({{for_architecture("arm64"), "linux", "arm64"}}));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::NotFound);
}

TEST(Resolve, BoundsNesting) {
  auto index = make_index({{for_architecture("amd64"), "linux", "amd64"}});
  for (int i = 0; i < 10; ++i) index = make_index({{index, "", ""}});
  const auto image = resolved(index);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::Corrupt);
}

struct Broken {
  const char* name;
  std::function<void(nlohmann::json&, nlohmann::json&)> change;
  Code code;
};

class ResolveBroken : public testing::TestWithParam<Broken> {};

TEST_P(ResolveBroken, IsRefused) {
  const auto image = resolved_after(GetParam().change);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, GetParam().code) << image.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, ResolveBroken,
    testing::Values(
        Broken{"ManifestIsAList", [](auto& manifest, auto&) { manifest = nlohmann::json::array(); }, Code::Corrupt},
        Broken{"NoConfig", [](auto& manifest, auto&) { manifest.erase("config"); }, Code::Corrupt},
        Broken{"NoLayers", [](auto& manifest, auto&) { manifest.erase("layers"); }, Code::Corrupt},
        Broken{"LayerIsText", [](auto& manifest, auto&) { manifest["layers"][0] = "x"; }, Code::Corrupt},
        Broken{"DigestLeadsOut",
               [](auto& manifest, auto&) { manifest["layers"][0]["digest"] = "sha256:../../etc/passwd"; },
               Code::Corrupt},
        Broken{"OtherDigest",
               [](auto& manifest, auto&) { manifest["layers"][0]["digest"] = "sha512:" + std::string(128, 'a'); },
               Code::Unsupported},
        Broken{"NegativeSize", [](auto& manifest, auto&) { manifest["layers"][0]["size"] = -1; }, Code::Corrupt},
        Broken{"ConfigIsText", [](auto&, auto& config) { config = "x"; }, Code::Corrupt},
        Broken{"NoRootfs", [](auto&, auto& config) { config.erase("rootfs"); }, Code::Corrupt},
        Broken{"DiffIdIsNone", [](auto&, auto& config) { config["rootfs"]["diff_ids"][0] = "sha256:zz"; },
               Code::Corrupt},
        Broken{"FewerDiffIds", [](auto&, auto& config) { config["rootfs"]["diff_ids"] = nlohmann::json::array(); },
               Code::Corrupt},
        Broken{"Windows", [](auto&, auto& config) { config["os"] = "windows"; }, Code::NotFound}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ChainId, OfOneLayerIsItsDiffId) { EXPECT_EQ(chain_id({"sha256:aa"}), "sha256:aa"); }

TEST(ChainId, HashesTextWithOneBlank) {
  EXPECT_EQ(chain_id({"sha256:aa", "sha256:bb"}), support::digest_of("sha256:aa sha256:bb"));
  EXPECT_EQ(chain_id({"sha256:aa", "sha256:bb", "sha256:cc"}),
            support::digest_of(support::digest_of("sha256:aa sha256:bb") + " sha256:cc"));
}

TEST(ChainId, OfNothingIsEmpty) { EXPECT_EQ(chain_id({}), ""); }

TEST(ParseIndex, ReadsReferenceNames) {
  const auto entries = parse_index(R"({"manifests":[{"digest":"sha256:)" + std::string(64, 'a') +
                                   R"(","size":7,"annotations":{"org.opencontainers.image.ref.name":"a/b:c"}}]})");
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().ref_name, "a/b:c");
  EXPECT_EQ(entries->front().size_bytes, 7u);
}

}  // namespace
}  // namespace gna::content::oci
