#include "provision/bootstrap/kubelet_disk.h"

#include <gtest/gtest.h>

#include "tests/support/temp_root.h"

namespace gna::provision {
namespace {

const Deadline kSoon = std::chrono::steady_clock::now() + std::chrono::minutes(5);

std::string line(const std::string& name, const std::string& type, const std::string& size,
                 const std::string& more = "") {
  const auto value = [&](const std::string& key) {
    const auto at = more.find(key + "=");
    return at == std::string::npos ? "" : more.substr(at + key.size() + 1, more.find(' ', at) - at - key.size() - 1);
  };
  std::string out =
      "NAME=\"" + name + "\" PKNAME=\"" + value("PKNAME") + "\" TYPE=\"" + type + "\" SIZE=\"" + size + "\" RO=\"";
  out +=
      (value("RO").empty() ? "0" : value("RO")) + "\" PTTYPE=\"" + value("PTTYPE") + "\" FSTYPE=\"" + value("FSTYPE");
  return out + "\" MOUNTPOINT=\"" + value("MOUNTPOINT") + "\"\n";
}

Result<std::string> choose(const std::string& lsblk) {
  const auto devices = parse_lsblk(lsblk);
  EXPECT_TRUE(devices) << lsblk;
  return choose_disk(devices.value_or(std::vector<BlockDevice>()), 1000);
}

TEST(KubeletDisk, IsTheFirstBlankOneOfItsSize) {
  EXPECT_EQ(
      choose(line("/dev/sda", "disk", "5000", "PTTYPE=gpt ") + line("/dev/sda1", "part", "1000", "PKNAME=/dev/sda ") +
             line("/dev/sdb", "disk", "1000") + line("/dev/sdc", "disk", "1000"))
          .value(),
      "/dev/sdb");
}

TEST(KubeletDisk, IsNeverOneThatHoldsSomething) {
  for (const auto* holds : {"FSTYPE=ext4 ", "PTTYPE=dos ", "FSTYPE=LVM2_member ", "MOUNTPOINT=/data ", "RO=1 "}) {
    const auto chosen = choose(line("/dev/sdb", "disk", "1000", holds));
    ASSERT_FALSE(chosen) << holds;
    EXPECT_EQ(chosen.error().code, Code::Conflict);
    EXPECT_NE(chosen.error().message.find("/dev/sdb"), std::string::npos);
  }
  EXPECT_EQ(
      choose(line("/dev/sdb", "disk", "1000") + line("/dev/mapper/x", "lvm", "10", "PKNAME=/dev/sdb ")).error().code,
      Code::Conflict);
}

TEST(KubeletDisk, HasExactlyTheSizeThatIsConfigured) {
  for (const auto* size : {"999", "1001", "0"})
    EXPECT_EQ(choose(line("/dev/sdb", "disk", size)).error().code, Code::NotFound);
  EXPECT_EQ(choose(line("/dev/sdb1", "part", "1000")).error().code, Code::NotFound);
  EXPECT_EQ(choose(line("/dev/md0", "raid1", "1000")).error().code, Code::NotFound);
}

TEST(KubeletDisk, IsNotGuessedFromWordsThatAreNotUnderstood) {
  EXPECT_FALSE(parse_lsblk("NAME=\"/dev/sdb\"\n"));
  EXPECT_FALSE(parse_lsblk(line("/dev/sdb", "disk", "1G")));
  EXPECT_FALSE(parse_lsblk(line("/dev/sdb", "disk", "")));
  // PKNAME is no NAME.
  EXPECT_EQ(parse_lsblk("PKNAME=\"/dev/x\" NAME=\"/dev/y\" TYPE=\"disk\" SIZE=\"1\" RO=\"0\" PTTYPE=\"\" FSTYPE=\"\" "
                        "MOUNTPOINT=\"\"\n")
                .value()[0]
                .path,
            "/dev/y");
}

// Programs that say what a test wants, and record that they were called.
class Programs {
 public:
  Programs() {
    add("blkid", "case $1 in --label) exit 2 ;; *) exit ${PROBED:-2} ;; esac");
    add("mkfs.ext4", "");
    add("cp", "");
    tree_.write("/disk", "");
  }
  void add(const std::string& name, const std::string& text) {
    tree_.write("/bin/" + name, "#!/bin/sh\necho \"" + name + " $*\" >> " + path("/log") + "\n" + text + "\n", 0755);
  }
  void list(const std::string& text) { add("lsblk", "cat << 'END'\n" + text + "END\n"); }
  std::string path(const std::string& name) const { return tree_.on_host(name).string(); }
  std::string log() const { return tree_.exists("/log") ? tree_.read("/log") : ""; }
  KubeletDisk disk() const {
    return {.size_bytes = 1000,
            .directory = path("/var/lib/kubelet"),
            .scratch = path("/run/disk"),
            .programs = {path("/bin")}};
  }

 private:
  support::TempRoot tree_;
};

TEST(KubeletDisk, ThatIsNotBlankAfterAllIsNotFormatted) {
  Programs programs;
  programs.list(line(programs.path("/disk"), "disk", "1000"));
  // 0: something was found; 8: two things at once.
  for (const auto* exit : {"0", "8", "4"}) {
    programs.add("blkid", std::string("case $1 in --label) exit 2 ;; *) echo TYPE=xfs; exit ") + exit + " ;; esac");
    const auto done = prepare_kubelet_disk(programs.disk(), kSoon);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::Conflict) << done.error().message;
    EXPECT_EQ(programs.log().find("mkfs"), std::string::npos);
  }
}

TEST(KubeletDisk, FailureOfMkfsIsAFailure) {
  Programs programs;
  programs.list(line(programs.path("/disk"), "disk", "1000"));
  programs.add("mkfs.ext4", "echo 'no space for a journal' >&2; exit 1");
  const auto done = prepare_kubelet_disk(programs.disk(), kSoon);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("no space for a journal"), std::string::npos);
  EXPECT_NE(programs.log().find("mkfs.ext4 -q -L KUBEDEV -O quota"), std::string::npos);
}

TEST(KubeletDisk, WhoseLabelCannotBeAskedForIsNotFormatted) {
  Programs programs;
  programs.list(line(programs.path("/disk"), "disk", "1000"));
  programs.add("blkid", "echo broken >&2; exit 4");
  EXPECT_EQ(prepare_kubelet_disk(programs.disk(), kSoon).error().code, Code::Unavailable);
  EXPECT_EQ(programs.log().find("mkfs"), std::string::npos);
}

}  // namespace
}  // namespace gna::provision
