#include "agent/yaml/reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>
#include <optional>
#include <streambuf>
#include <unordered_map>
#include <utility>

#include "agent/yaml/flow_bounds.h"
#include "agent/yaml/quoted.h"
#include "agent/yaml/scalar.h"
#include "agent/yaml/writer.h"
#include "gna/base/digest.h"
#include "gna/base/utf8.h"

namespace gna::yaml {

namespace {

// Leaves the libraries' parsers; never leaves this file.
struct Refused {
  Problem problem;
};

[[noreturn]] void refuse(Mark at, std::string code, std::string message, std::string field = {}) {
  throw Refused{{at, std::move(field), std::move(code), std::move(message)}};
}

// Keys come from the document: control characters would forge lines in a log.
std::string shown_key(std::string_view key) {
  std::string out;
  for (const char c : key.substr(0, 64)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  // A character cut in the middle would be no UTF-8.
  if (key.size() > 64) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
    out += "...";
  }
  return out;
}

// The text before any parser sees it -----------------------------------------------------------

Mark mark_of(std::string_view bytes, std::size_t offset) {
  const std::string_view before = bytes.substr(0, offset);
  const auto lines = std::ranges::count(before, '\n');
  const auto line_start = before.rfind('\n');
  return {static_cast<int>(lines) + 1,
          static_cast<int>(line_start == std::string_view::npos ? offset + 1 : offset - line_start)};
}

bool looks_like_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) return true;
  if (bytes.size() < 4) return false;
  const auto nul = [bytes](std::size_t i) { return bytes[i] == '\0'; };
  return (nul(0) && !nul(1) && nul(2) && !nul(3)) || (!nul(0) && nul(1) && !nul(2) && nul(3));
}

struct Checked {
  std::string_view text;  // without a byte order mark
  // The first place where YAML 1.1 sees a line break and YAML 1.2 or JSON do not.
  std::optional<std::size_t> odd_break = {};
};

Checked check_text(std::string_view bytes, const Limits& limits) {
  if (bytes.size() > limits.bytes)
    refuse({}, "too-large", fmt::format("{} bytes, more than the {} that are allowed", bytes.size(), limits.bytes));
  if (looks_like_utf16(bytes)) refuse({}, "utf-16", "this is UTF-16; only UTF-8 is read");
  Checked out{.text = bytes.starts_with("\xef\xbb\xbf") ? bytes.substr(3) : bytes};
  const std::string_view text = out.text;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x7f) {
      ++i;
      continue;
    }
    if (c == '\n' || c == '\t') {
      ++i;
      continue;
    }
    if (c == '\r') {
      if (!text.substr(i + 1).starts_with('\n') && !out.odd_break) out.odd_break = i;
      ++i;
      continue;
    }
    if (c < 0x80)
      refuse(mark_of(text, i), "control-character",
             c == 0 ? "a NUL byte is not allowed" : fmt::format("the control character 0x{:02x} is not allowed", c));
    const auto length = utf8_length(text.substr(i));
    if (length == 0) refuse(mark_of(text, i), "not-utf8", fmt::format("the byte 0x{:02x} is not UTF-8 here", c));
    const std::string_view character = text.substr(i, length);
    if (character == "\xc2\x85" || character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9") {
      if (!out.odd_break) out.odd_break = i;
    } else if ((c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) || character == "\xef\xbf\xbe" ||
               character == "\xef\xbf\xbf") {
      refuse(mark_of(text, i), "control-character", "a control character or noncharacter is not allowed");
    }
    i += length;
  }
  return out;
}

// Builds trees from either parser's events, and counts before it builds --------------------------

struct Size {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
  int depth = 0;
};

Size size_of(const Node& node) {
  Size out{.nodes = 1};
  const auto add = [&out](const Size& child) {
    out.nodes += child.nodes;
    out.bytes += child.bytes;
    out.depth = std::max(out.depth, child.depth);
  };
  if (const auto* text = node.text()) out.bytes = text->size();
  if (const auto* list = node.list()) {
    for (const Node& item : *list) add(size_of(item));
    ++out.depth;
  }
  if (const auto* map = node.map()) {
    for (const Member& member : *map) {
      out.bytes += member.key.size();
      add(size_of(member.value));
    }
    ++out.depth;
  }
  return out;
}

