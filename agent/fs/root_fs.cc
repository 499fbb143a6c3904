#include "agent/fs/root_fs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "agent/fs/root_state.h"
#include "agent/fs/syscalls.h"
#include "gna/base/digest.h"

namespace gna::fs {

namespace {

constexpr std::uint32_t kParentMode = 0755;
constexpr std::size_t kReadBytes = 64 * 1024;

observed::File told(const struct stat& st) {
  observed::File file;
  file.kind = S_ISREG(st.st_mode)   ? observed::FileKind::regular
              : S_ISDIR(st.st_mode) ? observed::FileKind::directory
              : S_ISLNK(st.st_mode) ? observed::FileKind::symlink
                                    : observed::FileKind::other;
  file.mode = st.st_mode & 07777;
  file.size_bytes = S_ISREG(st.st_mode) ? static_cast<std::uint64_t>(st.st_size) : 0;
  return file;
}

bool is_absent(int error_number) { return error_number == ENOENT || error_number == ENOTDIR; }

// Hands out the bytes up to the end; `take` returns false to stop.
template <typename Take>
Try<void> read_all(int fd, Take take) {
  std::array<char, kReadBytes> buffer;  // deliberately not cleared
  while (true) {
    const auto size = retry([&] { return ::read(fd, buffer.data(), buffer.size()); });
    if (size < 0) return failed(errno);
    if (size == 0 || !take(std::string_view(buffer.data(), static_cast<std::size_t>(size)))) return {};
  }
}

// The directory, made if need be, on disk and open for syncing. Synced once all of them are made, so that the
// first sync writes them all.
Try<Fd> make_durably(int root, const std::string& directory, std::uint32_t mode) {
  std::vector<Fd> made_in;
  auto made = open_or_make(root, directory, mode, made_in);
  for (const auto& parent : made_in)
    if (const auto synced = sync_file(parent.get()); !synced) return std::unexpected(synced.error());
  return made;
}

Result<Fd> make_parent(int root, const Split& names, const std::string& path) {
  auto parent = make_durably(root, names.parent, kParentMode);
  if (!parent) return std::unexpected(parent.error().at(path + ": make directory"));
  return std::move(*parent);
}

// Removes the temp file if it cannot have its name.
Result<void> rename_temp(const Fd& directory, const std::string& temp, const std::string& leaf,
                         const std::string& path) {
  if (retry([&] { return ::renameat(directory.get(), temp.c_str(), directory.get(), leaf.c_str()); }) != 0) {
    const int error_number = errno;
    (void)retry([&] { return ::unlinkat(directory.get(), temp.c_str(), 0); });
    return fail_errno(error_number, path + ": rename");
  }
  return {};
}

// Puts a temp file in place; the directory is synced.
Result<void> put_in_place(const Fd& directory, const std::string& temp, const std::string& leaf,
                          const std::string& path) {
  GNA_TRY(rename_temp(directory, temp, leaf, path));
  if (const auto synced = sync_file(directory.get()); !synced)
    return std::unexpected(synced.error().at(path + ": sync directory"));
  return {};
}

}  // namespace

RootFs::RootFs(std::unique_ptr<State> state) : state_(std::move(state)) {}
RootFs::RootFs(RootFs&&) noexcept = default;
RootFs& RootFs::operator=(RootFs&&) noexcept = default;
RootFs::~RootFs() = default;

Result<RootFs> RootFs::open(const std::string& root) {
  Fd fd(retry([&] { return ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (fd.get() < 0) return fail_errno(errno, root + ": open root");
  auto state = std::make_unique<State>();
  state->root = root;
  state->handle = std::move(fd);
  return RootFs(std::move(state));
}

const std::string& RootFs::root() const { return state_->root; }
int RootFs::handle() const { return state_->handle.get(); }

Result<observed::File> RootFs::look(const std::string& path, bool hash) const {
  GNA_TRY(check(path));
  const auto entry = open_below(handle(), path, O_PATH | O_NOFOLLOW);
  if (!entry) {
    if (is_absent(entry.error().error_number)) return observed::File{};
    return std::unexpected(entry.error().at(path + ": look"));
  }
  struct stat st{};
  if (::fstat(entry->get(), &st) != 0) return fail_errno(errno, path + ": stat");
  auto file = told(st);
  if (!hash || file.kind != observed::FileKind::regular) return file;
  const auto bytes = open_below(handle(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!bytes) return std::unexpected(bytes.error().at(path + ": open"));
  // What was opened counts: a writer may have put another file there in between.
  if (::fstat(bytes->get(), &st) != 0) return fail_errno(errno, path + ": stat");
  file = told(st);
  if (file.kind != observed::FileKind::regular) return file;
  Sha256 digest;
  const auto read = read_all(bytes->get(), [&](std::string_view piece) {
    digest.update(piece);
    return true;
  });
  if (!read) return std::unexpected(read.error().at(path + ": read"));
  file.sha256 = digest.hex();
  return file;
}

Result<std::string> RootFs::obstacle(const std::string& path) const {
  GNA_LET(names, split(path));
  for (std::string parent = names.parent; parent != "/";) {
    GNA_LET(there, look(parent, false));
    if (there.kind == observed::FileKind::directory) return std::string();
    if (there.kind == observed::FileKind::symlink) {
      const auto directory = open_below(handle(), parent, O_PATH | O_DIRECTORY);
      if (directory) return std::string();
      if (!is_absent(directory.error().error_number) && directory.error().error_number != ELOOP)
        return std::unexpected(directory.error().at(parent + ": open directory"));
    }
    if (there.kind != observed::FileKind::absent) return parent;
    GNA_LET(above, split(parent));
    parent = above.parent;
  }
  return std::string();
}

Result<Fd> RootFs::open_read(const std::string& path) const {
  GNA_TRY(check(path));
  auto fd = open_below(handle(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) {
    if (fd.error().error_number == ENXIO) return fail(Code::Conflict, path + ": is no regular file");
    return std::unexpected(fd.error().at(path + ": open"));
  }
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return fail_errno(errno, path + ": stat");
  if (!S_ISREG(st.st_mode)) return fail(Code::Conflict, path + ": is no regular file");
  return std::move(*fd);
}

Result<std::string> RootFs::read(const std::string& path, std::size_t limit_bytes) const {
  GNA_LET(fd, open_read(path));
  std::string bytes;
  bool too_large = false;
  const auto read = read_all(fd.get(), [&](std::string_view piece) {
    bytes += piece;
    too_large = bytes.size() > limit_bytes;
    return !too_large;
  });
  if (!read) return std::unexpected(read.error().at(path + ": read"));
  if (too_large) return fail(Code::InvalidArgument, path + ": larger than " + std::to_string(limit_bytes) + " bytes");
  return bytes;
}

Result<std::string> RootFs::read_link(const std::string& path) const {
  GNA_TRY(check(path));
  const auto entry = open_below(handle(), path, O_PATH | O_NOFOLLOW);
  if (!entry) return std::unexpected(entry.error().at(path + ": read link"));
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlinkat(entry->get(), "", target.data(), target.size());
  // ENOENT is what an O_PATH handle of something else gives.
  if (size < 0 && (errno == ENOENT || errno == EINVAL)) return fail(Code::Conflict, path + ": is no symlink");
  if (size < 0) return fail_errno(errno, path + ": read link");
  return std::string(target.data(), static_cast<std::size_t>(size));
}

Result<std::vector<std::string>> RootFs::list(const std::string& directory) const {
  GNA_TRY(check(directory));
  auto fd = open_below(handle(), directory, O_RDONLY | O_DIRECTORY);
  if (!fd) return std::unexpected(fd.error().at(directory + ": list"));
  auto names = names_in(fd->get());
  if (!names) return std::unexpected(names.error().at(directory + ": list"));
  std::ranges::sort(*names);
  return std::move(*names);
}

Result<void> RootFs::make_directories(const std::string& path, std::uint32_t mode) const {
  GNA_TRY(check(path));
  const auto made = make_durably(handle(), path, mode);
  if (!made) return std::unexpected(made.error().at(path + ": make directory"));
  return {};
}

Result<void> RootFs::write(const std::string& path, std::string_view bytes, std::uint32_t mode) const {
  GNA_LET(names, split(path));
  GNA_LET(directory, make_parent(handle(), names, path));
  auto temp = make_temp(directory.get(), mode);
  if (!temp) return std::unexpected(temp.error().at(path + ": make temp file"));
  auto written = write_all(temp->fd.get(), bytes);
  if (written) written = sync_file(temp->fd.get());
  if (!written) {
    (void)retry([&] { return ::unlinkat(directory.get(), temp->name.c_str(), 0); });
    return std::unexpected(written.error().at(path + ": write"));
  }
  return put_in_place(directory, temp->name, names.leaf, path);
}

Result<void> RootFs::link(const std::string& target, const std::string& path) const {
  GNA_LET(names, split(path));
  std::vector<Fd> made_in;
  const auto directory = open_or_make(handle(), names.parent, kParentMode, made_in);
  if (!directory) return std::unexpected(directory.error().at(path + ": make directory"));
  const auto temp = make_temp_link(directory->get(), target);
  if (!temp) return std::unexpected(temp.error().at(path + ": symlink"));
  return rename_temp(*directory, *temp, names.leaf, path);
}

Result<void> RootFs::sync(const std::string& path) const {
  GNA_TRY(check(path));
  const auto directory = open_below(handle(), path, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().error_number == ENOENT) return {};
  if (!directory) return std::unexpected(directory.error().at(path + ": open directory"));
  if (const auto synced = sync_file_system(directory->get()); !synced)
    return std::unexpected(synced.error().at(path + ": sync"));
  return {};
}

Result<Fd> RootFs::open_record(const std::string& path, std::uint32_t mode) const {
  constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  GNA_LET(names, split(path));
  auto fd = open_below(handle(), path, kFlags);
  if (!fd && fd.error().error_number == ENOENT) {
    GNA_LET(directory, make_parent(handle(), names, path));
    Fd made(retry([&] { return ::openat(directory.get(), names.leaf.c_str(), kFlags | O_CREAT | O_CLOEXEC, mode); }));
    if (made.get() < 0) return fail_errno(errno, path + ": open");
    fd = std::move(made);
  }
  if (!fd) return std::unexpected(fd.error().at(path + ": open"));
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return fail_errno(errno, path + ": stat");
  if (!S_ISREG(st.st_mode)) return fail(Code::Conflict, path + ": is no regular file");
  return std::move(*fd);
}

Result<void> RootFs::remove(const std::string& path) const {
  GNA_LET(names, split(path));
  const auto directory = open_below(handle(), names.parent, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (is_absent(directory.error().error_number)) return {};
    return std::unexpected(directory.error().at(path + ": remove"));
  }
  if (retry([&] { return ::unlinkat(directory->get(), names.leaf.c_str(), 0); }) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, path + ": remove");
  }
  if (const auto synced = sync_file(directory->get()); !synced)
    return std::unexpected(synced.error().at(path + ": sync directory"));
  return {};
}

Result<void> RootFs::remove_directory_if_empty(const std::string& path) const {
  GNA_LET(names, split(path));
  const auto directory = open_below(handle(), names.parent, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (is_absent(directory.error().error_number)) return {};
    return std::unexpected(directory.error().at(path + ": remove directory"));
  }
  if (retry([&] { return ::unlinkat(directory->get(), names.leaf.c_str(), AT_REMOVEDIR); }) != 0) {
    // ENOTDIR: a symlink or a file has its name; that is not ours to judge here.
    if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) return {};
    return fail_errno(errno, path + ": remove directory");
  }
  if (const auto synced = sync_file(directory->get()); !synced)
    return std::unexpected(synced.error().at(path + ": sync directory"));
  return {};
}

Result<void> RootFs::remove_tree(const std::string& path) const {
  GNA_LET(names, split(path));
  const auto directory = open_below(handle(), names.parent, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (is_absent(directory.error().error_number)) return {};
    return std::unexpected(directory.error().at(path + ": remove"));
  }
  if (const auto gone = remove_tree_at(directory->get(), names.leaf); !gone) {
    if (gone.error().error_number == EXDEV)
      return fail(Code::Conflict, path + ": something is mounted in it", "unmount it first");
    return std::unexpected(gone.error().at(path + ": remove"));
  }
  if (const auto synced = sync_file(directory->get()); !synced)
    return std::unexpected(synced.error().at(path + ": sync directory"));
  return {};
}

Result<void> RootFs::sweep(const std::string& directory) const {
  GNA_TRY(check(directory));
  const auto fd = open_below(handle(), directory, O_RDONLY | O_DIRECTORY);
  if (!fd) {
    if (is_absent(fd.error().error_number)) return {};
    return std::unexpected(fd.error().at(directory + ": sweep"));
  }
  const auto names = names_in(fd->get());
  if (!names) return std::unexpected(names.error().at(directory + ": sweep"));
  for (const auto& name : *names) {
    if (!is_temp_name(name)) continue;
    if (retry([&] { return ::unlinkat(fd->get(), name.c_str(), 0); }) != 0 && errno != ENOENT && errno != EISDIR)
      return std::unexpected(errno_error(errno, name + ": remove").with(directory));
  }
  return {};
}

}  // namespace gna::fs
