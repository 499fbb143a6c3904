#include "gna/backend/os_backend.h"

namespace gna::backend {

namespace {

MirrorQuestion question(const desired::Registry& registry, const desired::RegistryHost& host,
                        const desired::State& wanted) {
  MirrorQuestion out{.upstream = registry.upstream, .url = host.url};
  for (const auto& path : host.ca_certs) {
    const auto absolute = desired::ca_path(registry.upstream, path);
    const auto file = wanted.files.find(absolute);
    const auto* bytes = file == wanted.files.end() ? nullptr : std::get_if<std::string>(&file->second.content);
    if (bytes != nullptr)
      out.ca_pem.push_back(*bytes);
    else
      out.ca_paths.push_back(absolute);
  }
  return out;
}

}  // namespace

Scope Scope::of(const desired::State& wanted, const plan::Applied& applied) {
  Scope scope;
  for (const auto& [path, file] : wanted.files) scope.files.insert(path);
  for (const auto& [path, file] : applied.files) scope.files.insert(path);
  for (const auto& [name, unit] : wanted.units) scope.units.insert(name);
  for (const auto& [name, unit] : applied.units) scope.units.insert(name);
  for (const auto& [upstream, registry] : wanted.registries) {
    scope.upstreams.insert(upstream);
    if (registry.readiness_probe)
      for (const auto& host : registry.hosts) scope.mirrors.push_back(question(registry, host, wanted));
  }
  for (const auto& [upstream, registry] : applied.registries) scope.upstreams.insert(upstream);
  scope.containerd_default = wanted.containerd.has_value();  // to be patched; taking back asks for none
  scope.containerd_config = wanted.containerd.has_value() || applied.containerd.has_value();
  return scope;
}

}  // namespace gna::backend
