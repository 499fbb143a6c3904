#include "provision/stages/private_hosts.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/containerd/hosts_toml.h"
#include "agent/containerd/toml.h"
#include "gna/base/digest.h"

namespace gna::provision {
namespace {

std::string without_first_line(const std::string& text) { return text.substr(text.find('\n') + 1); }

std::string basic(const Credentials& credentials) {
  return "Basic " + base64_encode(credentials.user + ":" + credentials.password);
}

// A header's table has to stand right behind its host's: containerd would otherwise see the host twice.
std::string host_table(const Mirror& mirror, const desired::RegistryHost& host, const Credentials* credentials,
                       const std::string& pair) {
  auto text = without_first_line(
      containerd::render_hosts_toml({.upstream = mirror.registry.upstream, .hosts = {host}}, containerd::kDialTimeout));
  if (credentials == nullptr) return text;
  text.pop_back();
  namespace toml = containerd::toml;
  if (!credentials->certificate.empty())
    text += fmt::format("  client = [[{},{}]]\n", toml::quote(pair + ".pem"), toml::quote(pair + ".key.pem"));
  if (!credentials->user.empty())
    text += fmt::format("  [host.{}.header]\n    Authorization = {}\n", toml::quote(host.url),
                        toml::quote(credentials->token.empty() ? basic(*credentials) : "Bearer " + credentials->token));
  return text + "\n";
}

}  // namespace

bool needs_credentials(const std::vector<Mirror>& mirrors) {
  return std::ranges::any_of(mirrors, [](const Mirror& mirror) { return !mirror.credentials.empty(); });
}

std::vector<UserdataFile> private_hosts(const std::vector<Mirror>& mirrors) {
  std::vector<UserdataFile> out;
  for (const auto& mirror : mirrors) {
    const auto directory = fmt::format("{}/{}", kPrivateHostsDirectory, mirror.registry.upstream);
    auto text = containerd::render_hosts_toml({.upstream = mirror.registry.upstream, .server = mirror.registry.server},
                                              containerd::kDialTimeout);
    std::size_t number = 0;
    for (const auto& host : mirror.registry.hosts) {
      const auto credentials = mirror.credentials.find(host.url);
      const bool known = credentials != mirror.credentials.end();
      const auto pair = fmt::format("{}/client-{}", directory, ++number);
      text += host_table(mirror, host, known ? &credentials->second : nullptr, pair);
      if (!known || credentials->second.certificate.empty()) continue;
      out.push_back({.path = pair + ".pem", .bytes = credentials->second.certificate, .mode = 0600});
      out.push_back({.path = pair + ".key.pem", .bytes = credentials->second.key, .mode = 0600});
    }
    out.push_back({.path = directory + "/hosts.toml", .bytes = std::move(text), .mode = 0600});
  }
  return out;
}

}  // namespace gna::provision
