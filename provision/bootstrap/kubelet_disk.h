// The disk for /var/lib/kubelet: found by its size, formatted if it is blank, mounted.
//
// A disk that holds anything (file system, partition table, LVM, RAID, ...), or is in use, is never formatted.
// What may run again: a disk with our label is taken as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/containerd/process.h"
#include "gna/base/deadline.h"
#include "gna/base/result.h"
#include "provision/stages/stage.h"

namespace gna::provision {

struct KubeletDisk {
  std::int64_t size_bytes = 0;
  std::string label = "KUBEDEV";
  std::string directory = "/var/lib/kubelet";
  std::string scratch = "/run/gna/kubelet-disk";  // where it is mounted while it is filled
  std::string mount_options = "prjquota,errors=remount-ro";
  std::vector<std::string> programs = containerd::kProgramDirectories;
};

// A line of `lsblk -bnpP -o NAME,PKNAME,TYPE,SIZE,RO,PTTYPE,FSTYPE,MOUNTPOINT`.
struct BlockDevice {
  std::string path = {};    // /dev/sdb
  std::string parent = {};  // empty: none
  std::string type = {};    // disk, part, lvm, ...
  std::int64_t size_bytes = 0;
  bool read_only = false;
  std::string holds = {};  // type of a partition table or file system, as far as udev knows
  std::string mounted = {};
  bool operator==(const BlockDevice&) const = default;
};
// Errors: Corrupt.
Result<std::vector<BlockDevice>> parse_lsblk(std::string_view text);

// The first disk of this size with nothing on it. Pure.
// Errors: NotFound (no disk has this size; it may still appear), Conflict (those that have it hold something).
Result<std::string> choose_disk(const std::vector<BlockDevice>& devices, std::int64_t size_bytes);

// What lies in the directory is copied onto the disk first.
// Errors: NotFound, Conflict as above; Unavailable (a program failed, in its words).
Result<Found> prepare_kubelet_disk(const KubeletDisk& disk, Deadline by);

// Is something mounted right there?
// Errors: what stat says.
Result<bool> is_mount_point(const std::string& directory);

}  // namespace gna::provision
