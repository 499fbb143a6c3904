#include "provision/mirror_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "agent/osc/fields.h"
#include "agent/yaml/reader.h"
#include "gna/base/digest.h"
#include "provision/ca_bundle.h"
#include "provision/mirror_rules.h"

namespace gna::provision {
namespace {

using osc::Findings;
using osc::Object;
using osc::Path;

constexpr std::string_view kMirrorGroup = "mirror.extensions.gardener.cloud/v1alpha1";
constexpr std::string_view kCacheGroup = "registry.extensions.gardener.cloud/v1alpha3";
constexpr std::string_view kExtensionGroup = "extensions.gardener.cloud/v1alpha1";
constexpr const char* kBundleKey = "bundle.crt";
constexpr const char* kCacheCaPath = "/etc/containerd/certs.d/ca-bundle.pem";
constexpr const char* kCredentialsAnnotation = "gna.dev/credentials-secret";

// What holds across all documents.
struct Known {
  std::set<std::string> upstreams = {}, configured_caches = {};
  std::map<std::string, std::string> ca_files = {};  // path → PEM
};

class Reader {
 public:
  Reader(Findings& findings, const osc::Secrets& secrets, Known& known, MirrorConfigs& into)
      : findings_(findings), secrets_(secrets), known_(known), into_(into) {}

  void read(yaml::Node& root, const Path& path) {
    Object object(findings_, &root, path);
    std::string group, kind;
    if (!object.text("apiVersion", group) || !object.text("kind", kind) || !object.is_map()) return;
    if (group == kMirrorGroup && kind == "MirrorConfig") return read_mirrors(object, path);
    if (group == kCacheGroup && kind == "RegistryConfig") return read_caches(object);
    if (group == kCacheGroup && kind == "RegistryStatus") return read_cache_status(object, path);
    if (group == kExtensionGroup && kind == "Extension") return read_extension(object, path);
    findings_.refuse(object.at("kind"), path / "kind", "wrong-kind",
                     fmt::format("expected MirrorConfig, RegistryConfig, RegistryStatus or Extension, found {} of {}",
                                 osc::rules::shown(kind), osc::rules::shown(group)));
  }

 private:
  bool judge(const osc::rules::WhyNot& reason, yaml::Mark at, const Path& path, std::string_view subject) {
    if (reason) findings_.refuse(at, path, reason->code, fmt::format("{} {}", subject, reason->message));
    return !reason;
  }

  void read_mirrors(Object& object, const Path& path) {
    const auto credentials = credentials_secret(object, path);
    std::size_t count = 0;
    object.items("mirrors", [&](yaml::Node& item, const Path& at) {
      read_mirror(item, at, credentials);
      ++count;
    });
    if (count == 0) findings_.refuse(object.at("mirrors"), path / "mirrors", "required", "there is no mirror");
    object.finish();
  }

  std::optional<std::string> credentials_secret(Object& object, const Path& path) {
    std::optional<std::string> name;
    const Path metadata = path / "metadata", annotations = metadata / "annotations";
    if (auto* node = object.member("metadata"))
      if (auto* inner = Object(findings_, node, metadata).member("annotations"))
        Object(findings_, inner, annotations).text(kCredentialsAnnotation, name);
    return name;
  }

  void read_mirror(yaml::Node& node, const Path& path, const std::optional<std::string>& credentials) {
    Mirror mirror;
    Object object(findings_, &node, path);
    std::optional<bool> relevant;
    object.text("upstream", mirror.registry.upstream);
    object.flag("provisionRelevant", relevant);
    if (!object.is_map()) return;
    const auto& upstream = mirror.registry.upstream;
    // What follows is named after the upstream, so it has to be good first.
    if (!judge(why_not_mirror_upstream(upstream), object.at("upstream"), path / "upstream", "the upstream")) return;
    if (!known_.upstreams.insert(upstream).second)
      findings_.refuse(object.at("upstream"), path / "upstream", "duplicate", "this upstream is given twice");
    mirror.provision_relevant = relevant.value_or(false);
    mirror.registry.server = upstream_url(upstream);
    object.items("hosts", [&](yaml::Node& item, const Path& at) { read_host(item, at, credentials, mirror); });
    object.finish();
    if (mirror.registry.hosts.empty() && !findings_.any_error())
      findings_.refuse(object.at("hosts"), path / "hosts", "required", "there is no host");
    into_.mirrors.push_back(std::move(mirror));
  }

