#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "agent/http/client.h"

namespace gna::http {

namespace {

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool valid_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
}

// "https" of "https://x", lower case; nullopt where there is none.
std::optional<std::string> scheme_of(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  // A "://" in a path or query is no scheme.
  if (text.substr(0, colon).find_first_of("/?#") != std::string_view::npos) return std::nullopt;
  return lower(text.substr(0, colon));
}

// Path without "." and "..", as RFC 3986 5.2.4 has it.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const auto next = path.find('/', 1);
    const auto segment = path.substr(0, next);
    const bool last = next == std::string_view::npos;
    if (segment == "/.") {
      if (last) out += '/';
    } else if (segment == "/..") {
      out.erase(std::min(out.rfind('/'), out.size()));
      if (last) out += '/';
    } else {
      out += segment;
    }
    path.remove_prefix(last ? path.size() : next);
  }
  return out.empty() ? "/" : out;
}

}  // namespace

std::string Url::text() const {
  const bool usual = port == (tls ? "443" : "80");
  const bool bracket = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (bracket ? "[" + host + "]" : host) + (usual ? "" : ":" + port) + target;
}

Result<Url> parse_url(std::string_view text) {
  if (!printable(text)) return fail(Code::InvalidArgument, "URL with blanks or control characters");
  const auto scheme = scheme_of(text);
  if (!scheme || (*scheme != "http" && *scheme != "https"))
    return fail(Code::InvalidArgument, "URL is neither http:// nor https://");
  Url url{.tls = *scheme == "https"};
  text.remove_prefix(scheme->size() + 3);
  text = text.substr(0, text.find('#'));

  const auto authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  const std::string_view rest = text.substr(authority_end);
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return fail(Code::InvalidArgument, "URL with an unclosed [");
    url.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return fail(Code::InvalidArgument, "URL with text behind ]");
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (url.host.empty()) return fail(Code::InvalidArgument, "URL without a host");
  if (port.starts_with(':')) port.remove_prefix(1);
  url.port = port.empty() ? (url.tls ? "443" : "80") : std::string(port);
  if (!valid_port(url.port)) return fail(Code::InvalidArgument, "URL with a port that is none");
  return url;
}

Result<Url> resolve(const Url& base, std::string_view location) {
  if (scheme_of(location)) return parse_url(location);
  if (!printable(location) || location.empty()) return fail(Code::InvalidArgument, "Location that is no URL");
  if (location.starts_with("//")) return parse_url((base.tls ? "https:" : "http:") + std::string(location));
  location = location.substr(0, location.find('#'));

  Url url = base;
  const std::string_view base_path = std::string_view(base.target).substr(0, base.target.find('?'));
  const auto query = std::min(location.find('?'), location.size());
  const std::string_view path = location.substr(0, query);
  if (path.empty())
    url.target = std::string(base_path);
  else if (path.starts_with('/'))
    url.target = without_dots(path);
  else
    url.target = without_dots(std::string(base_path.substr(0, base_path.rfind('/') + 1)) + std::string(path));
  url.target += location.substr(query);
  return url;
}

}  // namespace gna::http
