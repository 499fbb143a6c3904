#include "agent/fs/syscalls.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/fs/root_fs.h"

namespace gna::fs {

namespace {

constexpr int kMaxSymlinks = 40;  // as the kernel

int open_at(int directory, const std::string& name, int flags) {
  return retry([&] { return ::openat(directory, name.c_str(), flags | O_CLOEXEC); });
}

int open_without_symlinks(int root, const std::string& path, int flags) {
  struct open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // glibc has no wrapper.
  return retry([&] { return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)); });
}

bool trusted(uid_t owner) { return owner == 0 || owner == ::geteuid(); }

// Could anybody but root and the caller have put this symlink into this directory?
bool may_follow(const struct stat& directory, const struct stat& link) {
  if (!trusted(link.st_uid) || !trusted(directory.st_uid)) return false;
  // In a sticky directory others can neither replace nor remove what is not theirs.
  return (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (directory.st_mode & S_ISVTX) != 0;
}

// Puts the components of `path` upon `todo`, the first one on top.
void push_components(std::vector<std::string>& todo, std::string_view path) {
  std::size_t end = path.size();
  while (end > 0) {
    const auto slash = path.rfind('/', end - 1);
    const auto start = slash == std::string_view::npos ? 0 : slash + 1;
    const auto name = path.substr(start, end - start);
    if (!name.empty() && name != ".") todo.emplace_back(name);
    if (slash == std::string_view::npos) break;
    end = slash;
  }
}

// Component by component, because openat2 cannot judge who owns a symlink.
Try<Fd> walk(int root, const std::string& path, int flags) {
  std::vector<Fd> above;  // the directories between the root and here
  std::vector<std::string> todo;
  push_components(todo, path);
  const auto here = [&] { return above.empty() ? root : above.back().get(); };
  int followed = 0;
  while (!todo.empty()) {
    const std::string name = std::move(todo.back());
    todo.pop_back();
    const bool last = todo.empty();
    if (name == "..") {  // only out of a symlink; the root is its own parent
      if (!above.empty()) above.pop_back();
      continue;
    }
    Fd entry(open_at(here(), name, O_PATH | O_NOFOLLOW));
    if (entry.get() < 0) return failed(errno);
    struct stat st{};
    if (::fstat(entry.get(), &st) != 0) return failed(errno);
    if (S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW) != 0)) {
      if (++followed > kMaxSymlinks) return failed(ELOOP);
      struct stat directory{};
      if (::fstat(here(), &directory) != 0) return failed(errno);
      if (!may_follow(directory, st))
        return std::unexpected(Failure{
            .error_number = EPERM,
            .refusal =
                "symlink " + name + " is not followed: somebody else than root owns it or may write its directory"});
      std::array<char, PATH_MAX> target{};
      const auto size = ::readlinkat(entry.get(), "", target.data(), target.size());
      if (size < 0) return failed(errno);
      if (static_cast<std::size_t>(size) >= target.size()) return failed(ENAMETOOLONG);
      const std::string_view text(target.data(), static_cast<std::size_t>(size));
      if (text.starts_with('/')) above.clear();
      push_components(todo, text);
      continue;
    }
    if (last) {
      // A name that turned into a symlink since then is refused by O_NOFOLLOW.
      Fd opened(open_at(here(), name, flags | O_NOFOLLOW));
      if (opened.get() < 0) return failed(errno);
      return opened;
    }
    if (!S_ISDIR(st.st_mode)) return failed(ENOTDIR);
    above.push_back(std::move(entry));
  }
  Fd opened(open_at(here(), ".", flags & ~O_NOFOLLOW));
  if (opened.get() < 0) return failed(errno);
  return opened;
}

// 40 random bits in 8 characters.
std::string temp_name() {
  static constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 8> random{};
  // 8 bytes never come back short; before the pool is ready the call waits.
  (void)retry([&] { return ::getrandom(random.data(), random.size(), 0); });
  std::string name(kTempPrefix);
  for (const auto byte : random) name += kDigits[byte & 31];
  name += kTempSuffix;
  return name;
}

