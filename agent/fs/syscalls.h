// The few system calls of this room, with their traps handled once.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/fd.h"
#include "gna/base/result.h"

namespace gna::fs {

// A call that failed: the errno, or a refusal of ours that has no errno.
struct Failure {
  int error_number = 0;
  std::string refusal = {};  // a symlink that may not be followed
  Error at(std::string_view step) const;
};

template <typename T>
using Try = std::expected<T, Failure>;

inline std::unexpected<Failure> failed(int error_number) {
  return std::unexpected(Failure{.error_number = error_number});
}

// Repeats a call that a signal interrupted.
template <typename Call>
auto retry(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Opens `path`, which has neither ".." nor NUL, below the directory `root`. Symlinks on
// the way are followed only if nobody but root and the caller could have put them
// there, the last component's unless `flags` has O_NOFOLLOW.
Try<Fd> open_below(int root, const std::string& path, int flags);

// A path that names something below the root: InvalidArgument for "..", NUL, "".
Result<void> check(std::string_view path);

struct Split {
  std::string parent = {};  // "/" or "/a/b"
  std::string leaf = {};
};
// Errors: InvalidArgument as check(), and for "/", which has no leaf.
Result<Split> split(std::string_view path);

Try<void> write_all(int fd, std::string_view bytes);
Try<void> sync_file(int fd);         // of files and directories
Try<void> sync_file_system(int fd);  // all of the file system that `fd` is on

// A new, empty file beside its target: O_EXCL, with exactly this mode.
struct Temp {
  Fd fd = {};
  std::string name = {};
};
Try<Temp> make_temp(int directory, std::uint32_t mode);
// The same as a symlink.
Try<std::string> make_temp_link(int directory, const std::string& target);
bool is_temp_name(std::string_view name);

// Makes what is missing of the directory and opens it for reading. `made_in` gets the parent of each
// one that was made, even if a later one fails: it has to be synced.
Try<Fd> open_or_make(int root, const std::string& path, std::uint32_t mode, std::vector<Fd>& made_in);

// All names in it but "." and "..".
Try<std::vector<std::string>> names_in(int directory);

// mkdir with exactly this mode; an existing directory is fine and stays as it is.
// true: it was made.
Try<bool> make_directory(int parent, const std::string& leaf, std::uint32_t mode);

// Removes what is below and then the name itself; other file systems are refused (EXDEV).
Try<void> remove_tree_at(int parent, const std::string& leaf);

}  // namespace gna::fs
