#include "agent/yaml/flow_bounds.h"

#include <algorithm>

namespace gna::yaml {

namespace {

class Scan {
 public:
  Scan(std::string_view text, const FlowLimits& limits) : text_(text), limits_(limits) {}

  std::optional<FlowExcess> run() {
    start_line();
    while (at_ < text_.size() && !excess_) {
      block();
      if (on_line_ > limits_.on_a_line && !excess_) excess_ = FlowExcess{FlowExcess::What::on_a_line, at_};
    }
    return excess_;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n'; }
  std::ptrdiff_t column() const { return static_cast<std::ptrdiff_t>(at_ - line_start_); }
  void to_line_end() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  void start_line() {
    line_start_ = at_;
    on_line_ = 0;
    while (peek() == ' ') ++at_;
    parent_ = column();
  }

  void next_line() {
    to_line_end();
    if (at_ < text_.size()) ++at_;
    start_line();
  }

  // One token of block context.
  void block() {
    const char c = peek();
    if (c == '\n') return next_line();
    if (is_blank(c)) {
      ++at_;
      return;
    }
    if (c == '#' && (at_ == line_start_ || is_blank(text_[at_ - 1]))) return to_line_end();
    if (column() == 0) {
      if (c == '%') return to_line_end();
      const auto marker = text_.substr(at_, 3);
      if ((marker == "---" || marker == "...") && is_blank(peek(3))) {
        at_ += 3;
        parent_ = -1;
        return;
      }
    }
    if ((c == '-' || c == '?' || c == ':') && is_blank(peek(1))) {
      if (c != ':') parent_ = column();
      ++at_;
      return;
    }
    ++on_line_;
    switch (c) {
      case '&':
      case '!':
      case '*':
        while (!is_blank(peek())) ++at_;
        return;
      case '[':
      case '{': return flow();
      case '"':
      case '\'': {
        const auto key_column = column();
        const auto line = line_start_;
        quoted();
        if (line == line_start_ && peek() == ':') parent_ = key_column;
        return;
      }
      case '|':
      case '>': return block_scalar();
      default: return plain();
    }
  }

  // A key, or a text that may go on for some lines.
  void plain() {
    const auto begin = column();
    const auto parent = parent_;
    for (; peek() != '\n'; ++at_) {
      if (peek() == ':' && is_blank(peek(1))) {
        parent_ = begin;
        return;
      }
      if (peek() == '#' && is_blank(text_[at_ - 1])) return to_line_end();
    }
    while (at_ < text_.size()) {
      next_line();
      const char c = peek();
      if (c == '\n' || c == '\r') continue;
      if (column() <= parent || c == '#') return;
      to_line_end();
      if (text_.substr(line_start_, at_ - line_start_).contains(" #")) return;
    }
  }

  void block_scalar() {
    const auto parent = parent_;
    const auto header = at_;
    to_line_end();
    // With an indent in the header ("|2") the first line need not be the one furthest to the left.
    const auto hints = text_.substr(header, at_ - header);
    const bool folded = hints.starts_with(">");
    if (folded && hints.substr(0, 3).contains('+')) {
      excess_ = FlowExcess{FlowExcess::What::folded_keep, header};
      return;
    }
    const bool explicit_indent = hints.find_first_of("123456789") != std::string_view::npos;
    std::ptrdiff_t content = explicit_indent ? 0 : -1;
    while (at_ < text_.size()) {
      next_line();
      if (folded && at_ == text_.size() && column() > 0) excess_ = FlowExcess{FlowExcess::What::folded_end, header};
      const char c = peek();
      if (c == '\n' || c == '\r') continue;
      if (content < 0) content = column();
      if (column() <= parent || column() < content) return;
      to_line_end();
    }
  }

  void quoted() {
    const char quote = peek();
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') line_start_ = at_ + 1;
      if (quote == '"' && c == '\\') {
        ++at_;
        continue;
      }
      if (c != quote) continue;
      if (quote == '\'' && peek(1) == '\'') {
        ++at_;
        continue;
      }
      ++at_;
      return;
    }
    at_ = text_.size();
  }

  void flow() {
    std::size_t depth = 0;
    std::size_t separators = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') --depth;
      if (c == '[' || c == '{' || c == ',') ++separators;
      if (depth > limits_.depth || separators > limits_.separators) {
        excess_ = FlowExcess{depth > limits_.depth ? FlowExcess::What::depth : FlowExcess::What::separators, at_};
        return;
      }
      if (c == '\n') line_start_ = at_ + 1;
      if (c == '"' || c == '\'') {
        quoted();
      } else if (c == '#' && is_blank(text_[at_ - 1])) {
        to_line_end();
      } else if (std::string_view("[]{},:?").contains(c) || is_blank(c)) {
        ++at_;
      } else {
        flow_plain();
      }
      if (depth == 0) return;
    }
  }

  void flow_plain() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (std::string_view("[]{},").contains(c) || (c == ':' && is_blank(peek(1))) ||
          (c == '#' && is_blank(text_[at_ - 1])))
        return;
      if (c == '\n') line_start_ = at_ + 1;
    }
  }

  std::string_view text_;
  const FlowLimits& limits_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::ptrdiff_t parent_ = 0;  // the column that a text's further lines have to go beyond
  std::size_t on_line_ = 0;
  std::optional<FlowExcess> excess_ = {};
};

}  // namespace

std::optional<FlowExcess> flow_excess(std::string_view text, const FlowLimits& limits) {
  return Scan(text, limits).run();
}

}  // namespace gna::yaml