class Builder {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  void begin_map(Mark at, std::size_t anchor = 0) { begin(Node(Node::Map()), at, anchor); }
  void begin_list(Mark at, std::size_t anchor = 0) { begin(Node(Node::List()), at, anchor); }

  void end() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (auto* map = frame.node.map()) finish(*map, frame.merges);
    place(std::move(frame.node), frame.anchor);
  }

  bool wants_key() const { return !open_.empty() && open_.back().node.map() && !open_.back().key; }

  void key(Mark at, std::string text, bool merges = false) { open_.back().key = Key{at, std::move(text), merges}; }

  void scalar(Mark at, Node node, std::size_t anchor = 0) {
    count(at, 1);
    node.at = at;
    place(std::move(node), anchor);
  }

  void alias(Mark at, std::size_t anchor) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(at, "alias", "an alias within its own anchor", field());
    const auto& [node, size] = found->second;
    expand(at, size);
    if (static_cast<int>(open_.size()) + size.depth > limits_.depth) too_deep(at);
    count(at, size.nodes);
    if (wants_key()) {
      const auto* text = node.text();
      if (!text) refuse(at, "key", "an alias as a key has to stand for a string", field());
      key(at, *text);
      return;
    }
    Node copy = node;
    copy.at = at;
    place(std::move(copy), 0);
  }

  void warn(Mark at, std::string code, std::string message) {
    if (warnings_.size() < 100) warnings_.push_back({at, field(), std::move(code), std::move(message)});
  }

  void end_document() {
    anchors_.clear();
    documents_.push_back({std::move(root_), std::move(warnings_)});
    root_ = {};
    warnings_.clear();
  }

  std::vector<Document> take() { return std::move(documents_); }

  // Where the text has got to, for a problem.
  std::string field() const {
    static constexpr std::size_t kLongest = 200;
    std::string out;
    for (const Frame& frame : open_) {
      if (out.size() > kLongest) return out + "...";
      if (frame.key) {
        if (!out.empty()) out += '.';
        out += shown_key(frame.key->text);
      } else if (const auto* list = frame.node.list()) {
        out += fmt::format("[{}]", list->size());
      }
    }
    return out;
  }

 private:
  struct Key {
    Mark at;
    std::string text;
    bool merges = false;  // a plain <<
  };
  struct Merge {
    std::size_t place = 0;  // how many members stood before it
    Mark at;
    Node value;
  };
  struct Frame {
    Node node;
    std::size_t anchor = 0;
    std::optional<Key> key = {};
    std::vector<Merge> merges = {};
  };

  [[noreturn]] void too_deep(Mark at) const {
    refuse(at, "too-deep", fmt::format("lists and maps are nested more than {} deep", limits_.depth), field());
  }

  void count(Mark at, std::size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes) refuse(at, "too-many-nodes", fmt::format("more than {} nodes", limits_.nodes), field());
  }

  // Copies for anchors and aliases have a budget of their own: nested anchors copy, too.
  void expand(Mark at, const Size& size) {
    expanded_nodes_ += size.nodes;
    expanded_bytes_ += size.bytes;
    if (expanded_nodes_ > limits_.nodes || expanded_bytes_ > limits_.bytes)
      refuse(at, "alias", "aliases expand to too much", field());
  }

  void begin(Node node, Mark at, std::size_t anchor) {
    if (wants_key()) refuse(at, "key", "a list or map as a key, or one that is not closed", field());
    count(at, 1);
    if (static_cast<int>(open_.size()) >= limits_.depth) too_deep(at);
    node.at = at;
    open_.push_back({std::move(node), anchor});
  }

  void place(Node node, std::size_t anchor) {
    if (anchor != 0) {
      const Size size = size_of(node);
      expand(node.at, size);
      anchors_.insert_or_assign(anchor, std::pair(node, size));
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (auto* list = frame.node.list()) {
      list->push_back(std::move(node));
      return;
    }
    auto& map = *frame.node.map();
    if (frame.key->merges) check_merge(node, frame.key->at);
    Key key = std::move(*frame.key);
    if (key.merges) {
      frame.merges.push_back({map.size(), key.at, std::move(node)});
    } else {
      map.push_back({std::move(key.text), std::move(node), key.at});
    }
    frame.key.reset();
  }

  void check_merge(const Node& node, Mark at) const {
    const auto* list = node.list();
    const bool fits = node.map() || (list && std::ranges::all_of(*list, [](const Node& item) { return item.map(); }));
    if (!fits) refuse(at, "merge-key", "a merge key takes a map or a list of maps", field());
  }

  // Duplicates are an error whatever their number, so a sort serves better than comparing all pairs.
  void check_duplicates(const Node::Map& map) const {
    std::vector<const Member*> sorted;
    sorted.reserve(map.size());
    for (const Member& member : map) sorted.push_back(&member);
    std::ranges::sort(
        sorted, [](const Member* a, const Member* b) { return a->key != b->key ? a->key < b->key : a->at < b->at; });
    const Member* first = nullptr;
    for (std::size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->key == sorted[i]->key && (!first || sorted[i]->at < first->at)) first = sorted[i];
    if (!first) return;
    const std::string parent = field();
    refuse(first->at, "duplicate-key", "this key is given twice",
           parent.empty() ? shown_key(first->key) : parent + "." + shown_key(first->key));
  }

  // In the order of the document, as the Go library does: a merge overrides what stands before it.
  // Of a list of maps the first counts.
  void finish(Node::Map& map, std::vector<Merge>& merges) {
    check_duplicates(map);
    if (merges.empty()) return;
    Node::Map out;
    const auto set = [&out](Member member) {
      const auto same = std::ranges::find(out, member.key, &Member::key);
      if (same == out.end())
        out.push_back(std::move(member));
      else
        *same = std::move(member);
    };
    std::size_t work = 0;
    const auto merge = [&](Node& from, Mark at) {
      for (Member& member : *from.map()) {
        // Comparing with all that is there already is the price of keeping the order.
        work += out.size();
        if (work > 50 * limits_.nodes) refuse(at, "merge-key", "merge keys bring too much", field());
        const auto same = std::ranges::find(out, member.key, &Member::key);
        if (same != out.end())
          warn(at, "merge-key",
               fmt::format("the merge key overrides {}, which stands before it", shown_key(member.key)));
        set(std::move(member));
      }
    };
    std::size_t next = 0;
    for (std::size_t i = 0; i <= map.size(); ++i) {
      for (; next < merges.size() && merges[next].place == i; ++next) {
        Node& from = merges[next].value;
        if (auto* list = from.list()) {
          Node::Map together;
          for (Node& item : *list)
            for (Member& member : *item.map())
              if (std::ranges::find(together, member.key, &Member::key) == together.end()) {
                work += together.size();
                if (work > 50 * limits_.nodes)
                  refuse(merges[next].at, "merge-key", "merge keys bring too much", field());
                together.push_back(std::move(member));
              }
          Node all(std::move(together));
          merge(all, merges[next].at);
        } else {
          merge(from, merges[next].at);
        }
      }
      if (i < map.size()) {
        work += out.size();
        if (work > 50 * limits_.nodes) refuse(map[i].at, "merge-key", "merge keys bring too much", field());
        set(std::move(map[i]));
      }
    }
    map = std::move(out);
  }

  const Limits& limits_;
  std::vector<Frame> open_ = {};
  std::unordered_map<std::size_t, std::pair<Node, Size>> anchors_ = {};
  Node root_ = {};
  std::vector<Problem> warnings_ = {};
  std::vector<Document> documents_ = {};
  std::size_t nodes_ = 0;
  std::size_t expanded_nodes_ = 0;
  std::size_t expanded_bytes_ = 0;
};

