#include "provision/mirror_rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "gna/base/digest.h"
#include "provision/mirror_config.h"

namespace gna::provision {
namespace {

namespace rules = osc::rules;

constexpr std::size_t kLongestUrl = 1024;
constexpr std::size_t kLongestName = 255;  // NAME_MAX
constexpr std::string_view kCaSuffix = "-ca-bundle.pem";

rules::WhyNot no(std::string code, std::string message) { return rules::Reason{std::move(code), std::move(message)}; }

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").contains(c);
}

bool is_port(std::string_view text) {
  int number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && at == text.data() + text.size() && text[0] != '0' && number >= 1 && number <= 65535;
}

rules::WhyNot why_not_authority(std::string_view authority) {
  if (authority.contains('@')) return no("credentials", "holds a user name or password");
  if (authority.starts_with('['))
    return no("unsupported", "is an IPv6 address: containerd's mirrors need a name or IPv4");
  const auto colon = authority.find(':');
  if (colon != std::string_view::npos && !is_port(authority.substr(colon + 1)))
    return no("invalid", "has a port that is none of 1 to 65535");
  const auto host = authority.substr(0, colon);
  if (host.empty()) return no("invalid", "has no host");
  if (!rules::is_dns_subdomain(host)) return no("invalid", "has a host that is no lower-case DNS name");
  return std::nullopt;
}

rules::WhyNot why_not_url_path(std::string_view path) {
  if (!std::ranges::all_of(path, is_plain))
    return no("invalid", "has a path with something else than letters, digits, - . _ ~ and /");
  if (path.contains("//")) return no("invalid", "has an empty path segment");
  for (const auto& part : std::views::split(path, '/')) {
    const std::string_view segment(part.begin(), part.end());
    if (segment == "." || segment == "..") return no("path-traversal", "has a . or .. in its path");
  }
  return std::nullopt;
}

std::string without(std::string_view text, std::string_view prefix) {
  return std::string(text.starts_with(prefix) ? text.substr(prefix.size()) : text);
}

}  // namespace

rules::WhyNot why_not_mirror_upstream(std::string_view upstream) {
  if (upstream == "_default") return no("invalid", "is _default, which is no registry");
  if (auto reason = rules::why_not_upstream(upstream)) return reason;
  if (upstream.size() > kLongestName) return no("too-long", fmt::format("has more than {} bytes", kLongestName));
  return std::nullopt;
}

rules::WhyNot why_not_mirror_url(std::string_view url) {
  if (url.empty()) return no("required", "is empty");
  if (url.size() > kLongestUrl) return no("too-long", fmt::format("has more than {} bytes", kLongestUrl));
  std::string_view rest = url;
  for (const std::string_view scheme : {"https://", "http://"})
    if (url.starts_with(scheme)) rest = url.substr(scheme.size());
  if (rest.size() == url.size()) return no("unsupported", "does not begin with http:// or https:// in lower case");
  const auto slash = std::min(rest.find('/'), rest.size());
  if (auto reason = why_not_authority(rest.substr(0, slash))) return reason;
  return why_not_url_path(rest.substr(slash));
}

std::string upstream_url(const std::string& upstream) {
  return "https://" + (upstream == "docker.io" ? "registry-1.docker.io" : upstream);
}

// Source: gardener-extension-registry-cache, pkg/webhook/mirror: names have to be the same for the agent
// to find its own files again.
std::string ca_file_path(const std::string& upstream, const std::string& host_url) {
  auto directory = upstream;
  std::ranges::replace(directory, ':', '-');
  auto host = without(without(host_url, "https://"), "http://");
  std::ranges::replace(host, ':', '-');
  std::ranges::replace(host, '/', '-');
  constexpr std::size_t kHash = 5;
  constexpr std::size_t kLongestHost = kLongestName - kCaSuffix.size();
  if (host.size() > kLongestHost)
    host = host.substr(0, kLongestHost - kHash - 1) + "-" + sha256_hex(host_url).substr(0, kHash);
  return fmt::format("/etc/containerd/certs.d/{}/{}{}", directory, host, kCaSuffix);
}

}  // namespace gna::provision
