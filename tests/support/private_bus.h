// A dbus-daemon of our own, on a socket in a directory.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace gna::support {

class PrivateBus {
 public:
  // Starts it and waits until it listens; it ends with this object, and with the thread that
  // made it. Throws if there is no dbus-daemon.
  explicit PrivateBus(std::filesystem::path directory);
  ~PrivateBus();
  PrivateBus(const PrivateBus&) = delete;
  PrivateBus& operator=(const PrivateBus&) = delete;

  std::string address() const;  // "unix:path=DIRECTORY/bus"
  void stop();
  void start();

 private:
  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

}  // namespace gna::support
