#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "agent/fs/root_fs.h"
#include "agent/fs/syscalls.h"
#include "gna/base/digest.h"

namespace gna::fs {

namespace {

// Up to here an fsync for each file and directory is cheaper than waiting for
// everything else that is dirty on the file system.
constexpr std::size_t kFewFiles = 5;
constexpr std::size_t kCopyBytes = 128 * 1024;

struct Directory {
  Fd fd;
  dev_t device = 0;
  bool gained_entries = false;  // directories were made in it that are not synced yet
  bool changed = false;         // names were changed by commit()
};

constexpr std::size_t kNoDirectory = static_cast<std::size_t>(-1);

struct Item {
  std::size_t ticket = 0;
  std::string path = {};
  std::string leaf = {};
  std::size_t directory = kNoDirectory;  // whose sync makes it durable
  std::string temp = {};                 // empty: a removal
  Fd fd = {};                            // of the temp file, while there are few
  bool prune_directory = false;
};

}  // namespace

struct Batch::State {
  const RootFs* root = nullptr;
  std::vector<Directory> directories;
  std::unordered_map<std::string, std::size_t> by_path;
  std::vector<Item> items;
  std::size_t writes = 0;

  bool few() const { return writes <= kFewFiles; }

  Try<std::size_t> add(Fd fd) {
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return failed(errno);
    directories.push_back({.fd = std::move(fd), .device = st.st_dev});
    return directories.size() - 1;
  }

  // The directory for writing, made if need be. Its handle is opened before the files are
  // written: syncfs reports the write errors since then.
  Try<std::size_t> directory_for_write(const std::string& path, std::uint32_t mode) {
    if (const auto known = by_path.find(path); known != by_path.end()) return known->second;
    std::vector<Fd> made_in;
    auto fd = open_or_make(root->handle(), path, mode, made_in);
    for (auto& parent : made_in) {
      const auto added = add(std::move(parent));
      if (!added) return std::unexpected(added.error());
      directories[*added].gained_entries = true;
    }
    if (!fd) return std::unexpected(fd.error());
    const auto added = add(std::move(*fd));
    if (added) by_path.emplace(path, *added);
    return added;
  }

  void drop_temp(const Item& item) const {
    (void)retry([&] { return ::unlinkat(directories[item.directory].fd.get(), item.temp.c_str(), 0); });
  }

  // Stages what `fill` writes into the temp file.
  template <typename Fill>
  Result<void> stage(std::size_t ticket, const std::string& path, std::uint32_t mode, std::uint32_t directory_mode,
                     Fill fill) {
    GNA_LET(names, split(path));
    const auto directory = directory_for_write(names.parent, directory_mode);
    if (!directory) return std::unexpected(directory.error().at(path + ": make directory"));
    const int parent = directories[*directory].fd.get();
    auto temp = make_temp(parent, mode);
    if (!temp) return std::unexpected(temp.error().at(path + ": make temp file"));
    if (const auto filled = fill(temp->fd.get()); !filled) {
      (void)retry([&] { return ::unlinkat(parent, temp->name.c_str(), 0); });
      return std::unexpected(filled.error().at(path + ": write"));
    }
    ++writes;
    items.push_back({.ticket = ticket,
                     .path = path,
                     .leaf = std::move(names.leaf),
                     .directory = *directory,
                     .temp = std::move(temp->name),
                     .fd = few() ? std::move(temp->fd) : Fd()});
    if (!few())
      for (auto& item : items) item.fd.reset();
    return {};
  }

  // Syncs the directories for which `which` holds: each for itself while they are few, else
  // their file systems. Gives the errors by index.
  template <typename Which>
  std::map<std::size_t, Failure> sync(bool whole_file_systems, Which which) const {
    std::map<std::size_t, Failure> failures;
    std::map<dev_t, Try<void>> devices;
    for (std::size_t i = 0; i < directories.size(); ++i) {
      if (!which(i)) continue;
      const auto& directory = directories[i];
      Try<void> synced;
      if (whole_file_systems) {
        const auto known = devices.find(directory.device);
        synced = known != devices.end() ? known->second : sync_file_system(directory.fd.get());
        devices.emplace(directory.device, synced);
      } else {
        synced = sync_file(directory.fd.get());
      }
      if (!synced) failures.emplace(i, synced.error());
    }
    return failures;
  }

  // The temp files with all their bytes, and the directories they are in, are on disk after this.
  void sync_staged(std::vector<Result<void>>& results) const {
    std::set<std::size_t> written;
    for (const auto& item : items)
      if (!item.temp.empty()) written.insert(item.directory);
    const auto failures =
        sync(!few(), [&](std::size_t i) { return directories[i].gained_entries || (!few() && written.contains(i)); });
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto& item = items[i];
      if (item.temp.empty()) continue;
      if (few())
        if (const auto synced = sync_file(item.fd.get()); !synced)
          results[i] = std::unexpected(synced.error().at(item.path + ": sync"));
      // With few, a directory that was made is not on disk: any of the files may be in it.
      const auto failure = few() ? failures.begin() : failures.find(item.directory);
      if (failure != failures.end()) results[i] = std::unexpected(failure->second.at(item.path + ": sync"));
    }
  }

