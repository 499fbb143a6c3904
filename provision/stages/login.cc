#include "provision/stages/login.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include "agent/http/client.h"
#include "agent/yaml/reader.h"
#include "gna/base/digest.h"
#include "provision/encode.h"

namespace gna::provision {
namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::size_t kMostOfAToken = 1u << 20;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// key="value", with commas between them and perhaps inside the quotes.
std::map<std::string, std::string> parameters(std::string_view text) {
  std::map<std::string, std::string> out;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return out;
    const auto key = lower(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    const bool quoted = text.starts_with('"');
    if (quoted) text.remove_prefix(1);
    const auto end = std::min(text.find(quoted ? '"' : ','), text.size());
    out[key] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string query_value(std::string_view text) {
  auto out = percent_encode(text);
  for (std::size_t at = 0; (at = out.find('+', at)) != std::string::npos;) out.replace(at, 1, "%2B");
  return out;
}

// Where containerd will ask for the image at this host.
std::string manifest_url(const desired::RegistryHost& host, const std::string& image) {
  const auto slash = image.find('/');
  auto name = image.substr(slash + 1);
  std::string reference;
  if (const auto at = name.find('@'); at != std::string::npos) {
    reference = name.substr(at + 1);
    name.resize(at);
  }
  if (const auto colon = name.rfind(':'); colon != std::string::npos) {
    if (reference.empty()) reference = name.substr(colon + 1);
    name.resize(colon);
  }
  return fmt::format("{}{}/manifests/{}?ns={}", registry_url(host), name, reference,
                     query_value(image.substr(0, slash)));
}

// The host's CA or the system's, as in containerd.
Result<http::Response> ask(http::Request request, Deadline by) {
  auto answer = http::get(request, by);
  if (answer || answer.error().code != Code::Unavailable || request.trust.ca_pem.empty()) return answer;
  request.trust.ca_pem.clear();
  auto second = http::get(request, by);
  return second ? second : answer;
}

Result<std::string> token_in(const std::string& json) {
  const auto document = yaml::read(json);
  for (const char* key : {"token", "access_token"}) {
    const auto* value = document ? document->root.find(key) : nullptr;
    const auto* text = value == nullptr ? nullptr : value->text();
    if (text == nullptr || text->empty()) continue;
    // It ends up in an HTTP header.
    if (std::ranges::any_of(*text, [](unsigned char c) { return c <= ' ' || c > '~'; })) break;
    return *text;
  }
  return fail(Code::Corrupt, "the token server's answer holds no token");
}

}  // namespace

std::string registry_url(const desired::RegistryHost& host) {
  auto url = host.url;
  while (url.ends_with('/')) url.pop_back();
  if (!host.override_path && !url.ends_with("/v2")) url += "/v2";
  return url + "/";
}

std::vector<std::string> ca_pems(const Mirror& mirror, const desired::RegistryHost& host) {
  std::vector<std::string> out;
  for (const auto& path : host.ca_certs) {
    const auto ca = std::ranges::find(mirror.ca_files, path, &CaFile::path);
    if (ca != mirror.ca_files.end()) out.push_back(ca->pem);
  }
  return out;
}

Result<std::string> fetch_token(const Mirror& mirror, const desired::RegistryHost& host, const std::string& image,
                                Deadline by) {
  const auto& credentials = mirror.credentials.at(host.url);
  http::Request request{.url = manifest_url(host, image),
                        .trust = {.ca_pem = ca_pems(mirror, host)},
                        .redirects = 0,
                        .certificate_pem = credentials.certificate,
                        .key_pem = credentials.key};
  GNA_LET(asked, http::get(request, by));
  const auto challenge =
      std::ranges::find_if(asked.challenges, [](const std::string& text) { return lower(text).starts_with(kBearer); });
  if (asked.status != 401 || challenge == asked.challenges.end()) return std::string();

  auto said = parameters(std::string_view(*challenge).substr(kBearer.size()));
  request.url = said["realm"];
  if (host.url.starts_with("https://") && !request.url.starts_with("https://"))
    return fail(Code::PermissionDenied, "its token server would be asked without TLS");
  char separator = request.url.contains('?') ? '&' : '?';
  for (const char* key : {"service", "scope"})
    if (!said[key].empty()) {
      request.url += fmt::format("{}{}={}", separator, key, query_value(said[key]));
      separator = '&';
    }
  request.body_limit_bytes = kMostOfAToken;
  request.headers = {{"Authorization", "Basic " + base64_encode(credentials.user + ":" + credentials.password)}};
  GNA_LET(answer, ask(std::move(request), by));
  if (answer.status == 200) return token_in(answer.body);
  return fail(answer.status < 500 ? Code::PermissionDenied : Code::Unavailable,
              fmt::format("its token server gives status {}", answer.status));
}

}  // namespace gna::provision