// YAML -----------------------------------------------------------------------------------------

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

class Events final : public YAML::EventHandler {
 public:
  Events(std::string_view text, Builder& builder) : text_(text), builder_(builder) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // At a bracket that closes nothing yaml-cpp 0.7 finds empty documents without end.
    if (mark.pos == document_at_) refuse(mark_of(mark), "yaml-syntax", "nothing that a document could begin with");
    document_at_ = mark.pos;
  }
  void OnDocumentEnd() override { builder_.end_document(); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (builder_.wants_key()) refuse(mark_of(mark), "key", "null as a key", builder_.field());
    builder_.scalar(mark_of(mark), Node(), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { builder_.alias(mark_of(mark), anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& read) override {
    const Mark at = mark_of(mark);
    if (tag != "?" && is_cut_off(text_, static_cast<std::size_t>(std::max(mark.pos, 0))))
      refuse(at, "yaml-syntax", "the quoted text that begins here has no end", builder_.field());
    std::string value = mended(read);
    if (tag != "?" && (value.empty() || value.back() == '\n'))
      if (auto whole = ending_in_breaks(text_, static_cast<std::size_t>(std::max(mark.pos, 0))))
        value = std::move(*whole);
    if (builder_.wants_key()) {
      if (anchor != 0) refuse(at, "key", "an anchor on a key", builder_.field());
      if (tag == "?" && value == "<<") return builder_.key(at, std::move(value), true);
      return builder_.key(at, key_text(at, tag, std::move(value)));
    }
    builder_.scalar(at, typed(at, tag, std::move(value)), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark_of(mark), tag, "seq");
    builder_.begin_list(mark_of(mark), anchor);
  }
  void OnSequenceEnd() override { builder_.end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark_of(mark), tag, "map");
    builder_.begin_map(mark_of(mark), anchor);
  }
  void OnMapEnd() override { builder_.end(); }

 private:
  static Mark mark_of(const YAML::Mark& mark) { return {std::max(mark.line, 0) + 1, std::max(mark.column, 0) + 1}; }

  // yaml-cpp 0.7 has Latin-1 for the escapes \N and \_. All else being UTF-8, they are easy to tell.
  static std::string mended(const std::string& value) {
    if (value.find_first_of("\x85\xa0") == std::string::npos) return value;
    std::string out;
    for (std::size_t i = 0; i < value.size();) {
      const auto length = utf8_length(std::string_view(value).substr(i));
      if (length == 0) out += '\xc2';
      out += value.substr(i, std::max<std::size_t>(length, 1));
      i += std::max<std::size_t>(length, 1);
    }
    return out;
  }

  void check_tag(Mark at, const std::string& tag, std::string_view own) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    if (tag.starts_with(kCoreTags) && std::string_view(tag).substr(kCoreTags.size()) == own) return;
    refuse(at, "tag", "a tag that is not known here", builder_.field());
  }

  Node typed(Mark at, const std::string& tag, std::string value) {
    if (tag == "?" || tag.empty()) return plain(at, std::move(value));
    if (tag == "!") return Node(std::move(value));
    if (!tag.starts_with(kCoreTags)) refuse(at, "tag", "a tag that is not known here", builder_.field());
    const std::string_view type = std::string_view(tag).substr(kCoreTags.size());
    if (type == "str" || type == "timestamp") return Node(std::move(value));
    if (type == "binary") return binary(at, value);
    Node node = plain(at, std::move(value));
    switch (node.kind()) {
      case Kind::null:
        if (type == "null") return node;
        break;
      case Kind::boolean:
        if (type == "bool") return node;
        break;
      case Kind::integer:
      case Kind::natural:
        if (type == "int" || type == "float") return node;
        break;
      case Kind::real:
        if (type == "float") return node;
        break;
      default: break;
    }
    if (type == "null" || type == "bool" || type == "int" || type == "float")
      refuse(at, "tag", "the value does not fit its tag", builder_.field());
    refuse(at, "tag", "a tag that is not known here", builder_.field());
  }

  Node plain(Mark at, std::string value) const {
    auto resolved = resolve(value);
    if (!resolved) return Node(std::move(value));
    if (const auto* number = std::get_if<double>(&resolved->value); number && !(*number - *number == 0))
      refuse(at, "number", "neither infinity nor NaN is a number here", builder_.field());
    return std::move(*resolved);
  }

  Node binary(Mark at, const std::string& value) {
    auto bytes = base64_decode(value);
    if (!bytes) refuse(at, "tag", "!!binary is not base64", builder_.field());
    if (!is_utf8(*bytes)) refuse(at, "tag", "!!binary does not hold UTF-8", builder_.field());
    builder_.warn(at, "tag", "!!binary is decoded and then taken as a string");
    return Node(std::move(*bytes));
  }

  // Numbers and booleans as keys become the text that JSON has for them, as in Go.
  std::string key_text(Mark at, const std::string& tag, std::string value) {
    const Node node = typed(at, tag, std::move(value));
    if (const auto* text = node.text()) return *text;
    if (node.kind() == Kind::null) refuse(at, "key", "null as a key", builder_.field());
    return to_json(node);
  }

  std::string_view text_;
  Builder& builder_;
  int document_at_ = -1;
};

