#include "agent/containerd/toml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <toml.hpp>

#include "gna/base/utf8.h"

namespace gna::containerd::toml {
namespace {

// toml11 takes the last element of an empty array for `x = []` followed by `[x.y]`.
template <typename T>
class CheckedVector : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  T& back() {
    if (this->empty()) throw std::out_of_range("a table below an empty array");
    return std::vector<T>::back();
  }
};

template <typename... Args>
using Elements = CheckedVector<Args...>;
using Parsed = ::toml::basic_value<::toml::discard_comments, std::map, Elements>;

std::unexpected<Error> bad(std::string what) { return fail(Code::InvalidArgument, std::move(what)); }

// Prepares a text for toml11, which is recursive, and for each value looks at its whole line.
//
// Strings and comments are stepped over; where the text is no TOML the outcome may be off, but then the
// parser stops there too.
class Preparation {
 public:
  explicit Preparation(std::string_view text) : text_(text) {}

  // The text with each element of an array on its own line.
  // Errors: InvalidArgument for nesting over kMaxDepth, and for lines that would take seconds.
  Result<std::string> run() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      switch (c) {
        case '"':
        case '\'': step_over(string_length()); break;
        case '#': step_over(std::min(text_.find('\n', at_), text_.size()) - at_); break;
        case '[':
        case '{': open(c); break;
        case ']':
        case '}': close(); break;
        // Each dot of a key is one more table, around the value too; a number's counts for little.
        case '.': ++level_; break;
        case '0':
          if (binary_digits() > kMaxBinaryDigits) return bad("a binary number of more than 62 digits");
          break;
        case ',':
          level_ = inside();
          if (!open_.empty() && open_.back().bracket == '[') {
            out_ += ',';
            end_line();
            out_ += '\n';
            continue;
          }
          ++values_;
          break;
        case '\n':
          level_ = inside();
          end_line();
          break;
        default: break;
      }
      if (level_ > kMaxDepth) return bad("nested deeper than 64 levels");
      if (work_ > kMaxWork) return bad("too many values in one line");
      out_ += text_[at_];
    }
    end_line();
    if (work_ > kMaxWork) return bad("too many values in one line");
    return std::move(out_);
  }

 private:
  static constexpr std::size_t kMaxBinaryDigits = 62;   // toml11 counts one power of two further than it needs
  static constexpr std::size_t kMaxWork = 100'000'000;  // characters looked at: about 0.1 s

  struct Open {
    char bracket = '[';
    int level = 0;  // around it
  };

  int inside() const { return open_.empty() ? 0 : open_.back().level + 1; }

  void open(char bracket) {
    open_.push_back({bracket, level_});
    ++level_;
    ++values_;
  }

  void close() {
    if (open_.empty()) return;
    level_ = open_.back().level;
    open_.pop_back();
  }

  void end_line() {
    work_ += (out_.size() - line_begin_) * values_;
    values_ = 1;
    line_begin_ = out_.size();
  }

  // Of the number that begins here.
  std::size_t binary_digits() const {
    const auto rest = text_.substr(at_);
    if (!rest.starts_with("0b")) return 0;
    const auto digits = rest.substr(2, rest.find_first_not_of("01_", 2) - 2);
    return static_cast<std::size_t>(std::ranges::count_if(digits, [](char c) { return c != '_'; }));
  }

  // All but the last character, which the loop adds.
  void step_over(std::size_t length) {
    out_ += text_.substr(at_, length - 1);
    at_ += length - 1;
  }

  std::size_t string_length() const {
    const std::string_view rest = text_.substr(at_);
    const char quote = rest.front();
    const bool escapes = quote == '"';
    const bool multi_line = rest.size() >= 3 && rest[1] == quote && rest[2] == quote;
    for (std::size_t i = multi_line ? 3 : 1; i < rest.size(); ++i) {
      if (escapes && rest[i] == '\\') {
        ++i;
      } else if (!multi_line && rest[i] == quote) {
        return i + 1;
      } else if (!multi_line && rest[i] == '\n') {
        return i;  // no string: the loop has to see the break
      } else if (multi_line && rest.substr(i, 3) == rest.substr(0, 3)) {
        i += 3;
        // Up to two quotes more belong to the text.
        for (int more = 0; more < 2 && i < rest.size() && rest[i] == quote; ++more) ++i;
        return i;
      }
    }
    return rest.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int level_ = 0;
  std::vector<Open> open_ = {};
  std::string out_ = {};
  std::size_t line_begin_ = 0;
  std::size_t values_ = 1;
  std::size_t work_ = 0;
};

std::string source_text(const Parsed& value) {
  const auto* region = ::toml::detail::get_region(value);
  return region ? region->str() : std::string();
}

