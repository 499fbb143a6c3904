// Reads files of a tree all the time and says which it ever found torn.
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <thread>

#include "tests/crash/snapshot.h"

namespace gna::crash {

// While it lives, every file that both snapshots have is either's; what only one has may be absent.
class Watcher {
 public:
  Watcher(const std::string& root, const Snapshot& before, const Snapshot& after,
          const std::function<bool(const std::string& path)>& watched);
  ~Watcher();

  // Ends it. Paths that were torn, or gone, at some time.
  std::set<std::string> torn();
  std::size_t rounds() const { return rounds_; }

 private:
  struct Watched {
    std::string path = {};  // on the host
    std::set<Entry> whole = {};
    bool may_be_absent = false;
  };

  void look(const Watched& watched);

  std::vector<Watched> watched_;
  std::set<std::string> torn_;  // written by the thread, read after it ended
  std::atomic<std::size_t> rounds_ = 0;
  std::jthread thread_;
};

}  // namespace gna::crash
