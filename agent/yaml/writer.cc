#include "agent/yaml/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "agent/yaml/reader.h"
#include "agent/yaml/scalar.h"

namespace gna::yaml {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kLongestSimpleKey = 128;

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

// Near enough to Unicode's letters for the order of keys: the blocks of punctuation, symbols and emoji hold none.
bool is_letter(char32_t c) {
  if (c < 0xc0) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == 0xaa || c == 0xb5 || c == 0xba;
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return c != 0xd7 && c != 0xf7 && !within(0x2000, 0x2bff) && !within(0x3000, 0x3004) && !within(0x3007, 0x3030) &&
         !within(0xe000, 0xf8ff) && !within(0xfe00, 0xfe6f) && c != 0xfeff && !within(0xff00, 0xff20) &&
         !within(0x1f000, 0x1faff);
}

// The text is UTF-8: the reader has made sure of that.
struct Character {
  char32_t code = 0;
  std::size_t length = 1;
};

Character character_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t n) -> char32_t {
    return i + n < text.size() ? static_cast<unsigned char>(text[i + n]) : 0;
  };
  const char32_t lead = byte(0);
  if (lead < 0xc0) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

bool is_break(char32_t c) { return c == '\r' || c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }
bool is_blank(char32_t c) { return c == ' ' || c == '\t'; }

// What the Go library prints as it is; a tab and everything beyond the basic plane it escapes.
bool is_printable(char32_t c) {
  return c == '\n' || (c >= 0x20 && c <= 0x7e) ||
         (c >= 0xa0 && c <= 0xfffd && !(c >= 0xd800 && c <= 0xdfff) && c != 0xfeff);
}

// Letters by code, numbers by value, letters behind everything else.
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  while (i < a.size() && i < b.size()) {
    const auto [ac, alen] = character_at(a, i);
    const auto [bc, blen] = character_at(b, i);
    if (ac == bc) {
      i += alen;
      continue;
    }
    const bool al = is_letter(ac);
    const bool bl = is_letter(bc);
    if (al && bl) return ac < bc;
    if (al || bl) return bl;
    std::int64_t an = 0;
    std::int64_t bn = 0;
    // A zero within a number counts as a digit of it, one that leads does not.
    if (ac == '0' || bc == '0')
      for (std::size_t j = i; j > 0 && is_digit(static_cast<unsigned char>(a[j - 1])); --j)
        if (a[j - 1] != '0') {
          an = bn = 1;
          break;
        }
    const auto number = [i](std::string_view text, std::int64_t& value) {
      std::size_t end = i;
      // Wraps around like the original for numbers that nobody has as a key.
      for (; end < text.size() && is_digit(static_cast<unsigned char>(text[end])); ++end)
        value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) * 10 +
                                          static_cast<std::uint64_t>(text[end] - '0'));
      return end;
    };
    const auto aend = number(a, an);
    const auto bend = number(b, bn);
    if (an != bn) return an < bn;
    if (aend != bend) return aend < bend;
    return ac < bc;
  }
  return a.size() < b.size();
}

// natural_less is no strict order for odd keys ("0", "-0", "00"), so the sort has to be one that bears
// that, and for few keys the same as Go's.
void sort_naturally(std::vector<const Member*>& members) {
  static constexpr std::size_t kGoSortsByInsertion = 12;
  const auto less = [](const Member* a, const Member* b) { return natural_less(a->key, b->key); };
  if (members.size() > kGoSortsByInsertion) {
    std::ranges::stable_sort(members, less);
    return;
  }
  for (std::size_t i = 1; i < members.size(); ++i)
    for (std::size_t j = i; j > 0 && less(members[j], members[j - 1]); --j) std::swap(members[j], members[j - 1]);
}

// [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?
bool is_base60(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto digit = [&text] { return !text.empty() && text[0] >= '0' && text[0] <= '9'; };
  const auto skip = [&] {
    while (digit() || text.starts_with('_')) text.remove_prefix(1);
  };
  if (!digit()) return false;
  skip();
  if (!text.starts_with(':')) return false;
  while (text.starts_with(':')) {
    text.remove_prefix(1);
    if (!digit()) return false;
    const bool two = text.size() > 1 && text[0] <= '5' && text[1] >= '0' && text[1] <= '9';
    text.remove_prefix(two ? 2 : 1);
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    skip();
  }
  return text.empty();
}

