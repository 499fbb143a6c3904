// The disk step on real block devices: loop devices, with the machine's own blkid, mkfs.ext4, mount and cp. Only lsblk
// is ours, since it calls a loop device by its name.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "gna/base/fd.h"
#include "provision/bootstrap/kubelet_disk.h"
#include "tests/support/temp_root.h"

namespace gna::provision {
namespace {

const Deadline kSoon = std::chrono::steady_clock::now() + std::chrono::minutes(5);
constexpr std::int64_t kSize = 32 << 20;

// A file as a block device; empty path: this machine has no loop devices for us.
class LoopDevice {
 public:
  explicit LoopDevice(const std::filesystem::path& file) {
    std::ofstream(file).close();
    std::filesystem::resize_file(file, kSize);
    const Fd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    if (!control) return;
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return;
    const auto path = "/dev/loop" + std::to_string(number);
    device_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    const Fd backing(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    if (device_ && ::ioctl(device_.get(), LOOP_SET_FD, backing.get()) == 0) path_ = path;
  }
  ~LoopDevice() {
    if (!path_.empty()) ::ioctl(device_.get(), LOOP_CLR_FD, 0);
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  const std::string& path() const { return path_; }

 private:
  Fd device_ = {};
  std::string path_ = {};
};

class KubeletDiskOnLoop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Mounts of this test are nobody else's.
    mounts_ = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  void SetUp() override {
    if (!mounts_) GTEST_SKIP() << "no mount namespace of its own: not root?";
    if (loop_.path().empty()) GTEST_SKIP() << "no loop device";
    tree_.write("/bin/lsblk",
                "#!/bin/sh\necho 'NAME=\"" + loop_.path() + "\" PKNAME=\"\" TYPE=\"disk\" SIZE=\"" +
                    std::to_string(kSize) + "\" RO=\"0\" PTTYPE=\"\" FSTYPE=\"\" MOUNTPOINT=\"\"'\n",
                0755);
    // A file system with quotas cannot be mounted where the kernel knows none; its arguments are for the unit test.
    tree_.write(
        "/bin/mkfs.ext4",
        "#!/bin/sh\nfor device; do :; done\nPATH=/usr/sbin:/sbin:$PATH exec mkfs.ext4 -q -L \"$3\" \"$device\"\n",
        0755);
    disk_ = {.size_bytes = kSize,
             .label = "GNA" + std::to_string(::getpid()),
             .directory = tree_.on_host("/var/lib/kubelet").string(),
             .scratch = tree_.on_host("/run/kubelet-disk").string(),
             // Quotas are the kernel's business, and not every one has them.
             .mount_options = "errors=remount-ro",
             .programs = disk_.programs};
    disk_.programs.insert(disk_.programs.begin(), tree_.on_host("/bin").string());
  }
  void TearDown() override {
    if (!disk_.directory.empty())
      while (::umount2(disk_.directory.c_str(), MNT_DETACH) == 0) {
      }
  }

  int shell(const std::string& command) const { return std::system((command + " > /dev/null 2>&1").c_str()); }
  std::string bytes() const {
    std::ifstream in(tree_.on_host("/disk.img"), std::ios::binary);
    std::string out(static_cast<std::size_t>(kSize), '\0');
    in.read(out.data(), kSize);
    return out;
  }
  void unmount() { ASSERT_EQ(::umount2(disk_.directory.c_str(), 0), 0); }

  static inline bool mounts_ = false;
  const support::TempRoot tree_;
  const LoopDevice loop_{tree_.on_host("/disk.img")};
  KubeletDisk disk_;
};

TEST_F(KubeletDiskOnLoop, IsFormattedFilledAndMounted) {
  tree_.write("/var/lib/kubelet/a", "a");
  tree_.write("/var/lib/kubelet/.hidden", "h", 0600);
  const auto done = prepare_kubelet_disk(disk_, kSoon);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(is_mount_point(disk_.directory).value());
  EXPECT_EQ(tree_.read("/var/lib/kubelet/a"), "a");
  EXPECT_EQ(tree_.read("/var/lib/kubelet/.hidden"), "h");
  EXPECT_FALSE(tree_.exists("/run/kubelet-disk"));
  EXPECT_EQ(prepare_kubelet_disk(disk_, kSoon).value().outcome, Outcome::already);
}

TEST_F(KubeletDiskOnLoop, WithItsLabelIsNeverFormattedAgain) {
  ASSERT_TRUE(prepare_kubelet_disk(disk_, kSoon));
  tree_.write("/var/lib/kubelet/pod", "data");
  unmount();
  const auto again = prepare_kubelet_disk(disk_, kSoon);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_NE(again->words.find("with its label was there"), std::string::npos);
  EXPECT_EQ(tree_.read("/var/lib/kubelet/pod"), "data");
}

TEST_F(KubeletDiskOnLoop, CutShortBetweenFormatAndMountIsFinished) {
  ASSERT_EQ(shell("mkfs.ext4 -q -L " + disk_.label + " " + loop_.path()), 0);
  // And while it was being filled.
  std::filesystem::create_directories(disk_.scratch);
  ASSERT_EQ(::mount(loop_.path().c_str(), disk_.scratch.c_str(), "ext4", 0, nullptr), 0);
  tree_.write("/var/lib/kubelet/a", "a");
  const auto done = prepare_kubelet_disk(disk_, kSoon);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(tree_.read("/var/lib/kubelet/a"), "a");
}

TEST_F(KubeletDiskOnLoop, ThatHoldsSomethingStaysAsItIs) {
  // lsblk shows nothing of it: so it is early in a boot, before udev has looked.
  const auto partition = [this] {
    // One entry of type 83 from sector 2048 on, and the signature.
    std::string sector(66, '\0');
    sector[4] = '\x83';
    sector[9] = sector[13] = '\x08';
    sector[64] = '\x55';
    sector[65] = '\xaa';
    const Fd device(::open(loop_.path().c_str(), O_WRONLY | O_CLOEXEC));
    return ::pwrite(device.get(), sector.data(), sector.size(), 446) == 66 && ::fsync(device.get()) == 0;
  };
  const std::vector<std::pair<std::string, std::function<bool()>>> makers = {
      {"ext4", [this] { return shell("mkfs.ext4 -q -F -L OTHER " + loop_.path()) == 0; }},
      {"swap", [this] { return shell("mkswap -f " + loop_.path()) == 0; }},
      {"dos", partition}};
  for (const auto& [name, make] : makers) {
    ASSERT_TRUE(make()) << name;
    const auto before = bytes();
    const auto refused = prepare_kubelet_disk(disk_, kSoon);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::Conflict) << refused.error().message;
    EXPECT_NE(refused.error().message.find(name), std::string::npos) << refused.error().message;
    EXPECT_TRUE(bytes() == before) << name;
    ASSERT_EQ(shell("wipefs -aq " + loop_.path()), 0);
  }
}

TEST_F(KubeletDiskOnLoop, ThatIsInUseStaysAsItIs) {
  ASSERT_EQ(shell("mkfs.ext4 -q -L OTHER " + loop_.path()), 0);
  const auto elsewhere = tree_.on_host("/mnt");
  std::filesystem::create_directories(elsewhere);
  ASSERT_EQ(::mount(loop_.path().c_str(), elsewhere.c_str(), "ext4", 0, nullptr), 0);
  const auto refused = prepare_kubelet_disk(disk_, kSoon);
  ::umount2(elsewhere.c_str(), 0);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("in use"), std::string::npos) << refused.error().message;
}

TEST_F(KubeletDiskOnLoop, ThatCannotBeMountedIsAFailure) {
  disk_.mount_options = "no_such_option";
  EXPECT_FALSE(prepare_kubelet_disk(disk_, kSoon));
  EXPECT_FALSE(is_mount_point(disk_.directory).value());
}

}  // namespace
}  // namespace gna::provision
