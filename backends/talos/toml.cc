#include "backends/talos/toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "agent/yaml/scalar.h"

namespace gna::talos {

namespace {

using yaml::Kind;
using yaml::Node;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
          out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  return out + '"';
}

std::string key_of(std::string_view key) {
  const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  return bare ? std::string(key) : quoted(key);
}

class Writer {
 public:
  void table(const Node::Map& map, const std::string& path) {
    const auto sorted = members(map);
    const bool only_tables = std::ranges::all_of(sorted, [](const auto* m) { return m->value.kind() == Kind::map; });
    if (!path.empty() && (!only_tables || sorted.empty())) out_ += (out_.empty() ? "[" : "\n[") + path + "]\n";
    for (const auto* member : sorted)
      if (member->value.kind() != Kind::map) out_ += key_of(member->key) + " = " + value(member->value) + "\n";
    for (const auto* member : sorted)
      if (const auto* inner = member->value.map())
        table(*inner, path.empty() ? key_of(member->key) : path + "." + key_of(member->key));
  }

  std::optional<std::string> take() && {
    if (impossible_) return std::nullopt;
    return std::move(out_);
  }

 private:
  static std::vector<const yaml::Member*> members(const Node::Map& map) {
    std::vector<const yaml::Member*> out;
    for (const auto& member : map)
      if (member.value.kind() != Kind::null) out.push_back(&member);
    std::ranges::sort(out, [](const auto* a, const auto* b) { return a->key < b->key; });
    return out;
  }

  std::string value(const Node& node) {
    if (const auto* text = node.text()) return quoted(*text);
    if (const auto* flag = std::get_if<bool>(&node.value)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t>(&node.value)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<double>(&node.value)) {
      auto text = yaml::json_number(*number);
      return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    std::string out;
    if (const auto* list = node.list()) {
      for (const auto& item : *list) out += (out.empty() ? "" : ", ") + value(item);
      return "[" + out + "]";
    }
    if (const auto* map = node.map()) {
      for (const auto* member : members(*map))
        out += (out.empty() ? " " : ", ") + key_of(member->key) + " = " + value(member->value);
      return out.empty() ? "{}" : "{" + out + " }";
    }
    impossible_ = true;
    return out;
  }

  std::string out_;
  bool impossible_ = false;
};

}  // namespace

std::optional<std::string> to_toml(const Node::Map& root) {
  Writer writer;
  writer.table(root, "");
  return std::move(writer).take();
}

}  // namespace gna::talos