// An istream over bytes that stay where they are.
class View final : public std::streambuf {
 public:
  explicit View(std::string_view bytes) {
    char* begin = const_cast<char*>(bytes.data());  // NOLINT: streambuf's get area is never written to
    setg(begin, begin, begin + bytes.size());
  }
};

void read_yaml(const Checked& checked, const Limits& limits, Builder& builder) {
  if (checked.odd_break)
    refuse(mark_of(checked.text, *checked.odd_break), "line-break",
           "a line break that YAML 1.1 and 1.2 read differently; write it as an escape");
  if (const auto excess = flow_excess(checked.text, {.separators = limits.nodes})) {
    const Mark at = mark_of(checked.text, excess->offset);
    switch (excess->what) {
      case FlowExcess::What::depth: refuse(at, "too-deep", "lists and maps are nested too deep");
      case FlowExcess::What::separators: refuse(at, "too-many-nodes", fmt::format("more than {} nodes", limits.nodes));
      case FlowExcess::What::folded_keep:
        refuse(at, "folded-keep", "folded text that keeps its last line breaks is not read; write it with |+");
      case FlowExcess::What::folded_end:
        refuse(at, "folded-end", "folded text that ends in a line of blanks without a line break is not read");
      case FlowExcess::What::on_a_line: refuse(at, "yaml-syntax", "too much on one line to be YAML");
    }
  }
  View view(checked.text);
  std::istream in(&view);
  try {
    YAML::Parser parser(in);
    Events events(checked.text, builder);
    while (parser.HandleNextDocument(events)) {
    }
  } catch (const YAML::Exception& error) {
    // Some messages end in a character of the text.
    std::string message = shown_key(error.msg);
    const Mark at{std::max(error.mark.line, 0) + 1, std::max(error.mark.column, 0) + 1};
    refuse(at, "yaml-syntax", message.empty() ? "no valid YAML" : std::move(message), builder.field());
  }
}

