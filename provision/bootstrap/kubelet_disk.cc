#include "provision/bootstrap/kubelet_disk.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "gna/base/fd.h"

namespace gna::provision {
namespace {

// Ends are looked for below; nothing in a value of lsblk is a bare quote: it writes \x22.
Result<std::string> value_of(std::string_view line, std::string_view key) {
  const auto opening = std::string(key) + "=\"";
  for (std::size_t at = 0; (at = line.find(opening, at)) != std::string_view::npos; ++at) {
    if (at > 0 && line[at - 1] != ' ') continue;
    const auto begin = at + opening.size();
    const auto end = line.find('"', begin);
    if (end == std::string_view::npos) break;
    return std::string(line.substr(begin, end - begin));
  }
  return fail(Code::Corrupt, fmt::format("lsblk tells no {}", key));
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

struct Program {
  const KubeletDisk& disk;
  Deadline by;

  Result<containerd::Exit> operator()(std::vector<std::string> arguments) const {
    GNA_LET(path, containerd::find_program(arguments[0], disk.programs));
    const auto name = arguments[0];
    arguments[0] = path;
    auto exit = containerd::run_program(std::move(arguments), by);
    if (!exit) return std::unexpected(std::move(exit).error().with(name));
    return exit;
  }

  // Errors: Unavailable for any exit but 0.
  Result<std::string> must(std::vector<std::string> arguments) const {
    const auto name = arguments[0];
    GNA_LET(exit, (*this)(std::move(arguments)));
    if (exit.status != 0)
      return fail(Code::Unavailable,
                  fmt::format("{} failed: {}", name, trimmed(exit.words.empty() ? exit.output : exit.words)));
    return exit.output;
  }
};

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

// The device with our label; empty: there is none.
Result<std::string> labelled(const Program& program, const std::string& label) {
  GNA_LET(exit, program({"blkid", "--label", label}));
  if (exit_code(exit.status) == 0) return trimmed(exit.output);
  if (exit_code(exit.status) == 2) return std::string();
  return fail(Code::Unavailable, "blkid failed: " + trimmed(exit.words));
}

// lsblk repeats what udev once saw, early in the boot that is nothing. So the device itself is read, and nobody
// else may have it open for itself.
Result<void> is_blank(const Program& program, const std::string& device) {
  const Fd fd(::open(device.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    if (error == EBUSY) return fail(Code::Conflict, device + " is in use: it is not formatted");
    return fail_errno(error, "open " + device);
  }
  GNA_LET(exit, program({"blkid", "--probe", device}));
  if (exit_code(exit.status) == 2) return {};
  if (exit_code(exit.status) == 0)
    return fail(Code::Conflict, "not formatted, it is not blank: " + trimmed(exit.output));
  return fail(Code::Conflict,
              fmt::format("not formatted, what {} holds is not clear: {}", device, trimmed(exit.words)));
}

Result<void> mount_at(const KubeletDisk& disk, const std::string& device, const std::string& directory) {
  if (::mount(device.c_str(), directory.c_str(), "ext4", 0, disk.mount_options.c_str()) != 0)
    return fail_errno(errno, fmt::format("mount {} on {} ({})", device, directory, disk.mount_options));
  return {};
}

Result<void> make_directory(const std::string& path, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail_errno(errno, "mkdir " + path);
  return {};
}

// Newer wins, so that a second run doesn't put old files over what the disk has got since.
Result<void> copy_onto(const KubeletDisk& disk, const Program& program, const std::string& device) {
  GNA_TRY(make_directory(disk.scratch, 0700));
  while (::umount2(disk.scratch.c_str(), 0) == 0) {
    // A run that was killed left it mounted.
  }
  GNA_TRY(mount_at(disk, device, disk.scratch));
  auto copied = program.must({"cp", "--archive", "--update", disk.directory + "/.", disk.scratch});
  // The copy that failed is what matters then.
  const int unmounted = ::umount2(disk.scratch.c_str(), 0) == 0 ? 0 : errno;
  if (!copied) return std::unexpected(std::move(copied).error());
  if (unmounted != 0) return fail_errno(unmounted, "unmount " + disk.scratch);
  ::rmdir(disk.scratch.c_str());
  return {};
}

}  // namespace

Result<std::vector<BlockDevice>> parse_lsblk(std::string_view text) {
  std::vector<BlockDevice> out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) continue;
    BlockDevice device;
    GNA_LET(path, value_of(line, "NAME"));
    GNA_LET(parent, value_of(line, "PKNAME"));
    GNA_LET(type, value_of(line, "TYPE"));
    GNA_LET(size, value_of(line, "SIZE"));
    GNA_LET(read_only, value_of(line, "RO"));
    GNA_LET(table, value_of(line, "PTTYPE"));
    GNA_LET(file_system, value_of(line, "FSTYPE"));
    GNA_LET(mounted, value_of(line, "MOUNTPOINT"));
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), device.size_bytes);
    if (error != std::errc() || end != size.data() + size.size())
      return fail(Code::Corrupt, "lsblk: the size of " + path + " is no number");
    device.path = std::move(path);
    device.parent = std::move(parent);
    device.type = std::move(type);
    device.read_only = read_only == "1";
    device.holds = table.empty() ? file_system : table;
    device.mounted = std::move(mounted);
    out.push_back(std::move(device));
  }
  return out;
}

