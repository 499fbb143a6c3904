#include "agent/content/image_layout.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "agent/content/layer_tree.h"
#include "agent/content/oci.h"
#include "agent/content/tar.h"
#include "gna/base/digest.h"

namespace gna::content {

namespace {

using Clock = std::chrono::steady_clock;
using Sink = std::function<Result<void>(std::string_view)>;

constexpr std::size_t kChunk = 256 << 10;

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, "write temporary file");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// A file without a name: nothing to clean up, whatever happens. In memory where no folder can do that.
Result<Fd> nameless_file() {
  const char* named = std::getenv("TMPDIR");
  for (const char* directory : {named, "/var/tmp", "/tmp"}) {
    if (directory == nullptr || *directory == '\0') continue;
    if (Fd file(::open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); file) return file;
  }
  Fd memory(::memfd_create("gna-content", MFD_CLOEXEC));
  if (!memory) return fail_errno(errno, "temporary file");
  return memory;
}

// gzip's members, one after the other: some writers make one for each file.
class Gunzip {
 public:
  explicit Gunzip(Sink sink) : sink_(std::move(sink)) { ready_ = ::inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
  ~Gunzip() { ::inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  Result<void> feed(std::string_view bytes) {
    if (!ready_) return fail(Code::Unavailable, "gzip: no memory");
    while (!bytes.empty()) {
      if (ended_) {
        if (bytes.front() == '\0') {  // padding behind the last member
          bytes.remove_prefix(1);
          continue;
        }
        ::inflateReset(&stream_);
        ended_ = false;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(bytes.size());
      do {
        stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
        stream_.avail_out = static_cast<uInt>(out_.size());
        const int status = ::inflate(&stream_, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
          return fail(Code::Corrupt, std::string("gzip: ") + (stream_.msg != nullptr ? stream_.msg : "damaged"));
        GNA_TRY(sink_({out_.data(), out_.size() - stream_.avail_out}));
        ended_ = status == Z_STREAM_END;
      } while (!ended_ && (stream_.avail_in > 0 || stream_.avail_out == 0));
      bytes.remove_prefix(bytes.size() - stream_.avail_in);
    }
    return {};
  }

  Result<void> finish() const {
    if (!ended_) return fail(Code::Corrupt, "gzip: cut short");
    return {};
  }

 private:
  Sink sink_;
  z_stream stream_ = {};
  std::vector<char> out_ = std::vector<char>(kChunk);
  bool ready_ = false;
  bool ended_ = false;
};

// One digest, from the directory's blobs.
class Blob {
 public:
  static Result<Blob> open(const std::string& directory, const oci::Descriptor& blob) {
    const std::string path = directory + "/blobs/sha256/" + blob.digest.substr(std::string_view("sha256:").size());
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return fail_errno(errno, "blob " + blob.digest);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "blob " + blob.digest);
    if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != blob.size_bytes)
      return fail(Code::Corrupt, "blob " + blob.digest + ": not of the size that its manifest tells");
    return Blob(std::move(file), blob.digest);
  }

  // All bytes, through `sink`, and only then their digest: what the sink made of them counts if this is OK.
  Result<void> stream(const Sink& sink, Deadline by) {
    std::vector<char> buffer(kChunk);
    Sha256 hash;
    for (;;) {
      if (Clock::now() >= by) return fail(Code::DeadlineExceeded, "blob " + digest_ + ": not read in time");
      const ssize_t count = ::read(file_.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno(errno, "blob " + digest_);
      if (count == 0) break;
      const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
      hash.update(bytes);
      GNA_TRY_AT("blob " + digest_, sink(bytes));
    }
    if ("sha256:" + hash.hex() != digest_) return fail(Code::Corrupt, "blob " + digest_ + ": has another digest");
    return {};
  }

  // The first bytes, without moving on.
  Result<std::string> peek(std::size_t count) const {
    std::string bytes(count, '\0');
    const ssize_t got = ::pread(file_.get(), bytes.data(), count, 0);
    if (got < 0) return fail_errno(errno, "blob " + digest_);
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }

 private:
  Blob(Fd file, std::string digest) : file_(std::move(file)), digest_(std::move(digest)) {}
  Fd file_;
  std::string digest_;
};

enum class Packing { plain, gzip };

// By the bytes themselves: media types lie.
Result<Packing> packing_of(const Blob& blob) {
  GNA_LET(magic, blob.peek(4));
  if (magic.starts_with("\x1f\x8b")) return Packing::gzip;
  if (magic == "\x28\xb5\x2f\xfd")
    return fail(Code::Unsupported, "layer is compressed with zstd",
                "write the layout with gzip: skopeo copy --dest-compress-format gzip");
  if (magic.starts_with("BZh") || magic == std::string_view("\xfd"
                                                            "7zX"))
    return fail(Code::Unsupported, "layer is compressed with neither gzip nor nothing");
  return Packing::plain;
}

class ImageLayout : public backend::ContentSource {
 public:
  ImageLayout(std::string directory, LayoutOptions options)
      : directory_(std::move(directory)), options_(std::move(options)) {}

  Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) override {
    for (const auto& source : sources) {
      GNA_LET_AT("image " + source.image, image, find_image(source.image, by));
      for (const auto& layer : image.layers) {
        GNA_LET_AT("image " + source.image, blob, Blob::open(directory_, layer));
        GNA_LET_AT("image " + source.image, packing, packing_of(blob));
        static_cast<void>(packing);
      }
    }
    return {};
  }

  Result<Fd> open(const desired::ImageSource& source, Deadline by) override {
    auto file = open_at(source.image, source.path, by);
    if (const auto other = oci::other_path(source.path); !file && file.error().code == Code::NotFound && other)
      if (auto second = open_at(source.image, *other, by); second) file = std::move(second);
    if (!file) return std::unexpected(std::move(file).error().with("image " + source.image));
    return file;
  }

 private:
  Result<std::string> document(const oci::Descriptor& blob, Deadline by) const {
    if (blob.size_bytes > options_.document_bytes)
      return fail(Code::InvalidArgument, "blob " + blob.digest + ": too large for a document");
    GNA_LET(open, Blob::open(directory_, blob));
    std::string bytes;
    GNA_TRY(open.stream(
        [&](std::string_view chunk) -> Result<void> {
          bytes += chunk;
          return {};
        },
        by));
    return bytes;
  }

  // The bytes of a layer's tar stream.
  Result<void> unpack(const oci::Descriptor& layer, const Sink& sink, Deadline by) const {
    GNA_LET(blob, Blob::open(directory_, layer));
    GNA_LET(packing, packing_of(blob));
    std::uint64_t total = 0;
    const Sink bounded = [&](std::string_view bytes) -> Result<void> {
      total += bytes.size();
      if (total > options_.unpacked_bytes)
        return fail(Code::InvalidArgument,
                    "layer unpacks to more than " + std::to_string(options_.unpacked_bytes) + " bytes");
      if (Clock::now() >= by) return fail(Code::DeadlineExceeded, "layer not unpacked in time");
      return sink(bytes);
    };
    if (packing == Packing::plain) return blob.stream(bounded, by);
    Gunzip gunzip(bounded);
    GNA_TRY(blob.stream([&](std::string_view bytes) { return gunzip.feed(bytes); }, by));
    return gunzip.finish();
  }

  Result<oci::Descriptor> find_target(const std::string& reference) const {
    const std::string path = directory_ + "/index.json";
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file)
      return fail(Code::NotFound, path + ": " + errno_error(errno, "open").message,
                  "--image-layout takes a folder as `skopeo copy docker://REF oci:DIR:REF` writes it");
    std::string bytes(options_.document_bytes + 1, '\0');
    std::size_t size = 0;
    for (ssize_t count = 1; count > 0 && size < bytes.size();) {
      count = ::read(file.get(), bytes.data() + size, bytes.size() - size);
      if (count < 0) return fail_errno(errno, "read " + path);
      size += static_cast<std::size_t>(count);
    }
    if (size > options_.document_bytes) return fail(Code::InvalidArgument, path + ": too large");
    bytes.resize(size);
    GNA_LET_AT(path, entries, oci::parse_index(bytes));

    // A digest in the reference binds, whatever name stands beside it.
    const auto at = reference.find('@');
    const std::string digest = at == std::string::npos ? "" : reference.substr(at + 1);
    for (const auto& entry : entries)
      if (entry.ref_name == reference && (digest.empty() || entry.digest == digest)) return entry;
    for (const auto& entry : entries)
      if (!digest.empty() && entry.digest == digest) return entry;
    return fail(Code::NotFound, "not in the image layout " + directory_,
                "skopeo copy docker://" + reference + " oci:" + directory_ + ":" + reference);
  }

  Result<oci::Image> find_image(const std::string& reference, Deadline by) const {
    GNA_LET(target, find_target(reference));
    return oci::resolve(target, [&](const oci::Descriptor& blob) { return document(blob, by); }, options_.architecture);
  }

  struct Laid {
    std::string manifest = {};  // digest of the config: equal ones have equal layers
    LayerTree tree;
  };

  // Several files of one image are wanted one after the other, so its tree is kept.
  Result<const LayerTree*> lay(const oci::Image& image, Deadline by) {
    if (laid_ && laid_->manifest == image.config.digest) return &laid_->tree;
    laid_.reset();
    Laid fresh{.manifest = image.config.digest, .tree = LayerTree(options_.entries)};
    for (const auto& layer : image.layers) {
      fresh.tree.begin_layer();
      TarScanner scanner([&](const TarEntry& entry) { return fresh.tree.add(entry); });
      GNA_TRY(unpack(layer, [&](std::string_view bytes) { return scanner.feed(bytes); }, by));
      GNA_TRY_AT("blob " + layer.digest, scanner.finish());
    }
    laid_.emplace(std::move(fresh));
    return &laid_->tree;
  }

  Result<Fd> open_at(const std::string& reference, const std::string& path, Deadline by) {
    GNA_LET(image, find_image(reference, by));
    GNA_LET(tree, lay(image, by));
    GNA_LET(place, tree->find(path));
    GNA_LET(out, nameless_file());
    // The whole layer is read once more, for its digest counts for these very bytes.
    std::uint64_t at = 0;
    const std::uint64_t end = place.offset + place.size_bytes;
    const auto cut = [&](std::string_view bytes) -> Result<void> {
      const std::uint64_t from = std::clamp(place.offset, at, at + bytes.size());
      const std::uint64_t to = std::clamp(end, at, at + bytes.size());
      const std::string_view part = bytes.substr(from - at, to - from);
      at += bytes.size();
      return write_all(out.get(), part);
    };
    GNA_TRY(unpack(image.layers[place.layer], cut, by));
    if (::lseek(out.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "temporary file");
    return std::move(out);
  }

  std::string directory_;
  LayoutOptions options_;
  std::optional<Laid> laid_ = {};
};

}  // namespace

std::unique_ptr<backend::ContentSource> from_image_layout(std::string directory, LayoutOptions options) {
  return std::make_unique<ImageLayout>(std::move(directory), std::move(options));
}

}  // namespace gna::content
