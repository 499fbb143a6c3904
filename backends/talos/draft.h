// Documents while they are put together, before they are text.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/yaml/node.h"
#include "gna/desired/facts.h"
#include "gna/talos/machine_config.h"

namespace gna::talos {

struct Draft {
  yaml::Node::Map fields = {};  // without apiVersion, kind, name; in the order they are written
  bool secret = false;
  std::set<std::string> from = {};
};

class Drafts {
 public:
  // The document of this kind and name; a new one if there is none yet. `from`: the OSC's field.
  Draft& document(const std::string& kind, const std::string& name, const std::string& from);
  void refuse(std::string field, std::string why, std::string alternative);
  bool has(const std::string& kind, const std::string& name) const { return drafts_.contains({kind, name}); }

  Documents finish(const desired::Facts& facts) &&;

 private:
  std::map<std::pair<std::string, std::string>, Draft> drafts_;
  std::vector<plan::Refused> refused_;
};

// The member of a map, made if there is none.
yaml::Node& at(yaml::Node::Map& map, const std::string& key);

// apiVersion, kind and name first, the rest in its order; modes in octal.
std::string print(const yaml::Node::Map& document);

}  // namespace gna::talos
