#include "tests/crash/tracer.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

namespace gna::crash {

namespace {

constexpr int kTraced[] = {
    SYS_open,      SYS_openat,    SYS_creat,           SYS_write,     SYS_pwrite64,
    SYS_writev,    SYS_pwritev,   SYS_pwritev2,        SYS_truncate,  SYS_ftruncate,
    SYS_fallocate, SYS_chmod,     SYS_fchmod,          SYS_fchmodat,  SYS_chown,
    SYS_fchown,    SYS_lchown,    SYS_fchownat,        SYS_rename,    SYS_renameat,
    SYS_renameat2, SYS_unlink,    SYS_unlinkat,        SYS_rmdir,     SYS_mkdir,
    SYS_mkdirat,   SYS_symlink,   SYS_symlinkat,       SYS_link,      SYS_linkat,
    SYS_fsync,     SYS_fdatasync, SYS_syncfs,          SYS_sync,      SYS_sendmsg,
    SYS_sendto,    SYS_mknod,     SYS_mknodat,         SYS_utimensat, SYS_setxattr,
    SYS_fsetxattr, SYS_sendfile,  SYS_copy_file_range, SYS_splice,    SYS_mount,
    SYS_umount2,   SYS_openat2,
};

std::vector<sock_filter> filter() {
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const int number : kTraced) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return code;
}

[[noreturn]] void run_child(const Program& program, bool traced) {
  if (const int out = ::open(program.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600); out >= 0) {
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::close(out);
  }
  if (program.enter) program.enter();
  std::vector<char*> argv;
  for (const auto& argument : program.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (const auto& variable : program.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  auto code = filter();
  const sock_fprog compiled = {.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  if (traced) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &compiled) != 0)
      ::_exit(126);
  }
  ::execve(argv[0], argv.data(), environment.data());
  ::_exit(127);
}

// --- what a stopped thread is about to do ---

std::string read_memory(pid_t pid, std::uint64_t address, std::size_t size) {
  std::string out(size, '\0');
  const iovec here = {out.data(), size};
  const iovec there = {reinterpret_cast<void*>(address), size};
  const auto got = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return out;
}

std::string read_text(pid_t pid, std::uint64_t address) {
  std::string out;
  while (out.size() < PATH_MAX) {
    // Up to the end of a page: the next one may not be there.
    const auto piece = read_memory(pid, address + out.size(), 256 - (address + out.size()) % 256);
    if (piece.empty()) break;
    if (const auto end = piece.find('\0'); end != std::string::npos) return out + piece.substr(0, end);
    out += piece;
  }
  return out;
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const auto size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

class Caller {
 public:
  explicit Caller(pid_t pid) : pid_(pid), base_("/proc/" + std::to_string(pid)) {}

  std::string of_fd(std::uint64_t fd) const { return read_link(base_ + "/fd/" + std::to_string(static_cast<int>(fd))); }
  // A name relative to a directory's descriptor, as the host sees it.
  std::string at(std::uint64_t fd, std::uint64_t name_address) const {
    const auto name = read_text(pid_, name_address);
    if (name.starts_with('/')) {
      const auto root = read_link(base_ + "/root");
      return (root == "/" ? "" : root) + name;
    }
    const auto directory = static_cast<int>(fd) == AT_FDCWD ? read_link(base_ + "/cwd") : of_fd(fd);
    return std::filesystem::path(directory + "/" + name).lexically_normal().string();
  }
  std::string at_cwd(std::uint64_t name_address) const {
    return at(static_cast<std::uint64_t>(AT_FDCWD), name_address);
  }
  std::string text(std::uint64_t address) const { return read_text(pid_, address); }
  std::string memory(std::uint64_t address, std::size_t size) const { return read_memory(pid_, address, size); }
  struct stat stat_fd(std::uint64_t fd) const {
    struct stat st{};
    ::stat((base_ + "/fd/" + std::to_string(static_cast<int>(fd))).c_str(), &st);
    return st;
  }
  // Where a write without an offset goes.
  std::uint64_t position(std::uint64_t fd) const {
    std::array<char, 512> text{};
    const int info = ::open((base_ + "/fdinfo/" + std::to_string(static_cast<int>(fd))).c_str(), O_RDONLY);
    const auto size = ::read(info, text.data(), text.size() - 1);
    ::close(info);
    if (size <= 0) return 0;
    const auto* flags = std::strstr(text.data(), "flags:");
    if (flags != nullptr && (std::strtoul(flags + 6, nullptr, 8) & O_APPEND) != 0)
      return static_cast<std::uint64_t>(stat_fd(fd).st_size);
    const auto* pos = std::strstr(text.data(), "pos:");
    return pos != nullptr ? std::strtoull(pos + 4, nullptr, 10) : 0;
  }

 private:
  pid_t pid_;
  std::string base_;
};

bool below(const std::string& path, const std::string& tree) {
  return path.size() > tree.size() && path.starts_with(tree) && path[tree.size()] == '/';
}

// In the tree, the tree itself, and not what the program says.
bool counts(const std::string& path, const Program& program) {
  if (path.empty() || path == program.output) return false;
  return path == program.tree || below(path, program.tree);
}

bool exists(const std::string& path) {
  struct stat st{};
  return ::lstat(path.c_str(), &st) == 0;
}

struct Arguments {
  std::uint64_t number, a, b, c, d;
};

Call through(const Caller& caller, Op op, std::uint64_t fd) {
  Call call{.op = op, .path = caller.of_fd(fd)};
  call.inode = caller.stat_fd(fd).st_ino;
  return call;
}

// What a sendmsg() sends.
std::string gathered(const Caller& caller, std::uint64_t address) {
  std::string out;
  msghdr header{};
  const auto bytes = caller.memory(address, sizeof header);
  if (bytes.size() != sizeof header) return out;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::size_t i = 0; i < std::min<std::size_t>(header.msg_iovlen, IOV_MAX); ++i) {
    iovec piece{};
    const auto entry = caller.memory(reinterpret_cast<std::uint64_t>(header.msg_iov + i), sizeof piece);
    if (entry.size() != sizeof piece) break;
    std::memcpy(&piece, entry.data(), sizeof piece);
    out += caller.memory(reinterpret_cast<std::uint64_t>(piece.iov_base), piece.iov_len);
  }
  return out;
}

// The call, if it counts.
std::optional<Call> understand(const Caller& caller, const Arguments& in, const Program& program) {
  Call call;
  switch (in.number) {
    case SYS_write:
    case SYS_pwrite64: {
      call = through(caller, Op::write, in.a);
      if (call.path.starts_with("socket:")) call.op = Op::message;
      if (call.op == Op::write && !counts(call.path, program)) return std::nullopt;
      if (program.record_bytes) {
        call.bytes = caller.memory(in.b, in.c);
        call.offset = in.number == SYS_pwrite64 ? in.d : caller.position(in.a);
      }
      break;
    }
    case SYS_openat:
    case SYS_open:
    case SYS_creat: {
      const bool at = in.number == SYS_openat;
      const auto flags = in.number == SYS_creat ? O_CREAT : (at ? in.c : in.b);
      if ((flags & (O_CREAT | O_TRUNC)) == 0) return std::nullopt;
      call.path = at ? caller.at(in.a, in.b) : caller.at_cwd(in.a);
      call.op = exists(call.path) ? Op::other : Op::create;
      if (call.op == Op::other && (flags & O_TRUNC) == 0) return std::nullopt;
      call.mode = static_cast<std::uint32_t>(at ? in.d : in.c) & 07777;
      break;
    }
    case SYS_openat2: {
      const auto how = caller.memory(in.c, 16);
      std::uint64_t flags = 0;
      if (how.size() == 16) std::memcpy(&flags, how.data(), 8);
      if ((flags & (O_CREAT | O_TRUNC)) == 0) return std::nullopt;
      call = {.op = Op::other, .path = caller.at(in.a, in.b)};
      break;
    }
    case SYS_ftruncate:
      call = through(caller, Op::truncate, in.a);
      call.offset = in.b;
      break;
    case SYS_fchmod:
      call = through(caller, Op::chmod, in.a);
      call.mode = static_cast<std::uint32_t>(in.b) & 07777;
      break;
    case SYS_chmod:
      call = {.op = Op::chmod, .path = caller.at_cwd(in.a), .mode = static_cast<std::uint32_t>(in.b)};
      break;
    case SYS_fchmodat:
      call = {.op = Op::chmod, .path = caller.at(in.a, in.b), .mode = static_cast<std::uint32_t>(in.c)};
      break;
    case SYS_fchown: call = through(caller, Op::chown, in.a); break;
    case SYS_fchownat: call = {.op = Op::chown, .path = caller.at(in.a, in.b)}; break;
    case SYS_rename: call = {.op = Op::rename, .path = caller.at_cwd(in.b), .from = caller.at_cwd(in.a)}; break;
    case SYS_renameat:
    case SYS_renameat2: call = {.op = Op::rename, .path = caller.at(in.c, in.d), .from = caller.at(in.a, in.b)}; break;
    case SYS_unlink: call = {.op = Op::unlink, .path = caller.at_cwd(in.a)}; break;
    case SYS_rmdir: call = {.op = Op::rmdir, .path = caller.at_cwd(in.a)}; break;
    case SYS_unlinkat:
      call = {.op = (in.c & AT_REMOVEDIR) != 0 ? Op::rmdir : Op::unlink, .path = caller.at(in.a, in.b)};
      break;
    case SYS_mkdir:
      call = {.op = Op::mkdir, .path = caller.at_cwd(in.a), .mode = static_cast<std::uint32_t>(in.b) & 07777};
      break;
    case SYS_mkdirat:
      call = {.op = Op::mkdir, .path = caller.at(in.a, in.b), .mode = static_cast<std::uint32_t>(in.c) & 07777};
      break;
    case SYS_symlink: call = {.op = Op::symlink, .path = caller.at_cwd(in.b), .from = caller.text(in.a)}; break;
    case SYS_symlinkat: call = {.op = Op::symlink, .path = caller.at(in.b, in.c), .from = caller.text(in.a)}; break;
    case SYS_link: call = {.op = Op::link, .path = caller.at_cwd(in.b), .from = caller.at_cwd(in.a)}; break;
    case SYS_linkat: call = {.op = Op::link, .path = caller.at(in.c, in.d), .from = caller.at(in.a, in.b)}; break;
    case SYS_fsync:
    case SYS_fdatasync: call = through(caller, Op::sync_file, in.a); break;
    case SYS_syncfs: call = through(caller, Op::sync_file_system, in.a); break;
    case SYS_sync: return Call{.op = Op::sync_file_system, .path = program.tree};
    case SYS_sendmsg:
    case SYS_sendto:
      call = through(caller, Op::message, in.a);
      if (program.record_bytes)
        call.bytes = in.number == SYS_sendmsg ? gathered(caller, in.b) : caller.memory(in.b, in.c);
      break;
    case SYS_mount:
    case SYS_umount2: return std::nullopt;
    case SYS_truncate:
    case SYS_lchown:
    case SYS_chown:
    case SYS_setxattr: call = {.op = Op::other, .path = caller.at_cwd(in.a)}; break;
    case SYS_mknod: call = {.op = Op::other, .path = caller.at_cwd(in.a)}; break;
    case SYS_mknodat:
    case SYS_utimensat: call = {.op = Op::other, .path = caller.at(in.a, in.b)}; break;
    case SYS_copy_file_range:
    case SYS_splice: call = through(caller, Op::other, in.c); break;
    default: call = through(caller, Op::other, in.a); break;  // writev and the like
  }
  if (call.op == Op::message || counts(call.path, program)) return call;
  return std::nullopt;
}

class Tracing {
 public:
  Tracing(const Program& program, const std::function<Action(std::size_t, const Call&)>& decide)
      : program_(program), decide_(decide) {}

