// Registry mirrors as the registry-mirror extension has them, and caches of the registry-cache extension. Pure.
//
// After parse_mirrors() nobody checks again: upstreams are safe as directory names, URLs safe in TOML and in
// a shell, CA bundles are certificates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"
#include "gna/desired/state.h"
#include "gna/osc/secrets.h"

namespace gna::provision {

struct CaFile {
  std::string path = {};  // absolute, below certs.d
  std::string pem = {};   // certificates only; comments dropped, ends with a newline
  bool operator==(const CaFile&) const = default;
};

struct Mirror {
  desired::Registry registry = {};    // server set, capabilities filled in, ca_certs absolute
  std::vector<CaFile> ca_files = {};  // what ca_certs of the hosts name, each path once
  bool provision_relevant = false;    // wanted before the first pull
  bool operator==(const Mirror&) const = default;
};

struct MirrorConfigs {
  std::vector<Mirror> mirrors = {};        // of MirrorConfig documents, in order
  std::vector<Mirror> caches = {};         // of RegistryConfig and RegistryStatus documents: only once the cluster runs
  std::vector<std::string> warnings = {};  // for a person
};

// Any number of documents, also in several files: MirrorConfig, RegistryConfig with its RegistryStatus.
// A host's CA comes from its caBundle (base64) or from the Secret that caBundleSecretReferenceName names.
//
// Errors: InvalidArgument with file, line and field; never with a value that could be secret.
// Source: mirror.extensions.gardener.cloud/v1alpha1 (gardener-extension-registry-cache v0.24, and its proposed
//         provisionRelevant and caBundle), registry.extensions.gardener.cloud/v1alpha3.
struct NamedDocument {
  std::string name = {};  // for messages
  std::string bytes = {};
};
Result<MirrorConfigs> parse_mirrors(const std::vector<NamedDocument>& documents, const osc::Secrets& secrets);

// Nothing below may ask the upstream: `server` becomes the mirror's own first host.
void close_upstream(Mirror& mirror);

// "https://registry-1.docker.io" for docker.io, else the upstream with https:// in front.
std::string upstream_url(const std::string& upstream);

// Where the CA of a host lies, in the words of the registry-mirror extension.
std::string ca_file_path(const std::string& upstream, const std::string& host_url);

}  // namespace gna::provision
