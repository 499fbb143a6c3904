#include "backends/systemd/mirror_watch.h"

#include <algorithm>
#include <chrono>

namespace gna::systemd {

namespace {

constexpr auto kPause = std::chrono::seconds(2);
constexpr auto kRound = std::chrono::seconds(3);

bool anybody(const std::map<std::string, observed::Mirror>& answers) {
  return std::ranges::any_of(answers, [](const auto& entry) { return entry.second.reachable; });
}

}  // namespace

MirrorWatch::MirrorWatch(const Environment& environment) : environment_(environment) {}

MirrorWatch::~MirrorWatch() {
  for (auto& [upstream, watch] : watches_) watch.thread.request_stop();
}

void MirrorWatch::start(const std::string& upstream, std::vector<backend::MirrorQuestion> questions) {
  if (watches_.contains(upstream)) return;
  auto& watch = watches_[upstream];
  watch.thread = std::jthread([this, &watch, questions = std::move(questions)](std::stop_token stop) {
    while (!stop.stop_requested()) {
      auto answers = environment_.probe(questions, std::chrono::steady_clock::now() + kRound);
      std::unique_lock lock(mutex_);
      watch.answers = std::move(answers);
      if (anybody(watch.answers)) return;
      stopping_.wait_for(lock, stop, kPause, [] { return false; });
    }
  });
}

std::map<std::string, observed::Mirror> MirrorWatch::last_word(const std::string& upstream,
                                                               const std::vector<backend::MirrorQuestion>& questions,
                                                               Deadline by) {
  if (const auto at = watches_.find(upstream); at != watches_.end()) {
    at->second.thread.request_stop();
    at->second.thread.join();
    auto answers = std::move(at->second.answers);
    watches_.erase(at);
    if (anybody(answers)) return answers;
  }
  return environment_.probe(questions, by);
}

}  // namespace gna::systemd