  Ended run() {
    first_ = ::fork();
    if (first_ < 0) throw std::runtime_error("fork");
    if (first_ == 0) run_child(program_, true);
    int status = 0;
    if (::waitpid(first_, &status, 0) != first_ || !WIFSTOPPED(status))
      throw std::runtime_error("the child did not stop");
    constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
                              PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (::ptrace(PTRACE_SETOPTIONS, first_, nullptr, kOptions) != 0) throw std::runtime_error("PTRACE_SETOPTIONS");
    ::ptrace(PTRACE_CONT, first_, nullptr, nullptr);
    const std::jthread watchdog([this](const std::stop_token& stop) {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable_any ended;
      if (ended.wait_for(lock, stop, program_.timeout, [] { return false; }) || stop.stop_requested()) return;
      timed_out_ = true;
      ::kill(first_, SIGKILL);
    });
    alive_.insert(first_);
    while (!alive_.empty()) {
      const pid_t pid = ::waitpid(-1, &status, __WALL);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0) throw std::runtime_error("waitpid");
      if (!WIFEXITED(status) && !WIFSIGNALED(status)) {
        alive_.insert(pid);
        stopped(pid, status);
        continue;
      }
      alive_.erase(pid);
      open_.erase(pid);
      if (pid != first_) continue;
      if (WIFEXITED(status)) ended_.exit_code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) ended_.signal = WTERMSIG(status);
    }
    ended_.timed_out = timed_out_;
    return std::move(ended_);
  }

 private:
  struct Open {
    std::size_t index = 0;
    Action action = {};
  };

  const Program& program_;
  const std::function<Action(std::size_t, const Call&)>& decide_;
  pid_t first_ = 0;
  Ended ended_;
  std::map<pid_t, Open> open_;  // calls between entry and exit
  std::set<pid_t> alive_;
  std::atomic<bool> timed_out_ = false;
  bool killed_ = false;  // its children live on, and what they do then is nobody's call

  void stopped(pid_t pid, int status) {
    const int signal = WSTOPSIG(status);
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
      entered(pid);
    } else if (signal == (SIGTRAP | 0x80)) {
      returned(pid);
    } else if (signal == SIGTRAP || signal == SIGSTOP) {
      ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);  // a new thread, exec
    } else {
      ::ptrace(PTRACE_CONT, pid, nullptr, signal);
    }
  }

  bool is_own_thread(pid_t pid) const {
    return std::filesystem::exists("/proc/" + std::to_string(first_) + "/task/" + std::to_string(pid));
  }
  void kill_program(pid_t pid) {
    const bool own = is_own_thread(pid);
    killed_ = true;
    ::kill(first_, SIGKILL);
    if (!own) ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  }

  void entered(pid_t pid) {
    if (killed_) {
      ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
      return;
    }
    user_regs_struct regs{};
    ::ptrace(PTRACE_GETREGS, pid, nullptr, &regs);
    auto call = understand(Caller(pid), {regs.orig_rax, regs.rdi, regs.rsi, regs.rdx, regs.r10}, program_);
    if (!call) {
      ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
      return;
    }
    auto action = decide_(ended_.calls.size(), *call);
    switch (action.kind) {
      case Action::Kind::kill_before:
        if (is_own_thread(pid)) skip(pid, regs);
        kill_program(pid);
        return;
      case Action::Kind::shorten:
        if (call->op != Op::write) break;
        if (regs.rdx > 1) regs.rdx = regs.rdx / 2;
        call->bytes.resize(std::min<std::size_t>(call->bytes.size(), regs.rdx));
        ::ptrace(PTRACE_SETREGS, pid, nullptr, &regs);
        break;
      case Action::Kind::fail:
      case Action::Kind::pretend: skip(pid, regs); break;
      default: break;
    }
    open_[pid] = {ended_.calls.size(), action};
    ended_.calls.push_back(std::move(*call));
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
  }

  static void skip(pid_t pid, user_regs_struct regs) {
    regs.orig_rax = static_cast<unsigned long long>(-1);
    ::ptrace(PTRACE_SETREGS, pid, nullptr, &regs);
  }

  void returned(pid_t pid) {
    const auto found = open_.find(pid);
    if (found == open_.end()) {
      ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
      return;
    }
    const auto [index, action] = found->second;
    open_.erase(found);
    user_regs_struct regs{};
    ::ptrace(PTRACE_GETREGS, pid, nullptr, &regs);
    if (action.kind == Action::Kind::fail || action.kind == Action::Kind::pretend) {
      regs.rax = static_cast<unsigned long long>(-static_cast<long>(action.error_number));
      ::ptrace(PTRACE_SETREGS, pid, nullptr, &regs);
    }
    auto& call = ended_.calls[index];
    call.result = static_cast<long>(regs.rax);
    if (call.op == Op::create && call.result >= 0)
      call.inode = Caller(pid).stat_fd(static_cast<std::uint64_t>(call.result)).st_ino;
    if (action.kind == Action::Kind::kill_after) {
      kill_program(pid);
      return;
    }
    ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  }
};

}  // namespace

const char* name(Op op) {
  static constexpr const char* kNames[] = {"create", "write",  "truncate", "chmod",   "chown",
                                           "rename", "unlink", "rmdir",    "mkdir",   "symlink",
                                           "link",   "sync",   "syncfs",   "message", "other"};
  return kNames[static_cast<int>(op)];
}

Ended run(const Program& program) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork");
  if (child == 0) run_child(program, false);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  Ended ended;
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
  return ended;
}

Ended trace(const Program& program, const std::function<Action(std::size_t, const Call&)>& decide) {
  return Tracing(program, decide).run();
}

}  // namespace gna::crash