  void read_host(yaml::Node& node, const Path& path, const std::optional<std::string>& credentials, Mirror& mirror) {
    desired::RegistryHost host;
    Object object(findings_, &node, path);
    std::optional<bool> override_path;
    object.text("host", host.url);
    std::vector<yaml::Mark> marks;
    object.texts("capabilities", host.capabilities, &marks);
    object.flag("overridePath", override_path);
    host.override_path = override_path.value_or(false);
    auto* inline_ca = object.member("caBundle");
    std::optional<std::string> secret;
    object.text("caBundleSecretReferenceName", secret);
    object.finish();
    if (!object.is_map()) return;
    if (!judge(why_not_mirror_url(host.url), object.at("host"), path / "host", "the URL")) return;
    if (std::ranges::find(mirror.registry.hosts, host.url, &desired::RegistryHost::url) != mirror.registry.hosts.end())
      findings_.refuse(object.at("host"), path / "host", "duplicate", "this host is given twice");
    check_capabilities(host.capabilities, marks, path / "capabilities");
    if (inline_ca && secret)
      findings_.refuse(inline_ca->at, path / "caBundle", "contradiction",
                       "there is a caBundleSecretReferenceName, too: only one of them can hold");
    else if (inline_ca)
      read_inline_ca(*inline_ca, path / "caBundle", host, mirror);
    else if (secret)
      take_secret_ca(*secret, object.at("caBundleSecretReferenceName"), path / "caBundleSecretReferenceName", host,
                     mirror);
    if (credentials) take_credentials(*credentials, object.at("host"), path / "host", host.url, mirror);
    mirror.registry.hosts.push_back(std::move(host));
  }

  // Source: the API's default, before any agent sees it.
  void check_capabilities(std::vector<std::string>& capabilities, const std::vector<yaml::Mark>& marks,
                          const Path& path) {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < marks.size(); ++i) {
      if (capabilities[i] != "pull" && capabilities[i] != "resolve")
        findings_.refuse(marks[i], path[i], "unsupported", "is neither pull nor resolve");
      if (!seen.insert(capabilities[i]).second)
        findings_.refuse(marks[i], path[i], "duplicate", "this capability is given twice");
    }
    if (capabilities.empty()) capabilities = {"pull"};
  }

  void read_inline_ca(const yaml::Node& node, const Path& path, desired::RegistryHost& host, Mirror& mirror) {
    const auto* text = node.text();
    if (!text) return osc::refuse_type(findings_, node, path, "a string");
    const auto pem = base64_decode(*text);
    if (!pem) return findings_.refuse(node.at, path, "not-base64", "the CA bundle is not base64");
    add_ca(*pem, node.at, path, host, mirror);
  }

  void take_secret_ca(const std::string& name, yaml::Mark at, const Path& path, desired::RegistryHost& host,
                      Mirror& mirror) {
    if (const auto* pem = secret_value(name, kBundleKey, at, path)) add_ca(*pem, at, path, host, mirror);
  }

  const std::string* secret_value(const std::string& name, const char* key, yaml::Mark at, const Path& path) {
    const auto secret = secrets_.find(name);
    if (secret == secrets_.end()) {
      findings_.refuse(at, path, "no-secret",
                       fmt::format("there is no Secret {} (--secrets FILE)", osc::rules::shown(name)));
      return nullptr;
    }
    const auto value = secret->second.find(key);
    if (value == secret->second.end()) {
      findings_.refuse(at, path, "no-secret", fmt::format("Secret {} has no key {}", osc::rules::shown(name), key));
      return nullptr;
    }
    return &value->second;
  }

  void add_ca(const std::string& pem, yaml::Mark at, const Path& path, desired::RegistryHost& host, Mirror& mirror) {
    const auto checked = check_ca_bundle(pem);
    if (!checked) return findings_.refuse(at, path, "not-pem", "the CA bundle " + checked.error().message);
    const auto file = ca_file_path(mirror.registry.upstream, host.url);
    const auto known = known_.ca_files.try_emplace(file, pem).first;
    if (known->second != pem)
      return findings_.refuse(at, path, "contradiction", "another host's CA bundle has the same file name: " + file);
    host.ca_certs = {file};
    if (std::ranges::find(mirror.ca_files, file, &CaFile::path) == mirror.ca_files.end())
      mirror.ca_files.push_back(
          {.path = file, .pem = pem, .not_before = checked->not_before, .not_after = checked->not_after});
  }

  void take_credentials(const std::string& name, yaml::Mark at, const Path& path, const std::string& url,
                        Mirror& mirror) {
    const auto secret = secrets_.find(name);
    if (secret == secrets_.end())
      return findings_.refuse(
          at, path, "no-secret",
          fmt::format("there is no Secret {} for its credentials (--secrets FILE)", osc::rules::shown(name)));
    auto credentials = credentials_of(secret->second, url);
    if (!credentials) return findings_.refuse(at, path, "credentials", credentials.error().message);
    mirror.credentials.emplace(url, std::move(*credentials));
  }

  // The endpoint of a cache is known only once its Service exists: RegistryStatus tells it.
  void read_caches(Object& object) {
    object.items("caches", [&](yaml::Node& item, const Path& at) {
      Object cache(findings_, &item, at);
      std::string upstream;
      cache.text("upstream", upstream);
      if (judge(why_not_mirror_upstream(upstream), cache.at("upstream"), at / "upstream", "the upstream"))
        known_.configured_caches.insert(upstream);
    });
  }