template <typename Make>
Try<std::string> with_temp_name(Make make) {
  for (int attempt = 0;; ++attempt) {
    std::string name = temp_name();
    if (make(name) >= 0) return name;
    if (errno != EEXIST || attempt == 16) return failed(errno);
  }
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

Error Failure::at(std::string_view step) const {
  if (refusal.empty()) return errno_error(error_number, step);
  return Error{Code::PermissionDenied, std::string(step) + ": " + refusal,
               "make root the owner of the link and of its directory, writable by root alone"};
}

Try<Fd> open_below(int root, const std::string& path, int flags) {
  Fd fd(open_without_symlinks(root, path, flags));
  if (fd.get() >= 0) return fd;
  // A symlink, or a kernel (or a seccomp filter) without openat2: the walk needs none.
  if (errno != ELOOP && errno != ENOSYS && errno != EPERM) return failed(errno);
  return walk(root, path, flags);
}

Result<void> check(std::string_view path) {
  if (path.empty()) return fail(Code::InvalidArgument, "empty path");
  if (path.find('\0') != std::string_view::npos) return fail(Code::InvalidArgument, "path with a NUL byte");
  std::size_t start = 0;
  while (start < path.size()) {
    auto end = path.find('/', start);
    if (end == std::string_view::npos) end = path.size();
    if (path.substr(start, end - start) == "..")
      return fail(Code::InvalidArgument, std::string(path) + ": '..' in a path");
    start = end + 1;
  }
  return {};
}

Result<Split> split(std::string_view path) {
  GNA_TRY(check(path));
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  Split out;
  out.parent = slash == std::string_view::npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
  out.leaf = slash == std::string_view::npos ? std::string(path) : std::string(path.substr(slash + 1));
  if (out.leaf.empty() || out.leaf == ".") return fail(Code::InvalidArgument, std::string(path) + ": names no file");
  return out;
}

Try<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return failed(errno);
    if (written == 0) return failed(EIO);  // never for a regular file, and no reason to spin
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Try<void> sync_file(int fd) {
  if (retry([&] { return ::fsync(fd); }) != 0) return failed(errno);
  return {};
}

Try<void> sync_file_system(int fd) {
  if (retry([&] { return ::syncfs(fd); }) != 0) return failed(errno);
  return {};
}

Try<Temp> make_temp(int directory, std::uint32_t mode) {
  Temp temp;
  auto name = with_temp_name([&](const std::string& candidate) {
    temp.fd.reset(retry([&] {
      return ::openat(directory, candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }));
    return temp.fd.get();
  });
  if (!name) return std::unexpected(name.error());
  temp.name = std::move(*name);
  // fchmod, not open's mode: the umask shall not matter.
  if (mode != 0600 && retry([&] { return ::fchmod(temp.fd.get(), mode); }) != 0) {
    const int error_number = errno;
    (void)retry([&] { return ::unlinkat(directory, temp.name.c_str(), 0); });
    return failed(error_number);
  }
  return temp;
}

Try<std::string> make_temp_link(int directory, const std::string& target) {
  return with_temp_name([&](const std::string& name) {
    return retry([&] { return ::symlinkat(target.c_str(), directory, name.c_str()); });
  });
}

bool is_temp_name(std::string_view name) {
  return name.size() == kTempPrefix.size() + 8 + kTempSuffix.size() && name.starts_with(kTempPrefix) &&
         name.ends_with(kTempSuffix);
}

Try<std::vector<std::string>> names_in(int directory) {
  Fd own(open_at(directory, ".", O_RDONLY | O_DIRECTORY));  // closedir() closes it, and reads from its start
  if (own.get() < 0) return failed(errno);
  const std::unique_ptr<DIR, DirCloser> entries(::fdopendir(own.get()));
  if (!entries) return failed(errno);
  (void)own.release();
  std::vector<std::string> names;
  for (errno = 0; const dirent* entry = ::readdir(entries.get()); errno = 0)
    if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  if (errno != 0) return failed(errno);
  return names;
}

Try<bool> make_directory(int parent, const std::string& leaf, std::uint32_t mode) {
  if (retry([&] { return ::mkdirat(parent, leaf.c_str(), mode); }) != 0) {
    if (errno == EEXIST) return false;
    return failed(errno);
  }
  Fd made(open_at(parent, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat st{};
  if (made.get() < 0 || ::fstat(made.get(), &st) != 0) return failed(errno);
  if ((st.st_mode & 0777) != (mode & 0777) && retry([&] { return ::fchmod(made.get(), mode); }) != 0)
    return failed(errno);
  return true;
}

Try<Fd> open_or_make(int root, const std::string& path, std::uint32_t mode, std::vector<Fd>& made_in) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY;
  auto there = open_below(root, path, kFlags);
  if (there || there.error().error_number != ENOENT) return there;
  const auto names = split(path);
  if (!names) return there;
  auto parent = open_or_make(root, names->parent, mode, made_in);
  if (!parent) return parent;
  const auto is_new = make_directory(parent->get(), names->leaf, mode);
  if (!is_new) return std::unexpected(is_new.error());
  if (*is_new) made_in.push_back(std::move(*parent));
  // By path again: what is there may be a symlink that somebody was quicker with.
  return open_below(root, path, kFlags);
}

Try<void> remove_tree_at(int parent, const std::string& leaf) {
  if (retry([&] { return ::unlinkat(parent, leaf.c_str(), 0); }) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return failed(errno);
  Fd directory(open_at(parent, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat outer{};
  struct stat inner{};
  if (directory.get() < 0 || ::fstat(parent, &outer) != 0 || ::fstat(directory.get(), &inner) != 0)
    return failed(errno);
  if (outer.st_dev != inner.st_dev) return failed(EXDEV);  // something is mounted there
  const auto names = names_in(directory.get());
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names)
    if (const auto gone = remove_tree_at(directory.get(), name); !gone) return gone;
  if (retry([&] { return ::unlinkat(parent, leaf.c_str(), AT_REMOVEDIR); }) != 0 && errno != ENOENT)
    return failed(errno);
  return {};
}

}  // namespace gna::fs
