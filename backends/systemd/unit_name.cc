#include "backends/systemd/unit_name.h"

#include <algorithm>
#include <array>
#include <optional>

namespace gna::systemd {

namespace {

constexpr std::size_t kLongest = 255;

constexpr std::array<std::string_view, 11> kSuffixes = {"service",   "mount", "swap", "socket", "target", "device",
                                                        "automount", "timer", "path", "slice",  "scope"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_byte(char c) { return is_digit(c) || is_letter(c) || std::string_view(":-_.\\@").contains(c); }

std::optional<int> hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

std::string_view without_suffix(std::string_view name) { return name.substr(0, name.rfind('.')); }

}  // namespace

bool is_unit_name(std::string_view name) {
  if (name.empty() || name.size() > kLongest) return false;
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.front() == '@') return false;
  if (std::ranges::find(kSuffixes, name.substr(dot + 1)) == kSuffixes.end()) return false;
  return std::ranges::all_of(name.substr(0, dot), is_name_byte);
}

bool is_template(std::string_view name) {
  const auto stem = without_suffix(name);
  return is_unit_name(name) && stem.find('@') == stem.size() - 1;
}

bool is_instance(std::string_view name) { return is_unit_name(name) && !unit_instance(name).empty(); }

std::string_view unit_suffix(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

std::string_view unit_prefix(std::string_view name) {
  const auto stem = without_suffix(name);
  return stem.substr(0, stem.find('@'));
}

std::string_view unit_instance(std::string_view name) {
  const auto stem = without_suffix(name);
  const auto at = stem.find('@');
  return at == std::string_view::npos ? std::string_view() : stem.substr(at + 1);
}

std::string template_of(std::string_view instance) {
  return std::string(unit_prefix(instance)) + "@." + std::string(unit_suffix(instance));
}

std::string instantiate(std::string_view unit_template, std::string_view instance) {
  return std::string(unit_prefix(unit_template)) + "@" + std::string(instance) + "." +
         std::string(unit_suffix(unit_template));
}

bool may_have_aliases(std::string_view name) {
  constexpr std::array<std::string_view, 6> kKinds = {"service", "socket", "target", "device", "timer", "path"};
  return std::ranges::find(kKinds, unit_suffix(name)) != kKinds.end();
}

bool is_alias_fit(std::string_view alias, std::string_view unit) {
  if (!is_unit_name(alias) || unit_suffix(alias) != unit_suffix(unit) || !may_have_aliases(unit)) return false;
  if (is_template(unit)) return is_template(alias) || is_instance(alias);
  if (is_instance(unit)) return is_instance(alias) && unit_instance(alias) == unit_instance(unit);
  return !is_template(alias) && !is_instance(alias);
}

std::string unescape_unit_name(std::string_view escaped) {
  std::string out;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] == '-') {
      out += '/';
    } else if (escaped[i] == '\\' && i + 3 < escaped.size() && escaped[i + 1] == 'x' && hex_value(escaped[i + 2]) &&
               hex_value(escaped[i + 3])) {
      out += static_cast<char>(*hex_value(escaped[i + 2]) * 16 + *hex_value(escaped[i + 3]));
      i += 3;
    } else {
      out += escaped[i];
    }
  }
  return out;
}

std::string unit_object_path(std::string_view name) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "/org/freedesktop/systemd1/unit/";
  if (name.empty()) return out + "_";
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (is_letter(c) || (is_digit(c) && i > 0)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '_';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace gna::systemd
