#include "agent/osc/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ranges>

namespace gna::osc::rules {

namespace {

constexpr std::size_t kLongestPath = 4095;
constexpr std::size_t kLongestName = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// The C1 controls, two bytes in UTF-8, move a terminal's cursor as well.
bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text[i])) return true;
    if (text[i] == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

WhyNot no(std::string code, std::string message) { return Reason{std::move(code), std::move(message)}; }

WhyNot why_not_printable(std::string_view text) {
  if (text.contains('\0')) return no("nul", "has a NUL byte");
  if (has_control(text)) return no("control-character", "has a control character");
  return std::nullopt;
}

bool has_component(std::string_view path, std::string_view wanted) {
  return std::ranges::any_of(std::views::split(path, '/'), [wanted](const auto& part) {
    return std::string_view(part.begin(), part.end()) == wanted;
  });
}

bool is_below(std::string_view path, std::string_view directory) {
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

struct Url {
  std::string_view scheme;
  std::string_view user_info;
  std::string_view host;
  std::string_view port;
  bool has_user_info = false;
};

std::optional<Url> split(std::string_view url) {
  Url out;
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  out.scheme = url.substr(0, colon);
  std::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    out.has_user_info = true;
    out.user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.host = authority.substr(0, port);
  if (port != std::string_view::npos) out.port = authority.substr(port + 1);
  return out;
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text[0] == '0' || !std::ranges::all_of(text, is_digit)) return false;
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number <= 65535;
}

// domain-component: letters, digits, hyphens inside.
bool is_domain(std::string_view text) {
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    const auto port = text.substr(colon + 1);
    if (port.empty() || !std::ranges::all_of(port, is_digit)) return false;
    text = text.substr(0, colon);
  }
  if (text.starts_with('[') && text.ends_with(']'))
    return text.size() > 2 &&
           std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) { return is_alnum(c) || c == ':'; });
  if (text.empty()) return false;
  return std::ranges::all_of(std::views::split(text, '.'), [](const auto& part) {
    const std::string_view label(part.begin(), part.end());
    return !label.empty() && is_alnum(label.front()) && is_alnum(label.back()) &&
           std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
  });
}

