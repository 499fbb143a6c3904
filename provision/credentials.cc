// Credentials for a mirror, out of the three kinds of Secret that hold some.
#include <algorithm>
#include <optional>
#include <ranges>
#include <string_view>

#include "agent/yaml/reader.h"
#include "gna/base/digest.h"
#include "provision/ca_bundle.h"
#include "provision/mirror_config.h"

namespace gna::provision {
namespace {

using Values = std::map<std::string, std::string>;

std::unexpected<Error> wrong(std::string_view what) { return fail(Code::InvalidArgument, std::string(what)); }

const std::string* find(const Values& secret, const char* key) {
  const auto at = secret.find(key);
  return at == secret.end() ? nullptr : &at->second;
}

std::string_view authority(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

const std::string* text(const yaml::Node& node, std::string_view key) {
  const auto* member = node.find(key);
  return member == nullptr ? nullptr : member->text();
}

// Source: kubernetes.io/dockerconfigjson: auths, by host or URL; `auth` is base64 of user:password.
Result<void> take_docker_config(const std::string& json, const std::string& host_url, Credentials& into) {
  const auto document = yaml::read(json);
  const auto* auths = document ? document->root.find("auths") : nullptr;
  if (auths == nullptr || auths->map() == nullptr) return wrong("its .dockerconfigjson has no auths");
  const auto entry = std::ranges::find(*auths->map(), authority(host_url),
                                       [](const yaml::Member& member) { return authority(member.key); });
  if (entry == auths->map()->end()) return wrong("its .dockerconfigjson has no entry for the host");
  const auto *user = text(entry->value, "username"), *password = text(entry->value, "password");
  if (user != nullptr && password != nullptr) {
    into.user = *user;
    into.password = *password;
    return {};
  }
  const auto* both = text(entry->value, "auth");
  const auto decoded = both == nullptr ? std::nullopt : base64_decode(*both);
  const auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return wrong("its .dockerconfigjson has no user and password for the host");
  into.user = decoded->substr(0, colon);
  into.password = decoded->substr(colon + 1);
  return {};
}

// They end up in an HTTP header.
bool is_line(std::string_view value) {
  return std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Result<Credentials> credentials_of(const Values& secret, const std::string& host_url) {
  Credentials out;
  const auto *user = find(secret, "username"), *password = find(secret, "password");
  if ((user != nullptr) != (password != nullptr)) return wrong("its Secret has only one of username and password");
  if (user != nullptr) {
    out.user = *user;
    out.password = *password;
  } else if (const auto* json = find(secret, ".dockerconfigjson")) {
    GNA_TRY(take_docker_config(*json, host_url, out));
  }
  if (out.user.contains(':') || !is_line(out.user) || !is_line(out.password))
    return wrong("its user name or password has a character that Basic authentication cannot carry");

  const auto *certificate = find(secret, "tls.crt"), *key = find(secret, "tls.key");
  if ((certificate != nullptr) != (key != nullptr)) return wrong("its Secret has only one of tls.crt and tls.key");
  if (certificate != nullptr) {
    if (!check_ca_bundle(*certificate)) return wrong("its tls.crt is no PEM certificate");
    if (!key->contains("PRIVATE KEY-----")) return wrong("its tls.key is no PEM key");
    out.certificate = *certificate;
    out.key = *key;
  }
  if (out == Credentials{})
    return wrong("its Secret has none of username and password, .dockerconfigjson, tls.crt and tls.key");
  return out;
}

}  // namespace gna::provision
