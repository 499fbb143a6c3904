#include "backends/talos/merge.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"
#include "backends/talos/draft.h"

namespace gna::talos {

namespace {

using yaml::Node;

// Others write to these documents, too: only our fields in them are ours.
constexpr std::array<std::string_view, 4> kShared = {"KernelModuleConfig", "KubeNodeConfig", "KubeletConfig",
                                                     "SysctlConfig"};

bool is_shared(const std::string& kind) { return std::ranges::find(kShared, kind) != kShared.end(); }

// The old form of a document's topic in the v1alpha1 document; Talos takes one form or the other.
struct OldForm {
  std::string_view kind;
  std::string_view field;  // of `machine`
};
constexpr std::array<OldForm, 4> kOldForms = {{{"KubeletConfig", "kubelet"},
                                               {"KubeNodeConfig", "nodeLabels"},
                                               {"KubeNodeConfig", "nodeAnnotations"},
                                               {"KubeNodeConfig", "nodeTaints"}}};

std::string title(const DocumentKey& key) { return key.second.empty() ? key.first : key.first + " " + key.second; }

bool is_header(std::string_view key) { return key == "apiVersion" || key == "kind" || key == "name"; }

// RFC 6901.
std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string pointer_to(std::string_view field, std::string_view key) {
  return "/" + escaped(field) + "/" + escaped(key);
}

// Equal texts mean the same: keys are sorted.
std::string meaning(const Node& node) { return yaml::to_json(node); }

Node::Map read_ours(const Document& document) { return std::move(*yaml::read(document.yaml)->root.map()); }

// One shared document: theirs, less what was ours, plus what is.
class Sharing {
 public:
  Sharing(Node::Map theirs, std::set<std::string> own) : map_(std::move(theirs)), was_own_(std::move(own)) {}

  void put(const Node::Map& ours) {
    std::set<std::string> wanted;
    for (const auto& field : ours)
      if (!is_header(field.key)) {
        if (const auto* inner = field.value.map())
          for (const auto& member : *inner) wanted.insert(pointer_to(field.key, member.key));
        else
          wanted.insert("/" + escaped(field.key));
      }
    take_back(wanted);
    for (const auto& field : ours) {
      if (is_header(field.key)) continue;
      if (const auto* inner = field.value.map()) {
        auto& target = at(map_, field.key);
        if (target.map() == nullptr) target = Node::Map{};
        for (const auto& member : *inner)
          set(at(*target.map(), member.key), member.value, pointer_to(field.key, member.key));
      } else {
        set(at(map_, field.key), field.value, "/" + escaped(field.key));
      }
    }
  }

  // Fields that were ours and are not wanted, and maps that are empty without them.
  void take_back(const std::set<std::string>& wanted) {
    std::erase_if(map_, [&](yaml::Member& field) {
      const auto gone = [&](const std::string& pointer) {
        return was_own_.contains(pointer) && !wanted.contains(pointer);
      };
      if (gone("/" + escaped(field.key))) return true;
      auto* inner = field.value.map();
      return inner != nullptr &&
             std::erase_if(*inner,
                           [&](const yaml::Member& member) { return gone(pointer_to(field.key, member.key)); }) > 0 &&
             inner->empty();
    });
  }

  bool says_nothing() const {
    return std::ranges::all_of(map_, [](const yaml::Member& field) { return is_header(field.key); });
  }
  const Node::Map& map() const { return map_; }
  std::string text() const { return mark(own_) + print(map_); }

 private:
  // What was there with this value stays theirs.
  void set(Node& target, const Node& value, const std::string& pointer) {
    const bool same = meaning(target) == meaning(value);
    if (same && !was_own_.contains(pointer)) return;
    own_.insert(pointer);
    if (!same) target = value;
  }

  Node::Map map_;
  std::set<std::string> was_own_;
  std::set<std::string> own_;
};

class Merge {
 public:
  Merge(std::vector<Part> parts, const std::vector<Document>& wanted, const std::set<DocumentKey>& going)
      : parts_(std::move(parts)), going_(going) {
    for (const auto& document : wanted) wanted_.emplace(DocumentKey{document.kind, document.name}, &document);
  }

