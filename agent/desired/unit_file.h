// The syntax of unit files: sections, assignments, words. Pure.
// Source: systemd.syntax(7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gna::desired {

struct Assignment {
  std::string section = {};  // without its brackets
  std::string key = {};
  std::string value = {};  // continuations joined, blanks around it gone; quotes and backslashes as written
  bool operator==(const Assignment&) const = default;
};

// What is no assignment in a section is passed over, as systemd does after a warning.
std::vector<Assignment> read_unit_file(std::string_view text);

// The words of a value: separated by blanks, quotes go, backslashes stay. A word whose quote is never closed is none.
std::vector<std::string> unit_words(std::string_view value);

}  // namespace gna::desired
