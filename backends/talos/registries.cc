#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "backends/talos/sections.h"

namespace gna::talos {

namespace {

std::string_view without_slash(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

// host[:port] of a URL, by which Talos finds the TLS settings.
std::string host_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  return std::string(url);
}

// Is this where containerd would turn to anyway?
bool is_upstream_itself(std::string_view server, const std::string& upstream) {
  server = without_slash(server);
  if (server == "https://" + upstream) return true;
  return upstream == "docker.io" && server == "https://registry-1.docker.io";
}

yaml::Node endpoint(const std::string& url, bool override_path) {
  yaml::Node::Map out = {{.key = "url", .value = url}};
  if (override_path) out.push_back({.key = "overridePath", .value = true});
  return out;
}

class Registries {
 public:
  Registries(Drafts& out, const desired::State& wanted) : out_(out), wanted_(wanted) {}

  void mirror(const desired::Registry& registry) {
    yaml::Node::List endpoints;
    for (std::size_t i = 0; i < registry.hosts.size(); ++i) {
      const auto& host = registry.hosts[i];
      const std::string field = registry.field + ".hosts[" + std::to_string(i) + "]";
      endpoints.push_back(endpoint(host.url, host.override_path));
      if (std::ranges::find(host.capabilities, "resolve") == host.capabilities.end())
        out_.refuse(field + ".capabilities", "Talos resolves through every mirror",
                    "a mirror that answers with the same digests as its upstream");
      authorities(registry, host, field);
    }
    const bool other_server = registry.server && !is_upstream_itself(*registry.server, registry.upstream);
    if (other_server) endpoints.push_back(endpoint(std::string(without_slash(*registry.server)), false));
    if (registry.readiness_probe)
      out_.refuse(registry.field + ".readinessProbe", "Talos takes a mirror into use at once",
                  other_server ? "a mirror that is up before the node is" : "nothing: pulls fall back to the upstream");
    if (endpoints.empty()) return;  // says no more than what containerd does by itself
    auto& document = out_.document("RegistryMirrorConfig", registry.upstream == "_default" ? "*" : registry.upstream,
                                   registry.field);
    document.fields = {{.key = "endpoints", .value = std::move(endpoints)}};
    if (other_server) document.fields.push_back({.key = "skipFallback", .value = true});
  }

  // One host may serve several upstreams: it is trusted by the authorities of all of them.
  void tls() {
    for (const auto& [host, trust] : trusts_) {
      for (const auto& field : trust.from) out_.document("RegistryTLSConfig", host, field);
      out_.document("RegistryTLSConfig", host, *trust.from.begin()).fields = {{.key = "ca", .value = trust.pem}};
    }
  }

 private:
  struct Trust {
    std::string pem = {};
    std::set<std::string> paths = {};
    std::set<std::string> from = {};
  };

  void authorities(const desired::Registry& registry, const desired::RegistryHost& host, const std::string& field) {
    for (const auto& ca : host.ca_certs) {
      const auto path = desired::ca_path(registry.upstream, ca);
      const auto file = wanted_.files.find(path);
      const auto* pem = file == wanted_.files.end() ? nullptr : std::get_if<std::string>(&file->second.content);
      if (pem == nullptr || !is_pem(*pem)) {
        out_.refuse(field + ".caCerts", path + (pem == nullptr ? " is no file of this OSC" : " holds no certificate"),
                    "the certificate itself, as a file of the OSC");
        continue;
      }
      auto& trust = trusts_[host_of(host.url)];
      trust.from.insert({registry.field, file->second.field});
      if (!trust.paths.insert(path).second || trust.pem.contains(*pem)) continue;
      trust.pem += *pem;
      if (!trust.pem.ends_with('\n')) trust.pem += '\n';
    }
  }

  Drafts& out_;
  const desired::State& wanted_;
  std::map<std::string, Trust> trusts_;  // by host[:port]
};

}  // namespace

bool is_pem(const std::string& text) { return text.contains("-----BEGIN CERTIFICATE-----"); }

void draft_registries(Drafts& out, const desired::State& wanted) {
  Registries registries(out, wanted);
  for (const auto& [upstream, registry] : wanted.registries) registries.mirror(registry);
  registries.tls();
}

}  // namespace gna::talos
