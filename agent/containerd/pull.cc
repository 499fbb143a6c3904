#include "agent/containerd/pull.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <string_view>
#include <utility>

#include "gna/base/fd.h"

namespace gna::containerd {

namespace {

using Clock = std::chrono::steady_clock;

// What `ctr` says is kept up to here; its error is the last line.
constexpr std::size_t kWordsLimit = 64 << 10;

struct Exit {
  int status = 0;  // as waitpid has it
  std::string words = {};
};

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
    if (words.size() > kWordsLimit) words.erase(0, words.size() - kWordsLimit);
  }
}

// Proxies and certificates of the environment count for a pull, as they do for the Go agent's; the rest
// stays here. PATH is a fixed one: ctr starts nothing, but its libraries may look.
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
  for (auto& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

// The child gets a process group of its own, so that a kill reaches what it started, no signal of ours is
// blocked or ignored in it, and its stderr comes to us.
Result<pid_t> spawn(std::vector<std::string> arguments, int words) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
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

Result<Exit> run(std::vector<std::string> arguments, Deadline by) {
  const std::string program = arguments.front();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
  const Fd words_in(ends[0]);
  Fd words_out(ends[1]);
  ::fcntl(words_in.get(), F_SETFL, O_NONBLOCK);

  GNA_LET(pid, spawn(std::move(arguments), words_out.get()));
  words_out.reset();
  // By descriptor: a wait for any child elsewhere in the process cannot take this one's number away.
  const Fd child(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));

  Exit exit;
  bool open = true;
  bool late = false;
  for (bool running = true; running;) {
    if (Clock::now() >= by && !late) {
      late = true;
      ::kill(-pid, SIGKILL);
    }
    pollfd watched[] = {{child.get(), POLLIN, 0}, {open ? words_in.get() : -1, POLLIN, 0}};
    ::poll(watched, 2, late ? 1000 : milliseconds_until(by));
    if (watched[1].revents != 0) open = take(words_in.get(), exit.words);
    const pid_t ended = ::waitpid(pid, &exit.status, WNOHANG);
    running = ended == 0 || (ended < 0 && errno == EINTR);
    if (ended < 0 && errno == ECHILD) return fail(Code::Internal, program + ": somebody else waited for it");
  }
  if (open) take(words_in.get(), exit.words);
  if (late) return fail(Code::DeadlineExceeded, program + ": not done in time, killed");
  return exit;
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

// One border more: ctr has an exit code of 1 for everything and tells in words. Only "not found" is read
// out of them, because it alone changes what the caller does.
Error ctr_error(const Exit& exit) {
  const std::string line = last_line(exit.words);
  const std::string how = WIFEXITED(exit.status) ? "exit " + std::to_string(WEXITSTATUS(exit.status))
                                                 : "signal " + std::to_string(WTERMSIG(exit.status));
  const bool absent = line.ends_with("not found");
  return {absent ? Code::NotFound : Code::Unavailable,
          "ctr: " + (line.empty() ? how : line)};
}

// "v2.1.5" and "2.1.5~ds1" have the major version 2. Anything else counts as old: `ctr` works with all.
int major_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  int major = 0;
  std::from_chars(text.data(), text.data() + text.size(), major);
  return major;
}

enum class Way { transfer, ctr };

Result<Way> choose_way(Client& client, Deadline by) {
  GNA_LET(version, client.version(by));
  if (major_version(version) < 2) return Way::ctr;
  GNA_LET(has_transfer, client.has_transfer(by));
  return has_transfer ? Way::transfer : Way::ctr;
}

Result<std::string> find_ctr(const std::vector<std::string>& directories) {
  for (const auto& directory : directories)
    if (std::string path = directory + "/ctr"; ::access(path.c_str(), X_OK) == 0) return path;
  return fail(Code::NotFound, "no `ctr` on this machine, which a pull by mirrors needs before containerd 2.0",
              "install the ctr that belongs to this containerd into /usr/local/bin");
}

Result<void> pull_with_ctr(const Address& address, const std::string& reference, const PullOptions& options,
                           Deadline by) {
  GNA_LET(ctr, find_ctr(options.ctr_directories));
  GNA_LET(exit, run({ctr, "-a", address.socket, "-n", address.name_space, "images", "pull", "--hosts-dir",
                     options.hosts_directory, "--platform", "linux/" + options.architecture, reference},
                    by));
  if (exit.status != 0) return std::unexpected(ctr_error(exit));
  return {};
}

// Nothing that ctr could take for a flag, and nothing that no reference has.
Result<void> check_reference(const std::string& reference) {
  const bool clean = std::ranges::all_of(reference, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (reference.empty() || reference.front() == '-' || !clean)
    return fail(Code::InvalidArgument, "not an image reference: \"" + reference + "\"");
  return {};
}

}  // namespace

std::string host_architecture() {
  utsname machine{};
  ::uname(&machine);
  const std::string_view name = machine.machine;
  if (name == "x86_64") return "amd64";
  if (name == "aarch64") return "arm64";
  return std::string(name);
}

Result<void> can_pull(Client& client, const std::vector<std::string>& references, const PullOptions& options,
                      Deadline by) {
  for (const auto& reference : references) GNA_TRY(check_reference(reference));
  GNA_LET(way, choose_way(client, by));
  if (way == Way::ctr) GNA_TRY(find_ctr(options.ctr_directories));
  return {};
}

Result<void> pull(Client& client, const std::string& reference, const PullOptions& options, Deadline by) {
  const std::string step = "pull " + reference;
  GNA_TRY(check_reference(reference));
  GNA_LET_AT(step, way, choose_way(client, by));
  if (way == Way::transfer) {
    GNA_TRY_AT(step,
               client.transfer(reference, options.hosts_directory, options.architecture, options.lease, by));
  } else {
    GNA_TRY_AT(step, pull_with_ctr(client.address(), reference, options, by));
  }
  return {};
}

}  // namespace gna::containerd
