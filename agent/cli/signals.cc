#include "agent/cli/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace gna::cli {
namespace {

// A handler may do little more than write(2), so it writes the signal's number into a pipe. Plain
// handlers rather than a blocked mask: children of ours (ctr) then start with a clean one.
std::array<int, 2> wake = {-1, -1};

constexpr std::array kWatched = {SIGUSR1, SIGINT, SIGTERM};

void handle(int signal) {
  const int before = errno;
  const auto number = static_cast<unsigned char>(signal);
  (void)!::write(wake[1], &number, 1);
  errno = before;
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Signals::Signals(std::function<void()> report, std::function<void(int)> stop) {
  if (::pipe2(wake.data(), O_CLOEXEC) != 0) return;  // no descriptors left: then signals do what they always do
  // What these say, the failing write says too: the run tells it, and cleans up.
  for (const int signal : {SIGPIPE, SIGXFSZ}) set_handler(signal, SIG_IGN);
  for (const int signal : kWatched) set_handler(signal, handle);
  listener_ = std::thread([this, report = std::move(report), stop = std::move(stop)] {
    unsigned char number = 0;
    while (::read(wake[0], &number, 1) == 1 && number != 0) {
      if (number == SIGUSR1) {
        report();
      } else if (received_ == 0) {
        received_ = number;
        stop(number);
      } else {
        set_handler(number, SIG_DFL);
        ::raise(number);
      }
    }
  });
}

Signals::~Signals() {
  if (!listener_.joinable()) return;
  for (const int signal : kWatched) set_handler(signal, SIG_DFL);
  const unsigned char end = 0;
  (void)!::write(wake[1], &end, 1);
  listener_.join();
  ::close(wake[0]);
  ::close(wake[1]);
  wake = {-1, -1};
}

}  // namespace gna::cli
