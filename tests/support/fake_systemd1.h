// A systemd that runs nothing, but talks as the real one does over D-Bus: Manager, Unit and
// Service of org.freedesktop.systemd1, as far as gna asks them.
//
// Its units and the record of what it was asked for are files, so that both survive whoever
// asked, and itself.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace gna::support {

struct FakeSystemd1Options {
  std::string address = {};  // of a bus
  // One line for each operation, in the words of actions.txt ("enable x", "daemon-reload", "restart y",
  // "stop z -> failed"), and "started UNIT FINGERPRINT", "stopped UNIT" as jobs take effect.
  // LOG.state beside it keeps the units.
  std::filesystem::path log = {};
  // Where unit files lie: units exist if they have one, are enabled by symlinks there, and
  // NeedDaemonReload tells whether their bytes changed since they were loaded.
  // FINGERPRINT is of the bytes that were loaded: of unit file and drop-ins.
  // Empty: every unit exists, and enabling leaves no trace but here. A client that reads enablement from the unit
  // files itself (BusOptions::unit_files, as `gna` does) has to have the same root.
  std::string root = {};
  // See Mishap. WORD is a job result, or a D-Bus error's name where no job is.
  std::vector<std::string> script = {};
};

class FakeSystemd1 {
 public:
  // Answers when this returns. Throws if the bus is not there.
  explicit FakeSystemd1(FakeSystemd1Options options);
  ~FakeSystemd1();
  FakeSystemd1(const FakeSystemd1&) = delete;
  FakeSystemd1& operator=(const FakeSystemd1&) = delete;

  // The lines of the log; without "started" and "stopped".
  std::vector<std::string> operations() const;
  std::vector<std::string> log() const;

 private:
  FakeSystemd1Options options_;
  std::atomic<bool> ready_ = false;
  std::string trouble_ = {};  // written before ready_
  std::jthread server_;
};

// Serves until `stop` is asked for; `ready` is called once it answers. Throws if the bus is
// not there at first; later it waits for it.
void serve_fake_systemd1(const FakeSystemd1Options& options, std::stop_token stop, const std::function<void()>& ready);

}  // namespace gna::support
