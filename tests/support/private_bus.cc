#include "tests/support/private_bus.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace gna::support {

PrivateBus::PrivateBus(std::filesystem::path directory) : directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_);
  // Everything is allowed; limits are as wide as those of a system bus.
  std::ofstream(directory_ / "bus.conf") << fmt::format(
      R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>gna-test</type>
  <listen>{}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
)",
      address());
  start();
}

PrivateBus::~PrivateBus() { stop(); }

std::string PrivateBus::address() const { return "unix:path=" + (directory_ / "bus").string(); }

void PrivateBus::start() {
  if (pid_ > 0) return;
  std::filesystem::remove(directory_ / "bus");  // a killed daemon leaves it behind
  std::array<int, 2> ready = {};
  if (::pipe(ready.data()) != 0) throw std::runtime_error("pipe");
  const auto config = "--config-file=" + (directory_ / "bus.conf").string();
  const auto print = "--print-address=" + std::to_string(ready[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ready[0]);
    // As root it complains that it cannot raise a limit; nobody needs to read that.
    const int log = ::open((directory_ / "bus.log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(log, STDERR_FILENO);
    ::execlp("dbus-daemon", "dbus-daemon", config.c_str(), "--nofork", "--nosyslog", print.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ready[1]);
  // It tells its address once it listens, or ends.
  char byte = 0;
  const auto told = ::read(ready[0], &byte, 1);
  ::close(ready[0]);
  if (told != 1) {
    stop();
    throw std::runtime_error("dbus-daemon does not start");
  }
}

void PrivateBus::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace gna::support
