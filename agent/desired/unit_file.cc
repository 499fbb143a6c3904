#include "agent/desired/unit_file.h"

#include <utility>

namespace gna::desired {

namespace {

constexpr std::string_view kBlank = " \t\n\r";

std::string_view stripped(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool ends_in_continuation(std::string_view line) {
  const auto last = line.find_last_not_of('\\');
  const auto backslashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

// Lines with their continuations joined and comments gone, also those inside of one.
std::vector<std::string> logical_lines(std::string_view text) {
  std::vector<std::string> out;
  std::string joined;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = stripped(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.starts_with('#') || line.starts_with(';')) continue;
    if (ends_in_continuation(line)) {
      joined += line.substr(0, line.size() - 1);
      joined += ' ';
      continue;
    }
    joined += line;
    out.push_back(std::exchange(joined, {}));
  }
  if (!joined.empty()) out.push_back(std::move(joined));
  return out;
}

}  // namespace

std::vector<Assignment> read_unit_file(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<Assignment> out;
  std::string_view section;
  const auto lines = logical_lines(text);
  for (const auto& joined : lines) {
    const auto line = stripped(joined);
    if (line.starts_with('[')) {
      section = line.ends_with(']') ? line.substr(1, line.size() - 2) : std::string_view();
      continue;
    }
    const auto equals = line.find('=');
    if (section.empty() || equals == std::string_view::npos) continue;
    out.push_back({.section = std::string(section),
                   .key = std::string(stripped(line.substr(0, equals))),
                   .value = std::string(stripped(line.substr(equals + 1)))});
  }
  return out;
}

std::vector<std::string> unit_words(std::string_view value) {
  std::vector<std::string> out;
  std::string word;
  char quote = 0;
  bool begun = false;
  for (const char c : value) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      begun = true;
    } else if (kBlank.contains(c)) {
      if (begun) out.push_back(std::exchange(word, {}));
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (quote == 0 && begun) out.push_back(std::move(word));
  return out;
}

}  // namespace gna::desired
