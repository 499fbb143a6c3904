#include "agent/yaml/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace gna::yaml {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<bool> boolean(std::string_view plain) {
  static constexpr std::array kTrue = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  static constexpr std::array kFalse = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  const auto is = [plain](const char* word) { return plain == word; };
  if (std::ranges::any_of(kTrue, is)) return true;
  if (std::ranges::any_of(kFalse, is)) return false;
  return std::nullopt;
}

bool is_null(std::string_view plain) {
  return plain.empty() || plain == "~" || plain == "null" || plain == "Null" || plain == "NULL";
}

std::optional<double> special(std::string_view plain) {
  if (plain == ".nan" || plain == ".NaN" || plain == ".NAN") return std::numeric_limits<double>::quiet_NaN();
  const bool negative = plain.starts_with('-');
  if (negative || plain.starts_with('+')) plain.remove_prefix(1);
  if (plain != ".inf" && plain != ".Inf" && plain != ".INF") return std::nullopt;
  return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

// Go's strconv.ParseInt and ParseUint with base 0.
std::optional<Node> integer(std::string_view digits) {
  const bool negative = digits.starts_with('-');
  const bool with_sign = negative || digits.starts_with('+');
  if (with_sign) digits.remove_prefix(1);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  static constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (negative) {
    if (magnitude > kLargest + 1) return std::nullopt;
    return Node(static_cast<std::int64_t>(~magnitude + 1));
  }
  if (magnitude <= kLargest) return Node(static_cast<std::int64_t>(magnitude));
  if (with_sign) return std::nullopt;
  return Node(magnitude);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
std::optional<Node> real(std::string_view text) {
  const std::string_view whole = text;
  const auto skip_digits = [&text] {
    const auto end = std::ranges::find_if_not(text, is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
  };
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto before = skip_digits();
  std::size_t behind = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    behind = skip_digits();
  }
  if (before + behind == 0) return std::nullopt;
  bool tiny = false;  // an exponent below zero
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    tiny = text.starts_with('-');
    if (tiny || text.starts_with('+')) text.remove_prefix(1);
    if (skip_digits() == 0) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;

  std::string_view digits = whole;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  // As Go: too small is zero, too great is no number.
  if (error == std::errc::result_out_of_range) return tiny ? std::optional<Node>(Node(0.0)) : std::nullopt;
  if (error != std::errc()) return std::nullopt;
  return Node(number);
}

// A run of at most `most` digits off the front, if its value lies within the bounds.
bool take(std::string_view& text, std::size_t most, int low, int high) {
  std::size_t count = 0;
  int number = 0;
  while (count < text.size() && count < most && is_digit(text[count])) number = number * 10 + (text[count++] - '0');
  if (count == 0 || number < low || number > high) return false;
  text.remove_prefix(count);
  return true;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::integer:
    case Kind::natural:
    case Kind::real: return "a number";
    case Kind::text: return "a string";
    case Kind::list: return "a list";
    case Kind::map: return "a map";
  }
  return "nothing";
}

bool is_timestamp(std::string_view text) {
  int year = 0;
  const auto [year_end, error] = std::from_chars(text.data(), text.data() + text.size(), year);
  if (error != std::errc() || year_end != text.data() + 4 || !is_digit(text[0])) return false;
  text.remove_prefix(4);
  if (!take(text, '-')) return false;
  const std::string_view at_month = text;
  if (!take(text, 2, 1, 12)) return false;
  const int month = std::stoi(std::string(at_month.substr(0, at_month.size() - text.size())));
  static constexpr std::array kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int days = month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
  if (!take(text, '-') || !take(text, 2, 1, days)) return false;
  if (text.empty()) return true;
  const bool zoned = text[0] == 'T' || text[0] == 't';
  if (!zoned && text[0] != ' ') return false;
  text.remove_prefix(1);
  if (!take(text, 2, 0, 23) || !take(text, ':') || !take(text, 2, 0, 59) || !take(text, ':') || !take(text, 2, 0, 59))
    return false;
  if ((text.starts_with('.') || text.starts_with(',')) && text.size() > 1 && is_digit(text[1])) {
    text.remove_prefix(1);
    while (!text.empty() && is_digit(text[0])) text.remove_prefix(1);
  }
  if (!zoned) return text.empty();
  if (text == "Z") return true;
  if (!take(text, '+') && !take(text, '-')) return false;
  return text.size() == 5 && take(text, 2, 0, 24) && take(text, ':') && take(text, 2, 0, 60) && text.empty();
}

std::optional<Node> resolve(std::string_view plain) {
  if (is_null(plain)) return Node();
  const char first = plain[0];
  if (is_digit(first) || first == '+' || first == '-') {
    if (is_timestamp(plain)) return std::nullopt;
    if (const auto number = special(plain)) return Node(*number);
    std::string without;
    if (plain.contains('_')) {
      std::ranges::copy_if(plain, std::back_inserter(without), [](char c) { return c != '_'; });
      plain = without;
    }
    if (auto number = integer(plain)) return number;
    return real(plain);
  }
  if (first == '.') {
    if (const auto number = special(plain)) return Node(*number);
    return real(plain);
  }
  if (const auto flag = boolean(plain)) return Node(*flag);
  return std::nullopt;
}

std::string json_number(double number) {
  const double size = std::fabs(number);
  std::array<char, 400> out{};
  const auto print = [&](std::chars_format format) {
    return std::string(out.data(), std::to_chars(out.data(), out.data() + out.size(), number, format).ptr);
  };
  if (size == 0 || (size >= 1e-6 && size < 1e15)) return print(std::chars_format::fixed);
  std::string text = print(std::chars_format::scientific);
  if (size >= 1e15 && size < 1e21) {
    // Go fills the shortest digits up with zeros, to_chars would give all digits of the binary number.
    const auto e = text.find('e');
    int exponent = 0;
    std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
    text.resize(e);
    if (const auto point = text.find('.'); point != std::string::npos) text.erase(point, 1);
    const auto digits = static_cast<std::size_t>(exponent) + 1 + (number < 0 ? 1 : 0);
    if (text.size() < digits) text.append(digits - text.size(), '0');
    // Seventeen digits may reach behind the point.
    if (text.size() > digits) text.insert(digits, 1, '.');
    return text;
  }
  // e-09 is written e-9
  if (const auto at = text.find("e-0"); at != std::string::npos) text.erase(at + 2, 1);
  return text;
}

std::string yaml_number(double number) {
  std::array<char, 400> out{};
  const auto print = [&](std::chars_format format) {
    return std::string(out.data(), std::to_chars(out.data(), out.data() + out.size(), number, format).ptr);
  };
  std::string text = print(std::chars_format::scientific);
  int exponent = 0;
  if (const auto at = text.find('e'); at != std::string::npos) {
    const char* begin = text.data() + at + 1;
    if (*begin == '+') ++begin;
    std::from_chars(begin, text.data() + text.size(), exponent);
  }
  return exponent < -4 || exponent >= 6 ? text : print(std::chars_format::fixed);
}

}  // namespace gna::yaml