Result<std::string> choose_disk(const std::vector<BlockDevice>& devices, std::int64_t size_bytes) {
  std::string others;
  for (const auto& device : devices) {
    if (device.type != "disk" || device.size_bytes != size_bytes) continue;
    std::string why;
    const auto child = std::ranges::find(devices, device.path, &BlockDevice::parent);
    if (!device.holds.empty())
      why = "holds " + device.holds;
    else if (!device.mounted.empty())
      why = "is mounted on " + device.mounted;
    else if (child != devices.end())
      why = "has " + child->path;
    else if (device.read_only)
      why = "is read-only";
    else
      return device.path;
    others += (others.empty() ? "" : ", ") + device.path + " " + why;
  }
  if (others.empty()) return fail(Code::NotFound, fmt::format("no disk of {} bytes is there", size_bytes));
  return fail(Code::Conflict,
              fmt::format("no disk of {} bytes is blank: {}; nothing was formatted", size_bytes, others));
}

Result<bool> is_mount_point(const std::string& directory) {
  struct stat self = {}, parent = {};
  if (::stat(directory.c_str(), &self) != 0) return fail_errno(errno, "stat " + directory);
  if (::stat((directory + "/..").c_str(), &parent) != 0) return fail_errno(errno, "stat above " + directory);
  return self.st_dev != parent.st_dev;
}

Result<Found> prepare_kubelet_disk(const KubeletDisk& disk, Deadline by) {
  GNA_TRY(make_directory(disk.directory, 0750));
  GNA_LET(mounted, is_mount_point(disk.directory));
  if (mounted) return Found{.outcome = Outcome::already, .words = "a disk is mounted on " + disk.directory};
  const Program program{disk, by};
  GNA_LET(device, labelled(program, disk.label));
  std::string how = "with its label was there";
  if (device.empty()) {
    GNA_LET(listed, program.must({"lsblk", "-bnpP", "-o", "NAME,PKNAME,TYPE,SIZE,RO,PTTYPE,FSTYPE,MOUNTPOINT"}));
    GNA_LET(devices, parse_lsblk(listed));
    GNA_LET(chosen, choose_disk(devices, disk.size_bytes));
    GNA_TRY(is_blank(program, chosen));
    GNA_TRY(program.must({"mkfs.ext4", "-q", "-L", disk.label, "-O", "quota", "-E",
                          "lazy_itable_init=0,lazy_journal_init=0,quotatype=usrquota:grpquota:prjquota", chosen}));
    device = chosen;
    how = "was formatted";
  }
  GNA_TRY(copy_onto(disk, program, device));
  GNA_TRY(mount_at(disk, device, disk.directory));
  return Found{.words = fmt::format("{} {}, and is mounted on {}", device, how, disk.directory)};
}

}  // namespace gna::provision