// Which styles can carry a text.
struct Analysis {
  bool multiline = false;
  bool odd_break = false;  // U+0085, U+2028, U+2029
  bool plain = true;
  bool single_quoted = true;
  bool block = true;
};

// Of the style, but at a text's beginning.
bool says_nothing(char c) { return c > ' ' && c < 0x7f && c != ':' && c != '#'; }

Analysis analyze(std::string_view text) {
  if (text.empty()) return {.block = false};
  bool indicators = text.starts_with("---") || text.starts_with("...");
  bool special = false;
  bool leading = false;
  bool trailing_space = false;
  bool trailing_break = false;
  bool break_space = false;
  bool space_break = false;
  bool previous_space = false;
  bool previous_break = false;
  bool after_blank = true;
  Analysis out;
  for (std::size_t i = 0; i < text.size();) {
    if (i > 0 && says_nothing(text[i])) {
      i = static_cast<std::size_t>(std::find_if_not(text.begin() + i, text.end(), says_nothing) - text.begin());
      previous_space = previous_break = after_blank = false;
      continue;
    }
    const auto [c, length] = character_at(text, i);
    const std::size_t next = i + length;
    const bool before_blank = next >= text.size() || is_blank(static_cast<unsigned char>(text[next]));
    if (i == 0) {
      if (c < 0x80 && std::string_view("#,[]{}&*!|>'\"%@`").contains(static_cast<char>(c))) indicators = true;
      if ((c == '?' || c == ':' || c == '-') && before_blank) indicators = true;
    } else {
      if (c == ':' && before_blank) indicators = true;
      if (c == '#' && after_blank) indicators = true;
    }
    if (!is_printable(c)) special = true;
    if (c == ' ') {
      if (i == 0) leading = true;
      if (next == text.size()) trailing_space = true;
      if (previous_break) break_space = true;
      previous_space = true;
      previous_break = false;
    } else if (is_break(c)) {
      out.multiline = true;
      if (c > 0x7f) out.odd_break = true;
      if (i == 0) leading = true;
      if (next == text.size()) trailing_break = true;
      if (previous_space) space_break = true;
      previous_space = false;
      previous_break = true;
    } else {
      previous_space = false;
      previous_break = false;
    }
    after_blank = is_blank(c) || is_break(c) || c == 0;
    i = next;
  }
  if (leading || trailing_space || trailing_break || break_space || out.multiline || indicators) out.plain = false;
  if (trailing_space) out.block = false;
  if (break_space) out.single_quoted = false;
  if (space_break || special) out.plain = out.single_quoted = out.block = false;
  return out;
}

enum class Style { plain, single_quoted, double_quoted, literal };

class Emitter {
 public:
  std::string take() {
    if (!out_.ends_with('\n')) out_ += '\n';
    return std::move(out_);
  }

  void node(const Node& node, std::size_t indent) {
    if (const auto* map = node.map()) return write_map(*map, indent);
    if (const auto* list = node.list()) return write_list(*list, indent);
    scalar(node, indent);
  }

 private:
  static bool opens_block(const Node& node) {
    return (node.map() && !node.map()->empty()) || (node.list() && !node.list()->empty());
  }

  // Nested blocks begin on a line of their own, but for what follows a dash.
  void start_line(std::size_t indent) {
    if (at_dash_) {
      at_dash_ = false;
      put(" ");
      return;
    }
    if (!out_.empty() && !out_.ends_with('\n')) out_ += '\n';
    out_.append(indent, ' ');
    column_ = indent;
  }

  // `indent` is the column of this map's keys.
  void write_map(const Node::Map& map, std::size_t indent) {
    if (map.empty()) return put_spaced("{}");
    std::vector<const Member*> sorted;
    sorted.reserve(map.size());
    for (const Member& member : map) sorted.push_back(&member);
    sort_naturally(sorted);
    for (const Member* member : sorted) {
      start_line(indent);
      const Analysis analysis = analyze(member->key);
      const bool simple = !analysis.multiline && member->key.size() <= kLongestSimpleKey;
      // Too long, or of several lines: YAML's way to write such keys.
      if (!simple) put("?");
      text(member->key, analysis, simple ? indent : indent + kIndent, simple);
      if (!simple) start_line(indent);
      put(":");
      if (!simple) at_dash_ = opens_block(member->value);
      // Dashes stand below the key, a map's keys two blanks to the right.
      node(member->value, member->value.list() && simple ? indent : indent + kIndent);
    }
  }