  void read_cache_status(Object& object, const Path& path) {
    std::optional<std::string> secret;
    object.text("caSecretName", secret);
    const auto at_secret = object.at("caSecretName");
    object.items("caches", [&](yaml::Node& item, const Path& at) {
      read_cache(item, at, secret, at_secret, path / "caSecretName");
    });
  }

  void read_cache(yaml::Node& node, const Path& path, const std::optional<std::string>& secret, yaml::Mark at_secret,
                  const Path& secret_path) {
    Object object(findings_, &node, path);
    Mirror cache;
    std::string endpoint, remote;
    object.text("upstream", cache.registry.upstream);
    object.text("endpoint", endpoint);
    object.text("remoteURL", remote);
    object.finish();
    const auto& upstream = cache.registry.upstream;
    if (!object.is_map() ||
        !judge(why_not_mirror_upstream(upstream), object.at("upstream"), path / "upstream", "the upstream") ||
        !judge(osc::rules::why_not_url(endpoint), object.at("endpoint"), path / "endpoint", "the endpoint") ||
        !judge(osc::rules::why_not_url(remote), object.at("remoteURL"), path / "remoteURL", "the URL"))
      return;
    if (!known_.upstreams.insert(upstream).second)
      findings_.refuse(object.at("upstream"), path / "upstream", "duplicate", "this upstream is given twice");
    cache.registry.server = remote;
    cache.registry.readiness_probe = true;
    desired::RegistryHost host{.url = endpoint, .capabilities = {"pull", "resolve"}};
    if (endpoint.starts_with("https://") && secret)
      if (const auto* pem = secret_value(*secret, kBundleKey, at_secret, secret_path)) {
        const auto checked = check_ca_bundle(*pem);
        if (!checked)
          return findings_.refuse(at_secret, secret_path, "not-pem", "the CA bundle " + checked.error().message);
        if (known_.ca_files.try_emplace(kCacheCaPath, *pem).first->second != *pem)
          return findings_.refuse(at_secret, secret_path, "contradiction",
                                  std::string("another CA bundle has the same file name: ") + kCacheCaPath);
        host.ca_certs = {kCacheCaPath};
        cache.ca_files = {
            {.path = kCacheCaPath, .pem = *pem, .not_before = checked->not_before, .not_after = checked->not_after}};
      }
    cache.registry.hosts = {std::move(host)};
    into_.caches.push_back(std::move(cache));
  }

  void read_extension(Object& object, const Path& path) {
    const Path spec = path / "spec", config = spec / "providerConfig";
    const Path status = path / "status", provider_status = status / "providerStatus";
    if (auto* node = object.member("spec"))
      if (auto* inner = Object(findings_, node, spec).member("providerConfig")) read(*inner, config);
    if (auto* node = object.member("status"))
      if (auto* inner = Object(findings_, node, status).member("providerStatus")) read(*inner, provider_status);
  }

 private:
  Findings& findings_;
  const osc::Secrets& secrets_;
  Known& known_;
  MirrorConfigs& into_;
};

std::string said(const NamedDocument& document, const osc::Finding& finding) {
  return fmt::format("{}:{}:{}: {}{}{}", document.name, finding.line, finding.column, finding.field,
                     finding.field.empty() ? "" : ": ", finding.message);
}

// The first error, with how many more there are; or nothing, all being warnings.
Result<void> report(const NamedDocument& document, Findings& findings, MirrorConfigs& into) {
  std::vector<std::string> errors;
  for (const auto& finding : findings.take())
    (finding.severity == osc::Severity::error ? errors : into.warnings).push_back(said(document, finding));
  if (errors.empty()) return {};
  return fail(Code::InvalidArgument, errors.front(),
              errors.size() == 1 ? "" : fmt::format("{} more of its kind", errors.size() - 1));
}

}  // namespace

Result<MirrorConfigs> parse_mirrors(const std::vector<NamedDocument>& documents, const osc::Secrets& secrets) {
  MirrorConfigs out;
  Known known;
  for (const auto& document : documents) {
    auto trees = yaml::read_all(document.bytes);
    if (!trees) return std::unexpected(yaml::to_error(trees.error()).with(document.name));
    if (trees->empty()) return fail(Code::InvalidArgument, document.name + ": holds no document");
    Findings findings(osc::Trust::cluster);
    const Path path;
    for (auto& tree : *trees) Reader(findings, secrets, known, out).read(tree.root, path);
    GNA_TRY(report(document, findings, out));
  }
  for (const auto& upstream : known.configured_caches)
    if (!known.upstreams.contains(upstream))
      out.warnings.push_back(fmt::format(
          "the cache for {} is left out: only RegistryStatus, in the status of its Extension, knows the endpoint",
          upstream));
  return out;
}

void close_upstream(Mirror& mirror) { mirror.registry.server = mirror.registry.hosts.front().url; }

}  // namespace gna::provision
