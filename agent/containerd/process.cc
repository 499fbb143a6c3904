#include "agent/containerd/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "gna/base/fd.h"

namespace gna::containerd {

namespace {

using Clock = std::chrono::steady_clock;

// A stream is kept up to here, its end rather than its beginning: an error is the last line.
constexpr std::size_t kLimit = 1 << 20;

int milliseconds_until(Deadline by) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(by - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
}

// Takes what is there without waiting. False at the end of the stream.
bool take(int fd, std::string& words) {
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    words.append(buffer, static_cast<std::size_t>(count));
    if (words.size() > kLimit) words.erase(0, words.size() - kLimit);
  }
}

// Proxies and certificates of the environment count for a pull, as they do for the Go agent's; the rest
// stays here. PATH is a fixed one.
std::vector<std::string> environment() {
  static constexpr std::string_view kKept[] = {"HTTP_PROXY",  "HTTPS_PROXY", "NO_PROXY",      "http_proxy",
                                               "https_proxy", "no_proxy",    "SSL_CERT_FILE", "SSL_CERT_DIR"};
  std::vector<std::string> out = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry = *at;
    if (std::ranges::find(kKept, entry.substr(0, entry.find('='))) != std::end(kKept)) out.emplace_back(entry);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

// The child gets a process group of its own, so that a kill reaches what it started, no signal of ours is
// blocked or ignored in it, and what it says comes to us.
Result<pid_t> spawn(std::vector<std::string> arguments, int output, int words) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  auto kept = environment();
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments.front().c_str(), &actions, &attributes, pointers(arguments).data(),
                                  pointers(kept).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno(error, arguments.front());
  return pid;
}

// A pipe whose reading end does not wait.
struct Stream {
  Fd in = {};
  Fd out = {};
  bool open = true;

  static Result<Stream> make() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return Stream{Fd(ends[0]), Fd(ends[1])};
  }
};

}  // namespace

Result<Exit> run_program(std::vector<std::string> arguments, Deadline by) {
  const std::string program = arguments.front();
  GNA_LET(output, Stream::make());
  GNA_LET(words, Stream::make());
  GNA_LET(pid, spawn(std::move(arguments), output.out.get(), words.out.get()));
  output.out.reset();
  words.out.reset();
  // By descriptor: a wait for any child elsewhere in the process cannot take this one's number away.
  const Fd child(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));

  Exit exit;
  bool late = false;
  for (bool running = true; running;) {
    if (Clock::now() >= by && !late) {
      late = true;
      ::kill(-pid, SIGKILL);
    }
    pollfd watched[] = {{child.get(), POLLIN, 0},
                        {output.open ? output.in.get() : -1, POLLIN, 0},
                        {words.open ? words.in.get() : -1, POLLIN, 0}};
    ::poll(watched, 3, late ? 1000 : milliseconds_until(by));
    if (watched[1].revents != 0) output.open = take(output.in.get(), exit.output);
    if (watched[2].revents != 0) words.open = take(words.in.get(), exit.words);
    const pid_t ended = ::waitpid(pid, &exit.status, WNOHANG);
    running = ended == 0 || (ended < 0 && errno == EINTR);
    if (ended < 0 && errno == ECHILD) return fail(Code::Internal, program + ": somebody else waited for it");
  }
  if (output.open) take(output.in.get(), exit.output);
  if (words.open) take(words.in.get(), exit.words);
  if (late) return fail(Code::DeadlineExceeded, program + ": not done in time, killed");
  return exit;
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& directories) {
  for (std::string path : directories)
    if (path.append("/").append(name); ::access(path.c_str(), X_OK) == 0) return path;
  return fail(Code::NotFound, name + " is in none of this node's program directories");
}

}  // namespace gna::containerd
