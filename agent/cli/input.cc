#include "agent/cli/input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "gna/base/fd.h"

namespace gna::cli {
namespace {

// How long a fifo may stay without anybody at its other end.
constexpr int kWriterMs = 500;

std::unexpected<Error> unreadable(int error_number) {
  auto error = errno_error(error_number, "read");
  return fail(Code::InvalidArgument, error.message);
}

}  // namespace

Result<std::string> read_input(const std::string& name, std::size_t limit_bytes) {
  Fd opened;
  int fd = STDIN_FILENO;
  bool fifo = false;
  if (name != "-") {
    // O_NONBLOCK: opening a fifo would wait for a writer, and a device for its carrier.
    opened = Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!opened) return unreadable(errno);
    fd = opened.get();
    struct stat status{};
    if (::fstat(fd, &status) != 0) return unreadable(errno);
    if (S_ISDIR(status.st_mode)) return fail(Code::InvalidArgument, "is a directory");
    fifo = S_ISFIFO(status.st_mode);
  }
  std::string bytes;
  bool waited = false;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      bytes.append(buffer.data(), static_cast<std::size_t>(got));
      if (bytes.size() > limit_bytes)
        return fail(Code::InvalidArgument, "is larger than " + std::to_string(limit_bytes >> 20) + " MiB");
      continue;
    }
    if (got == 0) {
      if (!fifo || waited || !bytes.empty()) return bytes;
      // End of file, or nobody has opened the other end yet: poll() tells them apart by hanging.
      waited = true;
      pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, kWriterMs) == 0) return fail(Code::InvalidArgument, "is a fifo that nobody writes to");
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return unreadable(errno);
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR) return unreadable(errno);
  }
}

}  // namespace gna::cli
