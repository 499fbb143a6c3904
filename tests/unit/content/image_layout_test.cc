// What is particular to an image layout; what every source keeps is in tests/contract/content_source.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "agent/content/image_layout.h"
#include "tests/support/oci_image.h"
#include "tests/support/temp_root.h"

namespace gna::content {
namespace {

using namespace std::chrono_literals;
using support::Image;
using support::Layer;
using support::make_image;
using support::make_image_of_blobs;

Deadline soon() { return std::chrono::steady_clock::now() + 60s; }

std::string read_all(const Fd& fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(count));
  return out;
}

class ImageLayoutTest : public testing::Test {
 protected:
  std::string directory() const { return root_.path().string(); }

  // The file's bytes, or the error's code.
  std::string open(const std::string& path, const std::string& image = "r/a:1", LayoutOptions options = {}) {
    const auto source = from_image_layout(directory(), std::move(options));
    const auto file = source->open({.image = image, .path = path}, soon());
    return file ? read_all(*file) : std::string(to_string(file.error().code));
  }

  // One layer of these very bytes.
  void add_blob_layer(const std::string& blob, const std::string& tar) {
    layout_.add("r/a:1", make_image_of_blobs({blob}, {support::digest_of(tar)}));
  }

  support::TempRoot root_;
  support::Layout layout_{root_.path().string()};
};

const Layer kHello = {{.name = "x", .text = "hello"}};

TEST_F(ImageLayoutTest, ReadsPlainAndGzip) {
  layout_.add("r/a:1", make_image({kHello}));
  layout_.add("r/a:2", make_image({{{.name = "x", .text = "plain"}}}, {.packing = support::Packing::plain}));
  EXPECT_EQ(open("/x", "r/a:1"), "hello");
  EXPECT_EQ(open("/x", "r/a:2"), "plain");
}

TEST_F(ImageLayoutTest, ReadsGzipInMembersWithPadding) {
  const std::string bytes = support::tar(kHello);
  std::string blob;
  for (std::size_t at = 0; at < bytes.size(); at += 300) blob += support::gzip(bytes.substr(at, 300));
  add_blob_layer(blob + std::string(20, '\0'), bytes);
  EXPECT_EQ(open("/x"), "hello");
}

TEST_F(ImageLayoutTest, ReadsAFileLargerThanAnyBuffer) {
  std::string large;
  for (long i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i * 7919);
  layout_.add(
      "r/a:1",
      make_image({{{.name = "before", .text = "b"}, {.name = "x", .text = large}, {.name = "after", .text = "a"}}}));
  EXPECT_EQ(open("/x"), large);
  EXPECT_EQ(open("/after"), "a");
}

TEST_F(ImageLayoutTest, FindsByDigestToo) {
  const Image image = make_image({kHello});
  layout_.add("named-otherwise", image);
  EXPECT_EQ(open("/x", "r/a@" + image.digest), "hello");
}

TEST_F(ImageLayoutTest, HoldsANameToItsDigest) {
  layout_.add("r/a:1@sha256:" + std::string(64, '0'), make_image({kHello}));
  EXPECT_EQ(open("/x", "r/a:1@sha256:" + std::string(64, '0')), "NotFound");
}

TEST_F(ImageLayoutTest, RefusesADamagedLayer) {
  const Image image = make_image({kHello, {{.name = "y", .text = "y"}}});
  layout_.add("r/a:1", image);
  std::string bytes = image.blobs.at(image.digest);
  for (const auto& [digest, blob] : image.blobs) {
    if (!blob.starts_with("\x1f\x8b")) continue;
    std::string damaged = blob;
    damaged[9] ^= 1;  // the OS byte of gzip's header: still unpacks to the same tar
    layout_.write_blob(digest, damaged);
    EXPECT_EQ(open("/x"), "Corrupt") << digest;
    EXPECT_EQ(open("/y"), "Corrupt") << digest;
    layout_.write_blob(digest, blob);
  }
  EXPECT_EQ(open("/x"), "hello");
}

TEST_F(ImageLayoutTest, RefusesADamagedManifestOrConfig) {
  const Image image = make_image({kHello});
  layout_.add("r/a:1", image);
  for (const auto& [digest, blob] : image.blobs) {
    if (!blob.starts_with("{")) continue;
    std::string damaged = blob;
    damaged[damaged.find("linux") == std::string::npos ? damaged.find("sha256:") + 8 : damaged.find("linux")] ^= 1;
    layout_.write_blob(digest, damaged);
    EXPECT_EQ(open("/x"), "Corrupt") << digest;
    layout_.write_blob(digest, blob);
  }
}

TEST_F(ImageLayoutTest, RefusesABlobOfAnotherSize) {
  const Image image = make_image({kHello});
  layout_.add("r/a:1", image);
  for (const auto& [digest, blob] : image.blobs) {
    layout_.write_blob(digest, blob + "x");
    EXPECT_EQ(open("/x"), "Corrupt") << digest;
    layout_.write_blob(digest, blob);
  }
}

TEST_F(ImageLayoutTest, TellsAMissingBlob) {
  const Image image = make_image({kHello});
  layout_.add("r/a:1", image);
  for (const auto& [digest, blob] : image.blobs) {
    std::filesystem::remove(layout_.blob_path(digest));
    EXPECT_EQ(open("/x"), "NotFound") << digest;
    layout_.write_blob(digest, blob);
  }
}

TEST_F(ImageLayoutTest, RefusesZstdByName) {
  const std::string blob = "\x28\xb5\x2f\xfd rest";
  add_blob_layer(blob, blob);
  const auto source = from_image_layout(directory());
  for (const auto& result : {source->open({.image = "r/a:1", .path = "/x"}, soon()).error(),
                             source->available({{.image = "r/a:1", .path = "/x"}}, soon()).error()}) {
    EXPECT_EQ(result.code, Code::Unsupported);
    EXPECT_NE(result.message.find("zstd"), std::string::npos);
    EXPECT_FALSE(result.hint.empty());
  }
}

TEST_F(ImageLayoutTest, RefusesGzipThatIsCutOrDamaged) {
  const std::string bytes = support::tar(kHello);
  const std::string whole = support::gzip(bytes);
  std::string damaged = whole;
  damaged[whole.size() / 2] ^= 0x55;
  for (const auto& blob : {whole.substr(0, whole.size() - 12), damaged, whole + "garbage"}) {
    add_blob_layer(blob, bytes);
    EXPECT_EQ(open("/x"), "Corrupt");
    layout_ = support::Layout(directory());
  }
}

TEST_F(ImageLayoutTest, BoundsWhatALayerUnpacksTo) {
  layout_.add("r/a:1", make_image({{{.name = "x", .text = std::string(1 << 20, 'x')}}}));
  EXPECT_EQ(open("/x", "r/a:1", {.unpacked_bytes = 1 << 19}), "InvalidArgument");
}

TEST_F(ImageLayoutTest, BoundsEntriesAndDocuments) {
  layout_.add("r/a:1", make_image({{{.name = "a"}, {.name = "b"}, {.name = "c"}}}));
  EXPECT_EQ(open("/a", "r/a:1", {.entries = 3}), "InvalidArgument");
  EXPECT_EQ(open("/a", "r/a:1", {.document_bytes = 100}), "InvalidArgument");
}

TEST_F(ImageLayoutTest, EndsAtTheDeadline) {
  layout_.add("r/a:1", make_image({kHello}));
  const auto source = from_image_layout(directory());
  const auto file = source->open({.image = "r/a:1", .path = "/x"}, std::chrono::steady_clock::now() - 1ms);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::DeadlineExceeded);
}