  Merged run() && {
    refuse_two_forms();
    std::set<DocumentKey> seen;
    for (const auto& part : parts_) {
      const auto ours = wanted_.find(part.key);
      if (part.is_empty() || !seen.insert(part.key).second)
        keep(part);
      else if (ours != wanted_.end())
        is_shared(part.key.first) ? share(part, *ours->second) : replace(part, *ours->second);
      else if (part.whole || going_.contains(part.key))
        note(out_.removed, part.key);
      else if (!part.own.empty())
        retreat(part);
      else
        keep(part);
    }
    for (const auto& [key, document] : wanted_) {
      if (seen.contains(key)) continue;
      write(is_shared(key.first) ? shared_text(*document) : mark_whole() + document->yaml);
      note(out_.added, key);
    }
    return std::move(out_);
  }

 private:
  void refuse_two_forms() {
    const auto main = std::ranges::find_if(
        parts_, [](const Part& part) { return !part.is_empty() && part.root.find("apiVersion") == nullptr; });
    const auto* machine = main == parts_.end() ? nullptr : main->root.find("machine");
    for (const auto& form : kOldForms) {
      const auto* old = machine == nullptr ? nullptr : machine->find(form.field);
      if (old == nullptr || old->map() == nullptr || old->map()->empty()) continue;
      const auto ours = wanted_.find({std::string(form.kind), ""});
      if (ours == wanted_.end()) continue;
      for (const auto& field : ours->second->from)
        out_.refused.push_back(
            {field,
             "the machine configuration has machine." + std::string(form.field) + ", and Talos takes no " +
                 std::string(form.kind) + " beside it",
             "a " + std::string(form.kind) + " document in place of machine." + std::string(form.field)});
      out_.left_out.insert(ours->first);
      wanted_.erase(ours);
    }
  }

  void replace(const Part& part, const Document& ours) {
    if (meaning(part.root) == meaning(read_ours(ours))) return keep(part);
    write(mark_whole() + ours.yaml);
    note(out_.replaced, part.key);
  }

  void share(const Part& part, const Document& ours) {
    Sharing sharing(*part.root.map(), part.own);
    sharing.put(read_ours(ours));
    if (meaning(part.root) == meaning(sharing.map())) return keep(part);
    write(sharing.text());
    note(out_.replaced, part.key);
  }

  static std::string shared_text(const Document& ours) {
    Node::Map header = read_ours(ours);
    std::erase_if(header, [](const yaml::Member& field) { return !is_header(field.key); });
    Sharing sharing(std::move(header), {});
    sharing.put(read_ours(ours));
    // A document that says no more than its name has no field that could be ours.
    return sharing.says_nothing() ? mark_whole() + ours.yaml : sharing.text();
  }

  // Ours goes out of a document that others may have written to since.
  void retreat(const Part& part) {
    Sharing sharing(*part.root.map(), part.own);
    sharing.take_back({});
    if (sharing.says_nothing()) return note(out_.removed, part.key);
    write(sharing.text());
    note(out_.replaced, part.key);
  }

  void keep(const Part& part) { out_.text += part.bytes; }

  void write(const std::string& document) {
    if (!out_.text.empty() && !out_.text.ends_with('\n')) out_.text += '\n';
    out_.text += "---\n" + document;
  }

  void note(std::set<std::string>& list, const DocumentKey& key) {
    list.insert(title(key));
    out_.kinds.insert(key.first);
  }

  std::vector<Part> parts_;
  const std::set<DocumentKey>& going_;
  std::map<DocumentKey, const Document*> wanted_;
  Merged out_;
};

}  // namespace

Result<Merged> merge(std::string_view observed, const std::vector<Document>& wanted,
                     const std::set<DocumentKey>& going) {
  GNA_LET(parts, split(observed));
  return Merge(std::move(parts), wanted, going).run();
}

}  // namespace gna::talos
