// Asks for mirrors that have not answered, beside everything else that goes on.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backends/systemd/environment.h"

namespace gna::systemd {

class MirrorWatch {
 public:
  explicit MirrorWatch(const Environment& environment);
  ~MirrorWatch();

  // Starts to ask, every two seconds, until somebody answers or it is told to stop.
  void start(const std::string& upstream, std::vector<backend::MirrorQuestion> questions);
  // What is known by now; asks once more if nobody has answered. Ends the watch of this upstream.
  std::map<std::string, observed::Mirror> last_word(const std::string& upstream,
                                                    const std::vector<backend::MirrorQuestion>& questions, Deadline by);

 private:
  struct Watch {
    std::map<std::string, observed::Mirror> answers = {};
    std::jthread thread = {};
  };
  const Environment& environment_;
  std::mutex mutex_;  // guards the answers in watches_
  std::condition_variable_any stopping_;
  std::map<std::string, Watch> watches_;
};

}  // namespace gna::systemd