// toml11 reads a number that is too large as the largest one.
bool holds(std::string text, std::int64_t value) {
  std::erase(text, '_');
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (text.starts_with("0b")) base = 2;
  if (base != 10) text.erase(0, 2);
  std::uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (magnitude > kMax + (negative ? 1 : 0)) return false;
  return static_cast<std::uint64_t>(value) == (negative ? 0 - magnitude : magnitude);
}

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Result<Value> convert(const Parsed& from) {
  Value out;
  if (const auto* region = dynamic_cast<const ::toml::detail::region*>(::toml::detail::get_region(from)))
    out.offset = static_cast<std::size_t>(region->first() - region->begin());
  switch (from.type()) {
    case ::toml::value_t::boolean: out.is = from.as_boolean(); break;
    case ::toml::value_t::integer:
      if (!holds(source_text(from), from.as_integer()))
        return bad("the number " + source_text(from) + " does not fit into 64 bits");
      out.is = static_cast<std::int64_t>(from.as_integer());
      break;
    case ::toml::value_t::floating:
      if (std::fabs(from.as_floating()) == std::numeric_limits<double>::max())
        return bad("the number " + source_text(from) + " is too large");
      out.is = from.as_floating();
      break;
    case ::toml::value_t::string: out.is = from.as_string().str; break;
    case ::toml::value_t::offset_datetime: out.is = Datetime{printed(from.as_offset_datetime())}; break;
    case ::toml::value_t::local_datetime: out.is = Datetime{printed(from.as_local_datetime())}; break;
    case ::toml::value_t::local_date: out.is = Datetime{printed(from.as_local_date())}; break;
    case ::toml::value_t::local_time: out.is = Datetime{printed(from.as_local_time())}; break;
    case ::toml::value_t::array: {
      Array array;
      array.reserve(from.as_array().size());
      for (const auto& element : from.as_array()) {
        GNA_LET(value, convert(element));
        array.push_back(std::move(value));
      }
      out.is = std::move(array);
      break;
    }
    case ::toml::value_t::table: {
      Table table;
      for (const auto& [name, member] : from.as_table()) {
        GNA_LET(value, convert(member));
        table.emplace(name, std::move(value));
      }
      out.is = std::move(table);
      break;
    }
    case ::toml::value_t::empty: return bad("an empty value");
  }
  return out;
}

// The first line of toml11's answer; the others draw a picture of the place.
std::string first_line(const std::exception& error) {
  std::string text = error.what();
  if (const auto end = text.find('\n'); end != std::string::npos) text.resize(end);
  return text;
}

std::string number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  // "1e+22" is TOML, but older readers want a fraction; and a bare "5" would be an integer.
  if (text.find('.') == std::string::npos) text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

bool is_array_of_tables(const Value& value) {
  const auto* array = value.array();
  return array != nullptr && !array->empty() &&
         std::ranges::all_of(*array, [](const Value& element) { return element.table() != nullptr; });
}

std::string inline_text(const Value& value);

struct Inline {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number(value); }
  std::string operator()(const std::string& value) const { return quote(value); }
  std::string operator()(const Datetime& value) const { return value.text; }
  std::string operator()(const Array& array) const {
    std::string text = "[";
    for (const auto& element : array) {
      if (text.size() > 1) text += ", ";
      text += inline_text(element);
    }
    return text + "]";
  }
  std::string operator()(const Table& table) const {
    std::string text = "{";
    for (const auto& [name, member] : table) {
      text += text.size() > 1 ? ", " : " ";
      text += key(name) + " = " + inline_text(member);
    }
    return text + (table.empty() ? "}" : " }");
  }
};

std::string inline_text(const Value& value) { return std::visit(Inline{}, value.is); }

void write_table(const Table& table, const std::string& path, const std::string& indent, std::string& out) {
  for (const auto& [name, member] : table)
    if (member.table() == nullptr && !is_array_of_tables(member))
      out += indent + key(name) + " = " + inline_text(member) + "\n";

  const std::string below = path.empty() ? "" : indent;
  for (const auto& [name, member] : table) {
    const std::string full = path.empty() ? key(name) : path + "." + key(name);
    if (const auto* sub = member.table()) {
      out.append("\n").append(below).append("[").append(full).append("]\n");
      write_table(*sub, full, below + "  ", out);
    } else if (is_array_of_tables(member)) {
      for (const auto& element : *member.array()) {
        out.append("\n").append(below).append("[[").append(full).append("]]\n");
        write_table(*element.table(), full, below + "  ", out);
      }
    }
  }
}

int depth_of(const Value& value) {
  int below = 0;
  if (const auto* table = value.table()) {
    for (const auto& [name, member] : *table) below = std::max(below, depth_of(member));
    return below + 1;
  }
  if (const auto* array = value.array()) {
    for (const auto& element : *array) below = std::max(below, depth_of(element));
    return below + 1;
  }
  return 0;
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  const auto* left = std::get_if<double>(&a.is);
  const auto* right = std::get_if<double>(&b.is);
  if (left != nullptr && right != nullptr)
    return (std::isnan(*left) && std::isnan(*right)) ||
           (*left == *right && std::signbit(*left) == std::signbit(*right));
  return a.is == b.is;
}

Result<Table> parse(std::string_view text) {
  if (text.size() > kMaxBytes) return bad("larger than 1 MiB");
  if (!is_utf8(text)) return bad("not UTF-8");
  GNA_LET(prepared, Preparation(text).run());
  try {
    std::istringstream in(prepared);
    const auto parsed = ::toml::parse<::toml::discard_comments, std::map, Elements>(in, "TOML");
    GNA_LET(value, convert(parsed));
    auto& table = *value.table();
    if (depth(table) > kMaxDepth) return bad("nested deeper than 64 levels");
    return std::move(table);
  } catch (const std::exception& error) {
    return bad("not TOML: " + first_line(error));
  }
}

std::string write(const Table& table) {
  std::string out;
  write_table(table, "", "", out);
  // A document of tables alone would begin with the blank line before the first header.
  return out.starts_with('\n') ? out.substr(1) : out;
}

int depth(const Table& table) {
  int below = 0;
  for (const auto& [name, member] : table) below = std::max(below, depth_of(member));
  return below + 1;
}

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";  // TOML has no way to say it
    } else if (length > 1) {
      out += text.substr(0, length);
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\b') {
      out += "\\b";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\f') {
      out += "\\f";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      out += {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
    } else {
      out += c;
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + "\"";
}

std::string key(std::string_view text) {
  const auto is_bare = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && std::ranges::all_of(text, is_bare) ? std::string(text) : quote(text);
}

}  // namespace gna::containerd::toml
