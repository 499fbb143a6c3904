// Every path of the node, resolved below one directory handle.
//
// "/" is the handle's directory: nothing leads out of it, whatever symlinks say
// (openat2, RESOLVE_IN_ROOT). A symlink on the way is followed only if root (or the
// caller) owns it and nobody else may write its directory (systemd's CHASE_SAFE);
// else PermissionDenied. The last component is replaced or removed, never followed.
//
// Every write: a temp file `.gna-XXXXXXXX.tmp` in the same directory, mode set before
// data, fsync, rename, fsync of the directory; a Batch does one syncfs per phase.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/fd.h"
#include "gna/base/result.h"
#include "gna/observed/state.h"

namespace gna::fs {

inline constexpr std::string_view kTempPrefix = ".gna-";
inline constexpr std::string_view kTempSuffix = ".tmp";

// Paths are those of the node, absolute or not; ".." in one is InvalidArgument.
//
// Errors:  NotFound; PermissionDenied (a symlink that may not be followed, too); Conflict
//   (something of another kind is in place); Unavailable (ENOSPC, EIO, EROFS, ...).
//   What failed leaves the target as it was and no temp file.
// Threads: const methods from any thread.
class RootFs {
 public:
  // Errors: NotFound, if the directory is not there.
  static Result<RootFs> open(const std::string& root);
  RootFs(RootFs&&) noexcept;
  RootFs& operator=(RootFs&&) noexcept;
  ~RootFs();

  const std::string& root() const;  // as given
  int handle() const;               // O_PATH of the root

  // Absent paths are FileKind::absent, not an error; a symlink is told as such. With
  // `hash` the SHA-256 of a regular file's bytes is filled in.
  Result<observed::File> look(const std::string& path, bool hash) const;
  // The nearest ancestor of `path` that exists and is no directory (nor leads to one), if any.
  Result<std::string> obstacle(const std::string& path) const;
  // Regular files only (else Conflict; a pipe in place never blocks). These two follow the last
  // component's symlink as well, under the same rule: /etc/os-release is one.
  Result<std::string> read(const std::string& path, std::size_t limit_bytes = 64u << 20) const;
  Result<Fd> open_read(const std::string& path) const;
  Result<std::string> read_link(const std::string& path) const;
  Result<std::vector<std::string>> list(const std::string& directory) const;  // sorted names; NotFound if absent

  // Makes the directories that are missing, each on disk when this returns.
  Result<void> make_directories(const std::string& path, std::uint32_t mode = 0755) const;
  // These two make missing parents, 0755.
  Result<void> write(const std::string& path, std::string_view bytes, std::uint32_t mode) const;
  // A symlink, replaced atomically. Links come by the hundred: they, and parents made for them, are on
  // disk after sync().
  Result<void> link(const std::string& target, const std::string& path) const;
  // Everything on the file system of `path`, a directory. Absent is fine.
  Result<void> sync(const std::string& path) const;
  // For records that grow in place (a journal, a lock): reading, and writing at the end. Made if it is
  // absent, its name not on disk yet; a symlink is a Conflict.
  Result<Fd> open_record(const std::string& path, std::uint32_t mode) const;
  Result<void> remove(const std::string& path) const;                     // file or symlink; absent is fine
  Result<void> remove_directory_if_empty(const std::string& path) const;  // neither empty nor absent is an error
  // Never follows a symlink and never enters another file system (Conflict); absent is fine.
  Result<void> remove_tree(const std::string& path) const;
  // Temp files of ours in the directory that an interrupted run left behind.
  Result<void> sweep(const std::string& directory) const;

 private:
  friend class Batch;
  struct State;
  std::unique_ptr<State> state_;
  explicit RootFs(std::unique_ptr<State> state);
};

// Many files at the price of two syncfs for each file system: all temp files, sync,
// all renames, sync. Small batches use fsync.
class Batch {
 public:
  explicit Batch(const RootFs& root);
  ~Batch();  // what was staged and not committed is removed

  // Writes the temp file. `ticket` comes back from commit().
  Result<void> stage(std::size_t ticket, const std::string& path, std::string_view bytes, std::uint32_t mode,
                     std::uint32_t directory_mode = 0755);
  // The same from a descriptor (copied, not loaded); gives the SHA-256.
  Result<std::string> stage_from(std::size_t ticket, const std::string& path, int fd, std::uint32_t mode,
                                 std::uint32_t directory_mode = 0755);
  void stage_removal(std::size_t ticket, const std::string& path, bool prune_directory);

  struct Committed {
    std::size_t ticket = 0;
    Result<void> result = {};
  };
  // Makes everything that was staged true and durable, in the order of staging.
  std::vector<Committed> commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gna::fs
