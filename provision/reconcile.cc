#include "provision/reconcile.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gna/base/digest.h"
#include "provision/userdata.h"

namespace gna::provision {
namespace {

constexpr std::uint32_t kMode = 0644;

void put_file(std::vector<osc::File>& files, const std::string& path, const std::string& bytes) {
  osc::File file{.path = path, .permissions = kMode};
  file.content.inline_data = osc::Inline{.encoding = "b64", .data = base64_encode(bytes)};
  const auto at = std::ranges::find(files, path, &osc::File::path);
  if (at == files.end())
    files.push_back(std::move(file));
  else
    *at = std::move(file);
}

osc::Registry registry_of(const desired::Registry& from) {
  osc::Registry out{.upstream = from.upstream, .server = from.server};
  if (from.readiness_probe) out.readiness_probe = true;
  for (const auto& host : from.hosts) {
    osc::RegistryHost entry{.url = host.url, .capabilities = host.capabilities, .ca_certs = host.ca_certs};
    if (host.override_path) entry.override_path = true;
    out.hosts.push_back(std::move(entry));
  }
  return out;
}

void put_registry(std::vector<osc::Registry>& registries, osc::Registry registry) {
  const auto at = std::ranges::find(registries, registry.upstream, &osc::Registry::upstream);
  if (at == registries.end())
    registries.push_back(std::move(registry));
  else
    *at = std::move(registry);
}

}  // namespace

Result<osc::Osc> with_registries(osc::Osc reconcile, const MirrorConfigs& configs) {
  if (reconcile.spec.purpose == "provision")
    return fail(Code::InvalidArgument, "spec.purpose: is provision; the reconcile OSC is wanted");
  if (!osc::has_containerd(reconcile))
    return fail(Code::InvalidArgument, "spec.criConfig.containerd: is missing, so it can have no mirrors");
  auto& registries = reconcile.spec.cri_config->containerd->registries;
  for (const auto* list : {&configs.mirrors, &configs.caches})
    for (const auto& mirror : *list) {
      put_registry(registries, registry_of(mirror.registry));
      for (const auto& ca : mirror.ca_files) put_file(reconcile.spec.files, ca.path, ca.pem);
    }
  return reconcile;
}

osc::Osc with_mirror_files(osc::Osc provision, const std::vector<Mirror>& mirrors) {
  for (const auto& mirror : mirrors)
    for (const auto& file : mirror_files(mirror)) put_file(provision.spec.files, file.path, file.bytes);
  return provision;
}

}  // namespace gna::provision
