#include "agent/yaml/quoted.h"

#include <charconv>
#include <cstdint>

namespace gna::yaml {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string utf8(std::uint32_t code) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

class Quoted {
 public:
  Quoted(std::string_view text, std::size_t at) : text_(text), at_(at), quote_(text[at]) { ++at_; }

  std::optional<std::string> read() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == quote_ && !(quote_ == '\'' && peek(1) == '\'')) {
        if (!after_break_) return std::nullopt;
        return std::move(out_);
      }
      if (c == quote_) {
        write("'", 2);
      } else if (c == '\\' && quote_ == '"') {
        if (!escape()) return std::nullopt;
      } else if (skip_break()) {
        // Blanks before a break go, but for those that were escaped.
        out_.resize(written_);
        const auto more = further_breaks();
        out_ += more == 0 ? std::string(" ") : std::string(more, '\n');
        written_ = out_.size();
        after_break_ = true;
      } else if (is_blank(c)) {
        out_ += c;
        ++at_;
      } else {
        write(text_.substr(at_, 1), 1);
      }
    }
    return std::nullopt;
  }

 private:
  char peek(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void write(std::string_view value, std::size_t length) {
    out_ += value;
    written_ = out_.size();
    at_ += length;
    after_break_ = false;
  }

  bool skip_break() {
    if (peek(0) == '\r' && peek(1) == '\n') ++at_;
    if (peek(0) != '\n') return false;
    ++at_;
    return true;
  }

  std::size_t further_breaks() {
    std::size_t count = 0;
    while (true) {
      while (is_blank(peek(0))) ++at_;
      if (!skip_break()) return count;
      ++count;
    }
  }

  bool escape() {
    ++at_;
    if (skip_break()) {
      out_ += std::string(further_breaks(), '\n');
      written_ = out_.size();
      after_break_ = true;
      return true;
    }
    static constexpr std::string_view kNames = "abtnvfre0";
    static constexpr std::string_view kValues("\a\b\t\n\v\f\r\x1b\0", 9);
    const char c = peek(0);
    if (const auto known = kNames.find(c); known != std::string_view::npos) {
      write(kValues.substr(known, 1), 1);
      return true;
    }
    switch (c) {
      case 'N': write("\xc2\x85", 1); return true;
      case '_': write("\xc2\xa0", 1); return true;
      case 'L': write("\xe2\x80\xa8", 1); return true;
      case 'P': write("\xe2\x80\xa9", 1); return true;
      case 'x': return code(2);
      case 'u': return code(4);
      case 'U': return code(8);
      default: write(text_.substr(at_, 1), 1); return true;  // a blank, a tab, a slash, a quote, a backslash
    }
  }

  bool code(std::size_t digits) {
    const auto hex = text_.substr(at_ + 1, digits);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (error != std::errc() || end != hex.data() + digits) return false;
    write(utf8(value), digits + 1);
    return true;
  }

  std::string_view text_;
  std::size_t at_;
  char quote_;
  std::string out_ = {};
  std::size_t written_ = 0;  // what of `out_` no line break can trim
  bool after_break_ = false;
};

// The quote that opens the scalar at `node`, behind its anchor and tag; npos if there is none.
std::size_t opening_quote(std::string_view text, std::size_t node) {
  while (node < text.size() && std::string_view("&! \t\r\n#").contains(text[node])) {
    const char c = text[node];
    node = c == '#' ? text.find('\n', node) : c == '&' || c == '!' ? text.find_first_of(" \t\r\n", node) : node + 1;
  }
  const bool quoted = node < text.size() && (text[node] == '\'' || text[node] == '"');
  return quoted ? node : std::string_view::npos;
}

}  // namespace

std::optional<std::string> ending_in_breaks(std::string_view text, std::size_t node) {
  const auto quote = opening_quote(text, node);
  if (quote == std::string_view::npos) return std::nullopt;
  return Quoted(text, quote).read();
}

bool is_cut_off(std::string_view text, std::size_t node) {
  const auto quote = opening_quote(text, node);
  if (quote == std::string_view::npos) return false;
  for (std::size_t at = quote + 1; at < text.size(); ++at) {
    if (text[at] == '\\' && text[quote] == '"') {
      ++at;
    } else if (text[at] == text[quote]) {
      if (text[quote] == '"' || !text.substr(at + 1).starts_with('\'')) return false;
      ++at;
    }
  }
  return true;
}

}  // namespace gna::yaml