  // `indent` is the column of this list's dashes.
  void write_list(const Node::List& list, std::size_t indent) {
    if (list.empty()) return put_spaced("[]");
    for (const Node& item : list) {
      start_line(indent);
      put("-");
      at_dash_ = opens_block(item);
      node(item, indent + kIndent);
    }
  }

  void scalar(const Node& node, std::size_t indent) {
    if (const auto* value = node.text()) return text(*value, analyze(*value), indent, false);
    if (const auto* flag = std::get_if<bool>(&node.value)) return put_spaced(*flag ? "true" : "false");
    if (const auto* number = std::get_if<std::int64_t>(&node.value)) return put_spaced(fmt::format("{}", *number));
    if (const auto* number = std::get_if<std::uint64_t>(&node.value)) return put_spaced(fmt::format("{}", *number));
    if (const auto* number = std::get_if<double>(&node.value)) {
      // By way of JSON, as the original: 1e3 has become an integer by then.
      const std::string json = json_number(*number);
      const auto resolved = resolve(json);
      const bool integral = resolved && resolved->kind() != Kind::real;
      return put_spaced(integral ? json : yaml_number(*number));
    }
    put_spaced("null");
  }

  void text(std::string_view value, const Analysis& analysis, std::size_t indent, bool key) {
    switch (style_of(value, analysis, key)) {
      case Style::plain: return plain(value, indent, !key);
      case Style::single_quoted: return single_quoted(value, indent, !key);
      case Style::double_quoted: return double_quoted(value, indent, !key);
      case Style::literal: return literal(value, indent);
    }
  }

  static Style style_of(std::string_view value, const Analysis& analysis, bool key) {
    // Readers of YAML 1.1 and 1.2 disagree about raw ones; here alone the bytes are not the Go library's.
    if (analysis.odd_break) return Style::double_quoted;
    if (key && analysis.multiline) return Style::double_quoted;
    if (value.contains('\n')) return analysis.block && !key ? Style::literal : Style::double_quoted;
    // As a key it would merge; as a value it is a text like any other.
    if ((key && value == "<<") || resolve(value) || is_timestamp(value) || is_base60(value))
      return Style::double_quoted;
    if (analysis.plain) return Style::plain;
    return analysis.single_quoted ? Style::single_quoted : Style::double_quoted;
  }

  // Folding goes on the line below, at the indent of the value.
  void fold(std::size_t indent) {
    out_ += '\n';
    out_.append(indent, ' ');
    column_ = indent;
  }

  void put(std::string_view ascii) {
    out_ += ascii;
    column_ += ascii.size();
  }

  void put_spaced(std::string_view ascii) {
    space();
    put(ascii);
  }

  void space() {
    if (!out_.empty() && !out_.ends_with('\n') && !out_.ends_with(' ')) put(" ");
  }

  // Columns are characters.
  void put_characters(std::string_view characters) {
    out_ += characters;
    column_ += static_cast<std::size_t>(std::ranges::count_if(characters, [](char c) { return (c & 0xc0) != 0x80; }));
  }

  void plain(std::string_view value, std::size_t indent, bool may_fold) {
    open_scalar();
    bool spaces = false;
    for (std::size_t i = 0; i < value.size();) {
      const bool space = value[i] == ' ';
      const std::size_t end = space ? i + 1 : std::min(value.find(' ', i), value.size());
      if (space && may_fold && !spaces && column_ > kWidth && !(end < value.size() && value[end] == ' '))
        fold(indent);
      else
        put_characters(value.substr(i, end - i));
      spaces = space;
      i = end;
    }
  }

  void single_quoted(std::string_view value, std::size_t indent, bool may_fold) {
    open_scalar();
    put("'");
    bool spaces = false;
    for (std::size_t i = 0; i < value.size();) {
      const auto length = character_at(value, i).length;
      const bool space = value[i] == ' ';
      if (space && may_fold && !spaces && column_ > kWidth && i > 0 && i + 1 < value.size() && value[i + 1] != ' ') {
        fold(indent);
      } else {
        if (value[i] == '\'') put("'");
        put_characters(value.substr(i, length));
      }
      spaces = space;
      i += length;
    }
    put("'");
  }

