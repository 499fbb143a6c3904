// Runs a program under ptrace and stands at each call that changes a tree or speaks to
// the bus: counts it, records it, lets it fail, shortens it, or ends the program there.
//
// Linux on x86-64. A seccomp filter stops the program at these calls only, so the rest
// runs at full speed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gna::crash {

enum class Op {
  create,  // open with O_CREAT: only where the file was not there
  write,   // write, pwrite, writev: bytes at an offset
  truncate,
  chmod,
  chown,
  rename,
  unlink,
  rmdir,
  mkdir,
  symlink,
  link,
  sync_file,         // fsync, fdatasync
  sync_file_system,  // syncfs, sync
  message,           // bytes to a socket: the bus
  other,             // a mutating call that the power-cut model does not know
};
const char* name(Op op);

struct Call {
  Op op = Op::other;
  std::string path = {};     // on the host, of the file or the name that changes; of the new name
  std::string from = {};     // rename, link: the old name; symlink: its text
  std::string bytes = {};    // write, message
  std::uint64_t offset = 0;  // write, truncate: the size
  std::uint32_t mode = 0;    // create, chmod, mkdir
  std::uint64_t inode = 0;   // of the open file, for calls through a descriptor (and device in `device`)
  long result = 0;           // what the call returned; -errno
};

struct Action {
  enum class Kind {
    go,
    kill_before,  // SIGKILL for the program at the entry: the call does not happen, if it is its own
    kill_after,   // SIGKILL after it
    fail,         // returns -error_number without happening
    shorten,      // a write gets through with half of its bytes (at least one)
    pretend,      // returns 0 without happening
  } kind = Kind::go;
  int error_number = 0;
};

// A decision for trace(): the program is killed at the entry of call `at`.
inline auto killed_at(std::size_t at) {
  return [at](std::size_t n, const Call&) { return Action{n == at ? Action::Kind::kill_before : Action::Kind::go}; };
}

struct Ended {
  int exit_code = -1;  // -1: by a signal
  int signal = 0;
  bool timed_out = false;
  std::vector<Call> calls = {};  // those that happened (or were made to fail), in order
};

struct Program {
  std::vector<std::string> argv = {};
  std::vector<std::string> environment = {};  // "NAME=value"
  std::string tree = {};                      // calls on paths below it count, and messages; "": all paths
  std::string output = {};                    // file that takes stdout and stderr
  // Runs in the child before the program: a namespace, chroot. Its calls are not traced.
  std::function<void()> enter = {};
  std::chrono::seconds timeout{60};
  bool record_bytes = false;
};

// `decide(n, call)` is asked at each call that counts, n from 0. Threads and children of the
// program are traced as well; a program that is killed leaves its children running, and they are waited for.
// Children of the calling process that end meanwhile are reaped.
// Throws std::runtime_error if tracing itself does not work.
Ended trace(const Program& program, const std::function<Action(std::size_t, const Call&)>& decide);

// Without tracing: no calls are told.
Ended run(const Program& program);

}  // namespace gna::crash