TEST_F(ImageLayoutTest, TellsAFolderThatIsNoLayout) {
  const auto source = from_image_layout(directory() + "/nothing");
  const auto result = source->available({{.image = "r/a:1", .path = "/x"}}, soon());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::NotFound);
  EXPECT_NE(result.error().hint.find("--image-layout"), std::string::npos);
  EXPECT_TRUE(source->available({}, soon()));
}

TEST_F(ImageLayoutTest, RefusesAnIndexThatIsNone) {
  for (const char* text : {"", "[]", "{", R"({"manifests": 1})", R"({"manifests": [{"digest": "sha256:x"}]})"}) {
    std::ofstream(directory() + "/index.json", std::ios::trunc) << text;
    EXPECT_EQ(open("/x"), "Corrupt") << text;
  }
}

TEST_F(ImageLayoutTest, DoesNotReadWhatIsNoFile) {
  std::filesystem::remove(directory() + "/index.json");
  std::filesystem::create_directory(directory() + "/index.json");
  const auto source = from_image_layout(directory());
  EXPECT_FALSE(source->available({{.image = "r/a:1", .path = "/x"}}, soon()));
}

TEST_F(ImageLayoutTest, KeepsNoNamedTemporaryFile) {
  layout_.add("r/a:1", make_image({kHello}));
  const support::TempRoot temporary;
  ::setenv("TMPDIR", temporary.path().c_str(), 1);
  EXPECT_EQ(open("/x"), "hello");
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(temporary.path()));
}

}  // namespace
}  // namespace gna::content