  void double_quoted(std::string_view value, std::size_t indent, bool may_fold) {
    open_scalar();
    put("\"");
    // The original takes every character of a text that begins with a byte order mark for one.
    const bool escape_all = value.starts_with("\xef\xbb\xbf");
    bool spaces = false;
    for (std::size_t i = 0; i < value.size();) {
      const auto [c, length] = character_at(value, i);
      if (escape_all || !is_printable(c) || is_break(c) || c == '"' || c == '\\') {
        put(escape(c));
        spaces = false;
      } else if (c == ' ') {
        if (may_fold && !spaces && column_ > kWidth && i > 0 && i + 1 < value.size()) {
          fold(indent);
          if (value[i + 1] == ' ') put("\\");
        } else {
          put(" ");
        }
        spaces = true;
      } else {
        put_characters(value.substr(i, length));
        spaces = false;
      }
      i += length;
    }
    put("\"");
  }

  static std::string escape(char32_t c) {
    switch (c) {
      case 0x00: return "\\0";
      case 0x07: return "\\a";
      case 0x08: return "\\b";
      case 0x09: return "\\t";
      case 0x0a: return "\\n";
      case 0x0b: return "\\v";
      case 0x0c: return "\\f";
      case 0x0d: return "\\r";
      case 0x1b: return "\\e";
      case 0x22: return "\\\"";
      case 0x5c: return "\\\\";
      case 0x85: return "\\N";
      case 0xa0: return "\\_";
      case 0x2028: return "\\L";
      case 0x2029: return "\\P";
      default: break;
    }
    const auto code = static_cast<std::uint32_t>(c);
    if (code <= 0xff) return fmt::format("\\x{:02X}", code);
    if (code <= 0xffff) return fmt::format("\\u{:04X}", code);
    return fmt::format("\\U{:08X}", code);
  }

  // Its only breaks are \n: analyze() lets no other into a block.
  void literal(std::string_view value, std::size_t indent) {
    open_scalar();
    put("|");
    if (value[0] == ' ' || value[0] == '\n') put("2");
    if (!value.ends_with('\n'))
      put("-");
    else if (value == "\n" || value.ends_with("\n\n"))
      put("+");
    out_ += '\n';
    while (!value.empty()) {
      const auto line = value.substr(0, std::min(value.find('\n'), value.size() - 1) + 1);
      if (!line.starts_with('\n')) out_.append(indent, ' ');
      out_ += line;
      value.remove_prefix(line.size());
    }
    // Without a last line break the next line starts one: start_line() sees to it.
    column_ = 0;
  }

  void open_scalar() {
    at_dash_ = false;
    space();
  }

  std::string out_ = {};
  std::size_t column_ = 0;
  bool at_dash_ = false;  // the block that comes next begins on this line
};

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        // JSON lets the latter stand raw, our reader (like Go's) does not.
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfffe || c == 0xffff)
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint32_t>(c));
        else
          out += text.substr(i, length);
    }
    i += length;
  }
  out += '"';
}

void append_json(std::string& out, const Node& node) {
  if (const auto* map = node.map()) {
    std::vector<const Member*> sorted;
    sorted.reserve(map->size());
    for (const Member& member : *map) sorted.push_back(&member);
    std::ranges::sort(sorted, [](const Member* a, const Member* b) { return a->key < b->key; });
    out += '{';
    for (const Member* member : sorted) {
      if (member != sorted.front()) out += ',';
      append_json_text(out, member->key);
      out += ':';
      append_json(out, member->value);
    }
    out += '}';
  } else if (const auto* list = node.list()) {
    out += '[';
    for (const Node& item : *list) {
      if (&item != &list->front()) out += ',';
      append_json(out, item);
    }
    out += ']';
  } else if (const auto* text = node.text()) {
    append_json_text(out, *text);
  } else if (const auto* flag = std::get_if<bool>(&node.value)) {
    out += *flag ? "true" : "false";
  } else if (const auto* signed_number = std::get_if<std::int64_t>(&node.value)) {
    fmt::format_to(std::back_inserter(out), "{}", *signed_number);
  } else if (const auto* number = std::get_if<std::uint64_t>(&node.value)) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    out += json_number(*real);
  } else {
    out += "null";
  }
}

}  // namespace

std::string to_json(const Node& node) {
  std::string out;
  append_json(out, node);
  return out;
}

std::string write(const Node& node) {
  Emitter emitter;
  emitter.node(node, node.map() || node.list() ? 0 : kIndent);
  return emitter.take();
}

Result<std::string> yaml_from_json(std::string_view json) {
  auto document = read(json);
  if (!document) return std::unexpected(to_error(document.error()));
  return write(document->root);
}

}  // namespace gna::yaml
