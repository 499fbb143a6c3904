// From a tree to typed fields: positions, paths and findings on the way.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/osc/rules.h"
#include "agent/yaml/node.h"
#include "gna/osc/parse.h"

namespace gna::osc {

// Who wrote the document decides what is an error: a cluster's has to be right, what an agent
// has written itself has only to be safe.
enum class Trust { cluster, own };

// Where we are; a chain on the stack, so that a path is only built for a finding.
struct Path {
  const Path* parent = nullptr;
  std::string_view name = {};
  std::size_t index = 0;
  enum class Step { root, member, item, key } step = Step::root;

  Path operator/(std::string_view member) const { return {this, member, 0, Step::member}; }
  Path operator[](std::size_t item) const { return {this, {}, item, Step::item}; }
  Path key(std::string_view label) const { return {this, label, 0, Step::key}; }  // metadata.labels["a/b"]
  std::string text() const;
};

// Collects findings; errors are never crowded out by warnings.
class Findings {
 public:
  explicit Findings(Trust trust) : trust_(trust) {}

  // Wrong whoever wrote it: the value could do harm or has no meaning.
  void refuse(yaml::Mark at, const Path& path, std::string code, std::string message);
  // Wrong in a cluster's document; a document of our own stands as it is.
  void complain(yaml::Mark at, const Path& path, std::string code, std::string message);
  void warn(yaml::Mark at, const Path& path, std::string code, std::string message);
  void add(Finding finding);

  bool lenient() const { return trust_ == Trust::own; }
  bool any_error() const { return error_count_ > 0; }
  // In document order, at most 100 and one that says how many more.
  std::vector<Finding> take();

 private:
  Trust trust_;
  std::vector<Finding> errors_ = {};
  std::vector<Finding> warnings_ = {};
  std::size_t error_count_ = 0;
  std::size_t warning_count_ = 0;
};

// "expected a string, found a number"
void refuse_type(Findings& findings, const yaml::Node& node, const Path& path, std::string_view expected);

// A map whose members are read by name; what nobody has asked for is unknown.
//
// null counts as absent, as it does for Go's JSON. Values are moved out of the tree.
class Object {
 public:
  // Reports a node that is no map; then nothing is in it.
  Object(Findings& findings, yaml::Node* node, const Path& path);

  bool is_map() const { return map_ != nullptr; }
  yaml::Mark at() const { return at_; }
  // Of the value, or of the object if there is none.
  yaml::Mark at(std::string_view name) const;
  bool has(std::string_view name) const;  // also null

  yaml::Node* member(std::string_view name);                  // nullptr if absent or null
  void known(std::initializer_list<std::string_view> names);  // read by nobody, but not unknown

  // false: it is there and of another type, which has been reported.
  bool text(std::string_view name, std::string& into);
  bool text(std::string_view name, std::optional<std::string>& into);
  void flag(std::string_view name, std::optional<bool>& into);
  bool texts(std::string_view name, std::vector<std::string>& into, std::vector<yaml::Mark>* marks = nullptr);
  // Items of a list, each with its path; nothing if it is none.
  template <typename Visit>
  bool items(std::string_view name, Visit visit) {
    auto* node = member(name);
    if (!node) return true;
    const Path path = path_ / name;
    auto* list = node->list();
    if (!list) {
      refuse_type(findings_, *node, path, "a list");
      return false;
    }
    for (std::size_t i = 0; i < list->size(); ++i) visit((*list)[i], path[i]);
    return true;
  }

  // Warns about every member that none of the above has named.
  void finish();

 private:
  yaml::Member* find(std::string_view name);
  const yaml::Member* find(std::string_view name) const;

  Findings& findings_;
  const Path& path_;
  yaml::Node::Map* map_ = nullptr;
  yaml::Mark at_ = {};
  std::vector<bool> seen_ = {};
  std::vector<std::string_view> asked_ = {};
};

}  // namespace gna::osc
