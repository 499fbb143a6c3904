// What a person can tell a running apply.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace gna::cli {

// While it lives: SIGUSR1 calls `report`; the first SIGINT or SIGTERM calls `stop` and lets stopping()
// turn true; a second one ends the process at once, which is as safe as any crash. SIGPIPE is ignored:
// `gna apply | head` must not kill a run half-way.
//
// One at a time. Threads: `report` and `stop` are called on a thread of its own.
class Signals {
 public:
  Signals(std::function<void()> report, std::function<void(int signal)> stop);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  bool stopping() const { return received_ != 0; }
  int received() const { return received_; }  // 0: none

 private:
  std::atomic<int> received_ = 0;
  std::thread listener_;
};

}  // namespace gna::cli