// JSON -----------------------------------------------------------------------------------------

// The text as an iterator that tells how far the lexer has come.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** reached = nullptr;

  reference operator*() const { return *at; }
  Cursor& operator++() {
    *reached = ++at;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at == other.at; }
};

class Sax {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Sax(std::string_view text, Builder& builder) : text_(text), builder_(builder), reached_(text.data()) {}

  // A cursor is held against end(), never read as a C string.
  Cursor begin() { return {text_.data(), &reached_}; }  // NOLINT(bugprone-suspicious-stringview-data-usage)
  Cursor end() { return {text_.data() + text_.size(), &reached_}; }

  bool null() { return scalar(Node()); }
  bool boolean(bool flag) { return scalar(Node(flag)); }
  bool number_integer(number_integer_t number) { return scalar(Node(std::int64_t{number})); }
  bool number_unsigned(number_unsigned_t number) {
    static constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (number <= kLargest) return scalar(Node(static_cast<std::int64_t>(number)));
    return scalar(Node(std::uint64_t{number}));
  }
  bool number_float(number_float_t number, const string_t&) { return scalar(Node(double{number})); }
  bool string(string_t& text) { return scalar(Node(std::move(text))); }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) {
    builder_.begin_map(token());
    return true;
  }
  bool key(string_t& text) {
    builder_.key(token(), std::move(text));
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t) {
    builder_.begin_list(token());
    return true;
  }
  bool end_array() { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    failed_at_ = mark_at(std::min(position == 0 ? 0 : position - 1, text_.size()));
    return false;
  }

  Mark failed_at() const { return failed_at_; }

 private:
  bool scalar(Node node) {
    builder_.scalar(token(), std::move(node));
    return true;
  }

  bool close() {
    token();
    builder_.end();
    return true;
  }

  // The event comes when the token was read; it begins behind the one before, blanks and separators.
  // (After a number the lexer has read one character more, which is one of these or a bracket.)
  Mark token() {
    while (at_ < text_.size() && std::string_view(" \t\r\n,:").contains(text_[at_])) step();
    const Mark mark = here_;
    const auto reached = static_cast<std::size_t>(reached_ - text_.data());
    while (at_ < reached) step();
    return mark;
  }

  Mark mark_at(std::size_t offset) {
    while (at_ < offset) step();
    return here_;
  }

  void step() {
    if (text_[at_++] == '\n')
      here_ = {here_.line + 1, 1};
    else
      ++here_.column;
  }

  std::string_view text_;
  Builder& builder_;
  const char* reached_;
  std::size_t at_ = 0;
  Mark here_ = {};
  Mark failed_at_ = {};
};

