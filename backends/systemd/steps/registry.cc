#include <algorithm>
#include <chrono>

#include "agent/containerd/hosts_toml.h"
#include "agent/fs/root_fs.h"
#include "backends/systemd/steps/steps.h"
#include "gna/base/digest.h"

namespace gna::systemd {

namespace {

using Clock = std::chrono::steady_clock;

std::vector<backend::MirrorQuestion> questions_for(const desired::Registry& registry) {
  std::vector<backend::MirrorQuestion> questions;
  for (const auto& host : registry.hosts) {
    backend::MirrorQuestion question{.upstream = registry.upstream, .url = host.url};
    for (const auto& path : host.ca_certs) question.ca_paths.push_back(desired::ca_path(registry.upstream, path));
    questions.push_back(std::move(question));
  }
  return questions;
}

backend::Outcome nobody_answers(const std::map<std::string, observed::Mirror>& answers) {
  std::string why;
  for (const auto& [key, mirror] : answers)
    why += (why.empty() ? "" : "; ") + key.substr(key.find(' ') + 1) + ": " + mirror.error;
  return {.result = backend::Outcome::Result::pending,
          .error = Error{Code::Unavailable, "no mirror answers: " + why, "it is asked again at the next run"}};
}

}  // namespace

// The first step of a registry starts to ask, the last one takes what came of it: the cache may be
// a workload that only the steps between them bring up.
void await_mirrors(const Tools& tools, const Steps& steps) {
  for (const auto* step : steps) {
    const auto& action = std::get<plan::AwaitMirror>(step->action);
    tools.sink.sending(*step, {});
    const auto since = Clock::now();
    const auto& upstream = action.registry.upstream;
    const auto questions = questions_for(action.registry);
    if (!action.last_chance) {
      tools.mirrors.start(upstream, questions);
      tools.sink.ended(*step, {.note = "no mirror has answered yet; it is asked until the end of the run"});
      continue;
    }
    observed::State now;
    now.mirrors = tools.mirrors.last_word(upstream, questions, tools.by);
    const bool answered = std::ranges::any_of(now.mirrors, [](const auto& entry) { return entry.second.reachable; });
    if (!answered) {
      tools.sink.ended(*step, nobody_answers(now.mirrors));
      continue;
    }
    const auto bytes =
        containerd::wanted_hosts_toml(action.registry, action.on_disk, action.keep_order, now, action.facts);
    auto outcome = outcome_of(tools.root.write(action.path, bytes, 0644), since);
    outcome.learned.registries[upstream] =
        plan::AppliedRegistry{.digest = desired::digest(action.registry), .sha256 = sha256_hex(bytes)};
    tools.sink.ended(*step, outcome);
  }
}

}  // namespace gna::systemd
