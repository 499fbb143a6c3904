// TOML as a plain value: what config.toml and hosts.toml are read into and written from.
//
// The one door to toml11. Comments and the order of keys are not kept; types are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gna/base/result.h"

namespace gna::containerd::toml {

// A date, a time or both, normalised: "1979-05-27T07:32:00Z".
struct Datetime {
  std::string text = {};
  bool operator==(const Datetime&) const = default;
};

struct Value;
using Array = std::vector<Value>;
using Table = std::map<std::string, Value>;

struct Value {
  std::variant<bool, std::int64_t, double, std::string, Datetime, Array, Table> is = Table{};
  // Grows with its place in the text that it was parsed from. No part of its meaning.
  std::size_t offset = 0;

  const Table* table() const { return std::get_if<Table>(&is); }
  Table* table() { return std::get_if<Table>(&is); }
  const Array* array() const { return std::get_if<Array>(&is); }
  Array* array() { return std::get_if<Array>(&is); }
  const std::string* string() const { return std::get_if<std::string>(&is); }
};

// Equal in meaning: 5 is not 5.0, NaN is NaN.
bool operator==(const Value& a, const Value& b);

// toml11 is recursive; hostile text ends before it gets there.
inline constexpr std::size_t kMaxBytes = 1024 * 1024;
inline constexpr int kMaxDepth = 64;

// Errors: InvalidArgument for what is no TOML 1.0, not UTF-8, has numbers that 64 bits do not
//   hold, is larger or deeper than the bounds above, or has a line of very many values.
Result<Table> parse(std::string_view text);

// Headers, indentation and order as the Go agent writes them: keys sorted, plain values before tables.
std::string write(const Table& table);

// Levels of tables and arrays: {} is 1.
int depth(const Table& table);

// Text in double quotes, escaped as TOML allows it.
std::string quote(std::string_view text);
// A bare key, or a quoted one where needed.
std::string key(std::string_view text);

}  // namespace gna::containerd::toml