// nullopt, or where the text stops being JSON.
std::optional<Mark> read_json(std::string_view text, Builder& builder) {
  Sax sax(text, builder);
  if (!nlohmann::json::sax_parse(sax.begin(), sax.end(), &sax)) return sax.failed_at();
  builder.end_document();
  return std::nullopt;
}

std::vector<Document> read_documents(std::string_view bytes, const Limits& limits) {
  const Checked checked = check_text(bytes, limits);
  const auto first = checked.text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || checked.text[first] != '{') {
    Builder builder(limits);
    read_yaml(checked, limits, builder);
    return builder.take();
  }
  Builder as_json(limits);
  const auto failed = read_json(checked.text, as_json);
  if (!failed) return as_json.take();
  // An unquoted key says that YAML was meant.
  const auto second = checked.text.find_first_not_of(" \t\r\n", first + 1);
  const bool json_meant = second == std::string_view::npos || checked.text[second] == '"';
  Builder as_yaml(limits);
  try {
    read_yaml(checked, limits, as_yaml);
  } catch (const Refused& refused) {
    // What broke the JSON tells more than what YAML makes of it.
    if (!json_meant || (refused.problem.code != "yaml-syntax" && refused.problem.code != "key")) throw;
    refuse(*failed, "json-syntax", "neither valid JSON nor YAML from here on");
  }
  auto documents = as_yaml.take();
  if (!documents.empty() && json_meant)
    documents.front().warnings.push_back({*failed, {}, "json-syntax", "no valid JSON; read as YAML"});
  return documents;
}

}  // namespace

std::expected<std::vector<Document>, Problem> read_all(std::string_view bytes, const Limits& limits) {
  try {
    auto documents = read_documents(bytes, limits);
    std::erase_if(documents, [](const Document& document) { return document.root.kind() == Kind::null; });
    return documents;
  } catch (Refused& refused) {
    return std::unexpected(std::move(refused.problem));
  }
}

std::expected<Document, Problem> read(std::string_view bytes, const Limits& limits) {
  try {
    auto documents = read_documents(bytes, limits);
    // An end marker or a last separator with nothing behind it hides nothing.
    while (documents.size() > 1 && documents.back().root.kind() == Kind::null) documents.pop_back();
    if (documents.empty()) return Document{};
    if (documents.size() > 1) {
      const Node& second = documents[1].root;
      return std::unexpected(Problem{second.at, {}, "multiple-documents", "a second document; only one is read"});
    }
    return std::move(documents.front());
  } catch (Refused& refused) {
    return std::unexpected(std::move(refused.problem));
  }
}

Error to_error(const Problem& problem) {
  const std::string where = fmt::format("line {}, column {}", problem.at.line, problem.at.column);
  return {Code::InvalidArgument, problem.field.empty()
                                     ? fmt::format("{}: {}", where, problem.message)
                                     : fmt::format("{}: {}: {}", where, problem.field, problem.message)};
}

Result<std::string> json_from_yaml(std::string_view bytes, const Limits& limits) {
  auto document = read(bytes, limits);
  if (!document) return std::unexpected(to_error(document.error()));
  return to_json(document->root);
}

}  // namespace gna::yaml
