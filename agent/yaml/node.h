// A YAML or JSON document as one tree, each node with its place in the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gna::yaml {

// Where a node begins: both from 1, the column in bytes.
struct Mark {
  int line = 1;
  int column = 1;
  auto operator<=>(const Mark&) const = default;
};

struct Member;

// Order of the alternatives of Node::value.
enum class Kind : std::uint8_t { null, boolean, integer, natural, real, text, list, map };

struct Node {
  using List = std::vector<Node>;
  using Map = std::vector<Member>;  // in document order; keys differ

  // Defined below: what destroys a Map has to know a Member.
  inline Node();
  inline Node(bool flag);
  inline Node(std::int64_t number);
  inline Node(std::uint64_t number);
  inline Node(double number);
  inline Node(std::string text);
  inline Node(const char* text);
  inline Node(List list);
  inline Node(Map map);
  inline Node(const Node& other);
  inline Node(Node&& other) noexcept;
  inline Node& operator=(const Node& other);
  inline Node& operator=(Node&& other) noexcept;
  inline ~Node();

  Kind kind() const { return static_cast<Kind>(value.index()); }
  const std::string* text() const { return std::get_if<std::string>(&value); }
  std::string* text() { return std::get_if<std::string>(&value); }
  const List* list() const { return std::get_if<List>(&value); }
  List* list() { return std::get_if<List>(&value); }
  const Map* map() const { return std::get_if<Map>(&value); }
  Map* map() { return std::get_if<Map>(&value); }

  // The member of a map, or null: also for a node that is no map.
  inline const Node* find(std::string_view key) const;

  // Integers that fit into 64 bits with sign are std::int64_t, greater ones std::uint64_t.
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Map> value;
  Mark at = {};
};

struct Member {
  std::string key = {};
  Node value = {};
  Mark at = {};  // of the key
};

inline Node::Node() = default;
inline Node::Node(bool flag) : value(flag) {}
inline Node::Node(std::int64_t number) : value(number) {}
inline Node::Node(std::uint64_t number) : value(number) {}
inline Node::Node(double number) : value(number) {}
inline Node::Node(std::string text) : value(std::move(text)) {}
inline Node::Node(const char* text) : value(std::string(text)) {}
inline Node::Node(List list) : value(std::move(list)) {}
inline Node::Node(Map map) : value(std::move(map)) {}
inline Node::Node(const Node& other) = default;
inline Node::Node(Node&& other) noexcept = default;
inline Node& Node::operator=(const Node& other) = default;
inline Node& Node::operator=(Node&& other) noexcept = default;
inline Node::~Node() = default;

inline const Node* Node::find(std::string_view key) const {
  if (const Map* members = map())
    for (const Member& member : *members)
      if (member.key == key) return &member.value;
  return nullptr;
}

// "a list", for messages.
std::string_view describe(Kind kind);

}  // namespace gna::yaml
