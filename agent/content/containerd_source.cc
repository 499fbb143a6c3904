#include "agent/content/containerd_source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "agent/content/oci.h"
#include "agent/content/overlay.h"
#include "gna/base/log.h"

namespace gna::content {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kDocumentBytes = 4u << 20;
constexpr auto kLease = 24h;       // what a killed agent leaves behind expires
constexpr auto kStarting = 10s;    // an earlier step may just have restarted the daemon
constexpr auto kImage = 10min;     // of one file
constexpr auto kCleaningUp = 10s;  // beyond the caller's deadline, which may be what ended the work

// Leases and views need names that no other run has had.
std::string random_name() {
  unsigned char bytes[12];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return "gna-" + std::to_string(::getpid());
  std::string name = "gna-";
  for (const unsigned char byte : bytes) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name;
}

// --- the file beneath the mount ---------------------------------------------------------------------

// "/" is the image's root for every symlink on the way. First without opening: a device of the image
// must not be touched, and a FIFO not be waited for.
Result<Fd> open_beneath(const std::string& directory, const std::string& path) {
  const Fd root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(errno, "open " + directory);
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const Fd handle(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
  if (!handle) return fail_errno(errno, path + " in the image");
  struct stat status{};
  if (::fstat(handle.get(), &status) != 0) return fail_errno(errno, path + " in the image");
  if (!S_ISREG(status.st_mode)) return fail(Code::InvalidArgument, path + " is not a regular file in the image");
  Fd file(::open(("/proc/self/fd/" + std::to_string(handle.get())).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "open " + path + " in the image");
  return file;
}

// Runs in a thread of its own. unshare() gives that thread its own mounts and its own working directory;
// both end with it, so the mount is never seen by others and nothing is left to unmount. The descriptor
// keeps the file system alive for as long as it is open.
Result<Fd> open_in_overlay(const Overlay& overlay, const std::string& path) {
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno(errno, "mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return fail_errno(errno, "private mounts");
  // Lower directories by their last names: mount data ends at 4096 bytes, and sixty layers with whole
  // paths are longer.
  if (::chdir(overlay.directory.c_str()) != 0) return fail_errno(errno, "enter " + overlay.directory);
  if (::mount("overlay", ".", "overlay", overlay.flags | MS_RDONLY, overlay.data.c_str()) != 0)
    return fail_errno(errno, "mount the image");
  // By its path, which now leads to the mount; "." is still the directory beneath it.
  return open_beneath(overlay.directory, path);
}

Result<Fd> open_in_view(const std::vector<containerd::Mount>& mounts, const std::string& path) {
  if (mounts.size() != 1) return fail(Code::Unsupported, "a view of " + std::to_string(mounts.size()) + " mounts");
  const auto& mount = mounts.front();
  // One layer: its directory is there to be read, so it needs no mount.
  if (mount.type == "bind") return open_beneath(mount.source, path);
  if (mount.type != "overlay")
    return fail(Code::Unsupported, "a view of type " + mount.type + ", where bind and overlay are known");
  GNA_LET(overlay, parse_overlay(mount.options));
  Result<Fd> file = fail(Code::Internal, "no answer");
  std::thread([&] { file = open_in_overlay(overlay, path); }).join();
  return file;
}

class ContainerdSource : public backend::ContentSource {
 public:
  ContainerdSource(containerd::Client& client, containerd::PullOptions options)
      : client_(client), options_(std::move(options)) {}

  Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) override {
    if (sources.empty()) return {};
    std::vector<std::string> references;
    references.reserve(sources.size());
    for (const auto& source : sources) references.push_back(source.image);
    auto result = containerd::can_pull(client_, references, options_, by);
    if (!result) {
      Error error = std::move(result).error().with("files from images");
      if (error.hint.empty() && error.code != Code::InvalidArgument)
        error.hint =
            "start containerd (" + client_.address().socket + "), or pass --image-layout DIR with the images in it";
      return std::unexpected(std::move(error));
    }
    return {};
  }

  Result<Fd> open(const desired::ImageSource& source, Deadline by) override {
    const std::string step = "image " + source.image;
    by = std::min<Deadline>(by, Clock::now() + kImage);
    GNA_TRY_AT(step, client_.connect(std::min<Deadline>(by, Clock::now() + kStarting)));
    const std::string lease = random_name();
    GNA_TRY_AT(step, client_.create_lease(lease, kLease, by));
    auto file = open_under(lease, source, by);
    // The view is the lease's and goes with it, but named it goes at once and without a collection.
    const Deadline soon = Clock::now() + kCleaningUp;
    note("view", client_.remove_snapshot(lease, soon));
    note("lease", client_.delete_lease(lease, false, soon));
    if (!file) return std::unexpected(std::move(file).error().with(step));
    return file;
  }

 private:
  // The view's key is the lease's name: both are of this one call.
  Result<Fd> open_under(const std::string& lease, const desired::ImageSource& source, Deadline by) {
    auto options = options_;
    options.lease = lease;
    GNA_TRY(containerd::pull(client_, source.image, options, by));
    GNA_LET(target, client_.image(source.image, by));
    const auto read = [&](const oci::Descriptor& blob) { return client_.read(blob.digest, kDocumentBytes, by); };
    GNA_LET(image,
            oci::resolve({.media_type = target.media_type, .digest = target.digest}, read, options_.architecture));
    const std::string chain = oci::chain_id(image.diff_ids);
    if (chain.empty()) return fail(Code::NotFound, "the image has no layers");
    // An image record proves nothing: 1.x writes it before it unpacks.
    GNA_LET(unpacked, client_.has_snapshot(chain, by));
    if (!unpacked) return fail(Code::Unavailable, "pulled, but not unpacked for linux/" + options_.architecture);
    GNA_LET(mounts, client_.view(lease, chain, lease, by));
    auto file = open_in_view(mounts, source.path);
    if (const auto other = oci::other_path(source.path); !file && file.error().code == Code::NotFound && other)
      if (auto second = open_in_view(mounts, *other); second) file = std::move(second);
    return file;
  }

  // The file is there all the same, and what stays behind expires.
  static void note(std::string_view what, const Result<void>& result) {
    if (!result)
      log::event(log::Level::warn, "image-cleanup", "left behind until its lease expires",
                 {{"what", what}, {"error", result.error().message}});
  }

  containerd::Client& client_;
  containerd::PullOptions options_;
};

}  // namespace

std::unique_ptr<backend::ContentSource> from_containerd(containerd::Client& client, containerd::PullOptions options) {
  return std::make_unique<ContainerdSource>(client, std::move(options));
}

}  // namespace gna::content
