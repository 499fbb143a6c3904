#include "backends/systemd/node_environment.h"

#include <chrono>

#include "agent/containerd/client.h"
#include "agent/containerd/default_config.h"
#include "agent/containerd/probe.h"
#include "agent/fs/root_fs.h"

namespace gna::systemd {

namespace {

constexpr auto kPerMirror = std::chrono::seconds(1);
// Where it is known to be down a version is not worth waiting for.
constexpr auto kVersionPatience = std::chrono::seconds(5);

std::map<std::string, observed::Mirror> probe(const fs::RootFs& root,
                                              const std::vector<backend::MirrorQuestion>& mirrors, Deadline by) {
  std::vector<containerd::Question> questions;
  questions.reserve(mirrors.size());
  for (const auto& mirror : mirrors)
    questions.push_back({.key = observed::mirror_key(mirror.upstream, mirror.url),
                         .url = mirror.url,
                         .ca_paths = mirror.ca_paths,
                         .ca_pem = mirror.ca_pem});
  return containerd::probe(
      questions, [&](const std::string& path) { return root.read(path, 1u << 20); }, kPerMirror, by);
}

}  // namespace

Environment node_environment(const fs::RootFs& root, const Options& options) {
  auto address = containerd::Address::from_environment();
  if (!options.containerd_address.empty()) address.socket = options.containerd_address;
  return {
      .containerd_version = [address](Deadline by) -> Result<desired::Version> {
        containerd::Client client(address);
        GNA_LET(text, client.version(std::min(by, std::chrono::steady_clock::now() + kVersionPatience)));
        const auto version = desired::parse_version(text);
        if (!version) return fail(Code::Corrupt, "containerd says its version is \"" + text + "\"");
        return *version;
      },
      .containerd_default_config = [](Deadline by) { return containerd::default_config(by); },
      .probe = [&root](const std::vector<backend::MirrorQuestion>& mirrors,
                       Deadline by) { return probe(root, mirrors, by); },
  };
}

}  // namespace gna::systemd
