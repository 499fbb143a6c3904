// Registry mirrors as the registry-mirror extension has them, and caches of the registry-cache extension. Pure.
//
// After parse_mirrors() nobody checks again: upstreams are safe as directory names, URLs safe in TOML and in
// a shell, CA bundles are certificates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"
#include "gna/desired/state.h"
#include "gna/osc/secrets.h"

namespace gna::provision {

struct CaFile {
  std::string path = {};                       // absolute, below certs.d
  std::string pem = {};                        // as it was given: the reconcile OSC holds the same bytes
  std::int64_t not_before = 0, not_after = 0;  // Unix time: when all its certificates hold
  bool operator==(const CaFile&) const = default;
};

// For a registry that asks who is there. MirrorConfig has no field for it.
struct Credentials {
  std::string user = {}, password = {};
  std::string certificate = {}, key = {};  // PEM
  std::string token = {};                  // of the registry's token server, for one pull: instead of user and password
  bool operator==(const Credentials&) const = default;
};

struct Mirror {
  desired::Registry registry = {};                      // server set, capabilities filled in, ca_certs absolute
  std::vector<CaFile> ca_files = {};                    // what ca_certs of the hosts name, each path once
  bool provision_relevant = false;                      // wanted before the first pull
  std::map<std::string, Credentials> credentials = {};  // by host URL; never in certs.d
  bool operator==(const Mirror&) const = default;
};

struct MirrorConfigs {
  std::vector<Mirror> mirrors = {};        // of MirrorConfig documents, in order
  std::vector<Mirror> caches = {};         // of RegistryConfig and RegistryStatus documents: only once the cluster runs
  std::vector<std::string> warnings = {};  // for a person
};

struct NamedDocument {
  std::string name = {};  // for messages
  std::string bytes = {};
};

// Any number of documents: MirrorConfig, RegistryConfig, RegistryStatus, or the Extension that holds them.
// A host's CA comes from its caBundle (base64) or from the Secret that caBundleSecretReferenceName names. The
// annotation gna.dev/credentials-secret names a Secret with the credentials for all hosts of a MirrorConfig.
//
// Errors: InvalidArgument with file, line, column and field; never with a value that could be secret.
// Source: mirror.extensions.gardener.cloud/v1alpha1 (gardener-extension-registry-cache v0.24, and its proposed
//         provisionRelevant and caBundle), registry.extensions.gardener.cloud/v1alpha3.
Result<MirrorConfigs> parse_mirrors(const std::vector<NamedDocument>& documents, const osc::Secrets& secrets);

// Of a Secret: username and password, or .dockerconfigjson with an entry for the host; tls.crt and tls.key.
//
// Errors: InvalidArgument, without any value of the Secret.
Result<Credentials> credentials_of(const std::map<std::string, std::string>& secret, const std::string& host_url);

// Nothing below may ask the upstream: `server` becomes the mirror's own first host.
void close_upstream(Mirror& mirror);

// "https://registry-1.docker.io" for docker.io, else the upstream with https:// in front.
std::string upstream_url(const std::string& upstream);

// Where the CA of a host lies, in the words of the registry-mirror extension.
std::string ca_file_path(const std::string& upstream, const std::string& host_url);

}  // namespace gna::provision
