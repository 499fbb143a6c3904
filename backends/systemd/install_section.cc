#include "backends/systemd/install_section.h"

#include <utility>

#include "backends/systemd/unit_name.h"

namespace gna::systemd {

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
    out.push_back(std::move(joined));
    joined.clear();
  }
  if (!joined.empty()) out.push_back(std::move(joined));
  return out;
}

// Words between blanks; quotes go, backslashes stay.
std::vector<std::string> words_of(std::string_view value) {
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

void collect(std::string_view value, std::vector<std::string>& into) {
  if (value.empty()) {
    into.clear();
    return;
  }
  for (auto& word : words_of(value)) into.push_back(std::move(word));
}

}  // namespace

void read_install_section(std::string_view text, std::string_view unit, InstallSection& into) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  bool inside = false;
  for (const auto& joined : logical_lines(text)) {
    const auto line = stripped(joined);
    if (line.starts_with('[')) {
      inside = line == "[Install]";
      continue;
    }
    const auto equals = line.find('=');
    if (!inside || equals == std::string_view::npos) continue;
    const auto key = stripped(line.substr(0, equals));
    const auto value = stripped(line.substr(equals + 1));
    if (key == "WantedBy")
      collect(value, into.wanted_by);
    else if (key == "RequiredBy")
      collect(value, into.required_by);
    else if (key == "UpheldBy")
      collect(value, into.upheld_by);
    else if (key == "Also")
      for (auto& word : words_of(value)) into.also.push_back(std::move(word));
    else if (key == "Alias" && may_have_aliases(unit))
      collect(value, into.aliases);
    else if (key == "DefaultInstance" && is_template(unit))
      into.default_instance = std::string(value);
  }
}

Result<std::string> expand_specifiers(std::string_view value, std::string_view unit, const InstallSection& install) {
  // A template that is enabled by its default instance speaks of that.
  const std::string name =
      is_template(unit) && install.default_instance ? instantiate(unit, *install.default_instance) : std::string(unit);
  const auto prefix = unit_prefix(name);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    switch (value[++i]) {
      case '%': out += '%'; break;
      case 'i': out += unit_instance(name); break;
      case 'j': out += prefix.substr(prefix.rfind('-') + 1); break;
      case 'n': out += name; break;
      case 'N': out += name.substr(0, name.rfind('.')); break;
      case 'p': out += prefix; break;
      default:
        return fail(Code::Unsupported,
                    std::string(unit) + ": specifier %" + value[i] + " in [Install] has no meaning in an offline tree");
    }
  }
  return out;
}

}  // namespace gna::systemd