// path-component: [a-z0-9]+((\.|_|__|-*)[a-z0-9]+)*
bool is_repository_component(std::string_view text) {
  const auto word = [](char c) { return is_lower(c) || is_digit(c); };
  if (text.empty() || !word(text.front()) || !word(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (word(text[i])) {
      ++i;
      continue;
    }
    const auto end = std::min(text.find_first_not_of(text[i], i), text.size());
    const auto count = end - i;
    const bool fits = (text[i] == '.' && count == 1) || (text[i] == '_' && count <= 2) || text[i] == '-';
    if (!fits || !word(text[end])) return false;
    i = end;
  }
  return true;
}

bool is_tag(std::string_view text) {
  const auto word = [](char c) { return is_alnum(c) || c == '_'; };
  return !text.empty() && text.size() <= 128 && word(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool is_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto hex = text.substr(colon + 1);
  const auto algorithm = text.substr(0, colon);
  if (!std::ranges::all_of(hex, is_hex)) return false;
  if (algorithm == "sha256") return hex.size() == 64;
  if (algorithm == "sha512") return hex.size() == 128;
  return hex.size() >= 32 && std::ranges::all_of(algorithm, [](char c) {
           return is_alnum(c) || c == '+' || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

WhyNot why_not_file_path(std::string_view path) {
  if (path.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(path)) return reason;
  if (!path.starts_with('/')) return no("not-absolute", "is not absolute");
  if (has_component(path, "..")) return no("path-traversal", "has a .. in it");
  if (path == "/") return no("not-a-file", "is the root directory");
  if (path.ends_with('/')) return no("not-a-file", "ends in a slash: that is a directory");
  if (path.contains("//") || has_component(path, "."))
    return no("not-clean", "has an empty component or a single dot in it");
  if (path.size() > kLongestPath) return no("too-long", fmt::format("has more than {} bytes", kLongestPath));
  if (std::ranges::any_of(std::views::split(path, '/'), [](const auto& part) {
        return static_cast<std::size_t>(std::ranges::distance(part)) > kLongestName;
      }))
    return no("too-long", fmt::format("has a component of more than {} bytes", kLongestName));
  for (const std::string_view kernel : {"/proc", "/sys", "/dev"})
    if (is_below(path, kernel)) return no("reserved", fmt::format("lies below {}, which the kernel serves", kernel));
  static constexpr std::string_view kRecords = "/var/lib/gardener-node-agent/gna";
  static constexpr std::array<std::string_view, 5> kState = {
      "/var/lib/gardener-node-agent/last-applied-osc.yaml",
      "/var/lib/gardener-node-agent/last-computed-osc-changes.yaml", "/var/lib/gardener-node-agent/provision-state",
      "/var/lib/gardener-node-agent/provision-order", kRecords};
  if (std::ranges::any_of(kState, [path](std::string_view state) { return is_below(path, state); }))
    return no("reserved", "is a state file of the agent");
  if (is_below(kRecords, path)) return no("reserved", "is a folder above the agent's state files");
  return std::nullopt;
}

WhyNot why_not_unit_name(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kTypes = {
      "service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"};
  if (name.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(name)) return reason;
  if (name.contains('/')) return no("path-traversal", "has a slash");
  if (name.size() > kLongestName) return no("too-long", fmt::format("has more than {} bytes", kLongestName));
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || std::ranges::find(kTypes, name.substr(dot + 1)) == kTypes.end())
    return no("unit-type", "does not end in the suffix of a unit type");
  const std::string_view stem = name.substr(0, dot);
  if (stem.empty() || stem.starts_with('@')) return no("invalid", "is nothing but a suffix");
  if (name.starts_with("--")) return no("invalid", "looks like a command-line option");
  if (!std::ranges::all_of(name, [](char c) { return is_alnum(c) || std::string_view(":-_.\\@").contains(c); }))
    return no("invalid", "has a character that systemd does not allow in unit names");
  return std::nullopt;
}

bool is_template(std::string_view unit_name) {
  const auto at = unit_name.find('@');
  return at != std::string_view::npos && unit_name.rfind('.') == at + 1;
}

WhyNot why_not_drop_in_name(std::string_view name) {
  if (name.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(name)) return reason;
  if (name.contains('/') || name == "." || name == "..") return no("path-traversal", "is no plain file name");
  if (name.size() > kLongestName) return no("too-long", fmt::format("has more than {} bytes", kLongestName));
  return std::nullopt;
}

WhyNot why_not_upstream(std::string_view upstream) {
  if (upstream == "_default") return std::nullopt;
  if (upstream.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(upstream)) return reason;
  std::string_view host = upstream;
  if (const auto colon = upstream.find(':'); colon != std::string_view::npos) {
    const auto port = upstream.substr(colon + 1);
    if (!is_port(port) && std::ranges::all_of(port, is_digit) && is_dns_subdomain(upstream.substr(0, colon)))
      return no("invalid", "has a port that is none of 1 to 65535");
    host = is_port(port) ? upstream.substr(0, colon) : std::string_view();
  }
  if (!is_dns_subdomain(host)) return no("invalid", "is neither _default nor a host with an optional port");
  return std::nullopt;
}

WhyNot why_not_url(std::string_view url) {
  if (url.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(url)) return reason;
  if (std::ranges::any_of(url, [](char c) {
        return static_cast<unsigned char>(c) > 0x7e || std::string_view(" \"<>\\^`{|}").contains(c);
      }))
    return no("invalid", "has a character that URLs do not have");
  const auto parts = split(url);
  if (!parts || (parts->scheme != "http" && parts->scheme != "https"))
    return no("unsupported", "does not begin with http:// or https://");
  const bool literal = parts->host.starts_with('[');
  const bool host_ok = literal ? parts->host.ends_with(']') && parts->host.size() > 2 && is_domain(parts->host)
                               : !parts->host.empty() && !parts->host.contains('[') && !parts->host.contains(']');
  if (!host_ok) return no("invalid", "has no host");
  const auto end_of_host = static_cast<std::size_t>(parts->host.data() + parts->host.size() - url.data());
  if (end_of_host < url.size() && url[end_of_host] == ':' && !is_port(parts->port))
    return no("invalid", "has a port that is none of 1 to 65535");
  return std::nullopt;
}

bool has_user_info(std::string_view url) {
  const auto parts = split(url);
  return parts && parts->has_user_info;
}

std::string without_user_info(std::string_view url) {
  const auto parts = split(url);
  if (!parts || !parts->has_user_info) return std::string(url);
  const auto begin = static_cast<std::size_t>(parts->user_info.data() - url.data());
  return fmt::format("{}***{}", url.substr(0, begin), url.substr(begin + parts->user_info.size()));
}

WhyNot why_not_ca_path(std::string_view path) {
  if (path.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(path)) return reason;
  if (has_component(path, "..")) return no("path-traversal", "has a .. in it");
  if (path.ends_with('/')) return no("not-a-file", "ends in a slash: that is a directory");
  if (path.size() > kLongestPath) return no("too-long", fmt::format("has more than {} bytes", kLongestPath));
  return std::nullopt;
}

WhyNot why_not_image(std::string_view image) {
  if (image.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(image)) return reason;
  auto bad = no("invalid", "is no image reference");
  if (const auto at = image.find('@'); at != std::string_view::npos) {
    if (!is_digest(image.substr(at + 1))) return bad;
    image = image.substr(0, at);
  }
  const auto last_slash = image.rfind('/');
  const auto tag = image.find(':', last_slash == std::string_view::npos ? 0 : last_slash);
  if (tag != std::string_view::npos) {
    if (!is_tag(image.substr(tag + 1))) return bad;
    image = image.substr(0, tag);
  }
  // What stands before the first slash is a host if it looks like one, else part of the name.
  if (const auto slash = image.find('/'); slash != std::string_view::npos) {
    const auto first = image.substr(0, slash);
    const bool host = first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
                      std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (host) {
      if (!is_domain(first)) return bad;
      image.remove_prefix(slash + 1);
    }
  }
  if (image.size() > 255) return no("too-long", "has a name of more than 255 bytes");
  const bool good = std::ranges::all_of(std::views::split(image, '/'), [](const auto& part) {
    return is_repository_component(std::string_view(part.begin(), part.end()));
  });
  if (good) return std::nullopt;
  return bad;
}

WhyNot why_not_path_in_image(std::string_view path) {
  if (path.empty()) return no("required", "is empty");
  if (auto reason = why_not_printable(path)) return reason;
  if (has_component(path, "..")) return no("path-traversal", "has a .. in it");
  if (path.ends_with('/') || path.ends_with("/.") || path == ".") return no("not-a-file", "is a directory");
  if (path.size() > kLongestPath) return no("too-long", fmt::format("has more than {} bytes", kLongestPath));
  return std::nullopt;
}

bool is_dns_label(std::string_view name) {
  const auto word = [](char c) { return is_lower(c) || is_digit(c); };
  return !name.empty() && name.size() <= 63 && word(name.front()) && word(name.back()) &&
         std::ranges::all_of(name, [&](char c) { return word(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view name) {
  const auto word = [](char c) { return is_lower(c) || is_digit(c); };
  if (name.empty() || name.size() > 253) return false;
  return std::ranges::all_of(std::views::split(name, '.'), [&](const auto& part) {
    const std::string_view label(part.begin(), part.end());
    return !label.empty() && word(label.front()) && word(label.back()) &&
           std::ranges::all_of(label, [&](char c) { return word(c) || c == '-'; });
  });
}

bool is_secret_key(std::string_view key) {
  return !key.empty() && key.size() <= 253 && key != "." && !key.starts_with("..") &&
         std::ranges::all_of(key, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_version(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto suffix = version.find_first_of("-+");
  const auto numbers = version.substr(0, suffix);
  if (suffix != std::string_view::npos) {
    const auto rest = version.substr(suffix + 1);
    if (rest.empty() ||
        !std::ranges::all_of(rest, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '+'; }))
      return false;
  }
  int count = 0;
  for (const auto part : std::views::split(numbers, '.')) {
    const std::string_view digits(part.begin(), part.end());
    if (digits.empty() || digits.size() > 19 || !std::ranges::all_of(digits, is_digit)) return false;
    ++count;
  }
  return count >= 1 && count <= 3;
}

std::optional<std::string> utc_time(std::string_view time) {
  // 2026-08-01T12:00:00[.5](Z|+02:00)
  const auto number = [&time](std::size_t digits) -> int {
    const auto front = time.substr(0, digits);
    if (front.size() < digits || !std::ranges::all_of(front, is_digit)) return -1;
    time.remove_prefix(digits);
    int value = 0;
    for (const char digit : front) value = value * 10 + (digit - '0');
    return value;
  };
  const auto skip = [&time](char wanted) {
    if (!time.starts_with(wanted)) return false;
    time.remove_prefix(1);
    return true;
  };
  const int year = number(4);
  if (year < 0 || !skip('-')) return std::nullopt;
  const int month = number(2);
  if (month < 1 || !skip('-')) return std::nullopt;
  const int day = number(2);
  if (day < 1 || !skip('T')) return std::nullopt;
  const int hour = number(2);
  if (hour < 0 || hour > 23 || !skip(':')) return std::nullopt;
  const int minute = number(2);
  if (minute < 0 || minute > 59 || !skip(':')) return std::nullopt;
  const int second = number(2);
  if (second < 0 || second > 59) return std::nullopt;
  if (skip('.') || skip(',')) {
    if (time.empty() || !is_digit(time.front())) return std::nullopt;
    while (!time.empty() && is_digit(time.front())) time.remove_prefix(1);
  }
  int offset_minutes = 0;
  if (!skip('Z')) {
    const int sign = skip('+') ? 1 : skip('-') ? -1 : 0;
    const int hours = number(2);
    if (sign == 0 || hours < 0 || hours > 24 || !skip(':')) return std::nullopt;
    const int minutes = number(2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset_minutes = sign * (hours * 60 + minutes);
  }
  if (!time.empty()) return std::nullopt;

  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const auto utc = sys_days(date) + hours(hour) + minutes(minute - offset_minutes) + seconds(second);
  const auto utc_day = floor<days>(utc);
  const year_month_day utc_date(utc_day);
  const hh_mm_ss clock(floor<seconds>(utc - utc_day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(utc_date.year()),
                     static_cast<unsigned>(utc_date.month()), static_cast<unsigned>(utc_date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string shown(std::string_view text) {
  static constexpr std::size_t kMost = 80;
  std::size_t end = std::min(text.size(), kMost);
  // A character cut in the middle would be no UTF-8.
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  std::string out = "\"";
  for (std::size_t i = 0; i < end; ++i) {
    const char c = text[i];
    if (c == '\n')
      out += "\\n";
    else if (is_control(c))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else if (c == '\xc2' && i + 1 < end && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    else
      out += c;
  }
  return out + (end < text.size() ? "...\"" : "\"");
}

}  // namespace gna::osc::rules