  Result<void> rename(const Item& item) {
    auto& directory = directories[item.directory];
    if (retry([&] {
          return ::renameat(directory.fd.get(), item.temp.c_str(), directory.fd.get(), item.leaf.c_str());
        }) != 0) {
      const int error_number = errno;
      drop_temp(item);
      return fail_errno(error_number, item.path + ": rename");
    }
    directory.changed = true;
    return {};
  }

  // The directory for removing from it; none if it is absent.
  Result<std::optional<std::size_t>> directory_for_removal(const std::string& path) {
    if (const auto known = by_path.find(path); known != by_path.end()) return known->second;
    auto fd = open_below(root->handle(), path, O_RDONLY | O_DIRECTORY);
    if (!fd && (fd.error().error_number == ENOENT || fd.error().error_number == ENOTDIR)) return std::nullopt;
    if (!fd) return std::unexpected(fd.error().at(path + ": open directory"));
    const auto added = add(std::move(*fd));
    if (!added) return std::unexpected(added.error().at(path + ": stat"));
    by_path.emplace(path, *added);
    return *added;
  }

  Result<void> remove(Item& item) {
    GNA_LET(names, split(item.path));
    GNA_LET(directory, directory_for_removal(names.parent));
    if (!directory) return {};
    item.directory = *directory;
    if (retry([&] { return ::unlinkat(directories[*directory].fd.get(), names.leaf.c_str(), 0); }) == 0)
      directories[*directory].changed = true;
    else if (errno != ENOENT)
      return fail_errno(errno, item.path + ": remove");
    if (!item.prune_directory || names.parent == "/") return {};
    GNA_LET(above, split(names.parent));
    GNA_LET(parent, directory_for_removal(above.parent));
    if (!parent) return {};
    if (retry([&] { return ::unlinkat(directories[*parent].fd.get(), above.leaf.c_str(), AT_REMOVEDIR); }) == 0) {
      directories[*directory].changed = false;  // gone, so that there is nothing of it to sync
      directories[*parent].changed = true;
      item.directory = *parent;  // the one whose sync makes all of it durable
      by_path.erase(names.parent);
    } else if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT && errno != ENOTDIR) {
      return fail_errno(errno, names.parent + ": remove directory");
    }
    return {};
  }

  void clear() {
    items.clear();
    directories.clear();
    by_path.clear();
    writes = 0;
  }
};

Batch::Batch(const RootFs& root) : state_(std::make_unique<State>()) { state_->root = &root; }

Batch::~Batch() {
  for (const auto& item : state_->items)
    if (!item.temp.empty()) state_->drop_temp(item);
}

Result<void> Batch::stage(std::size_t ticket, const std::string& path, std::string_view bytes, std::uint32_t mode,
                          std::uint32_t directory_mode) {
  return state_->stage(ticket, path, mode, directory_mode, [&](int fd) { return write_all(fd, bytes); });
}

Result<std::string> Batch::stage_from(std::size_t ticket, const std::string& path, int from, std::uint32_t mode,
                                      std::uint32_t directory_mode) {
  Sha256 digest;
  GNA_TRY(state_->stage(ticket, path, mode, directory_mode, [&](int fd) -> Try<void> {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kCopyBytes);
    while (true) {
      const auto size = retry([&] { return ::read(from, buffer.get(), kCopyBytes); });
      if (size < 0) return failed(errno);
      if (size == 0) return {};
      const std::string_view piece(buffer.get(), static_cast<std::size_t>(size));
      digest.update(piece);
      if (const auto written = write_all(fd, piece); !written) return written;
    }
  }));
  return digest.hex();
}

void Batch::stage_removal(std::size_t ticket, const std::string& path, bool prune_directory) {
  state_->items.push_back({.ticket = ticket, .path = path, .prune_directory = prune_directory});
}

std::vector<Batch::Committed> Batch::commit() {
  auto& items = state_->items;
  std::vector<Result<void>> results(items.size());
  state_->sync_staged(results);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!results[i]) {
      state_->drop_temp(items[i]);
      continue;
    }
    results[i] = items[i].temp.empty() ? state_->remove(items[i]) : state_->rename(items[i]);
  }
  const auto& directories = state_->directories;
  const auto changed = static_cast<std::size_t>(std::ranges::count_if(directories, &Directory::changed));
  const auto failures = state_->sync(changed > kFewFiles, [&](std::size_t i) { return directories[i].changed; });
  std::vector<Committed> out;
  out.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (const auto failure = failures.find(items[i].directory); results[i] && failure != failures.end())
      results[i] = std::unexpected(failure->second.at(items[i].path + ": sync directory"));
    out.push_back({.ticket = items[i].ticket, .result = std::move(results[i])});
  }
  state_->clear();
  return out;
}

}  // namespace gna::fs
