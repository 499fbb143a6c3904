#include "agent/osc/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace gna::osc {

namespace {

constexpr std::size_t kMostFindings = 100;

// A label, or an unknown field: it comes from the document.
std::string shown_name(std::string_view name) {
  std::string quoted = rules::shown(name);
  return quoted.substr(1, quoted.size() - 2);
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::string Path::text() const {
  if (step == Step::root) return {};
  std::string out = parent->text();
  switch (step) {
    case Step::member:
      if (!out.empty()) out += '.';
      return out + shown_name(name);
    case Step::item: return out + fmt::format("[{}]", index);
    case Step::key: return out + fmt::format("[{}]", rules::shown(name));
    case Step::root: break;
  }
  return out;
}

void Findings::add(Finding finding) {
  const bool is_error = finding.severity == Severity::error;
  auto& list = is_error ? errors_ : warnings_;
  ++(is_error ? error_count_ : warning_count_);
  if (list.size() < kMostFindings) list.push_back(std::move(finding));
}

void Findings::refuse(yaml::Mark at, const Path& path, std::string code, std::string message) {
  if (errors_.size() >= kMostFindings) {
    ++error_count_;
    return;
  }
  add({Severity::error, at.line, at.column, path.text(), std::move(code), std::move(message)});
}

void Findings::complain(yaml::Mark at, const Path& path, std::string code, std::string message) {
  if (lenient())
    warn(at, path, std::move(code), std::move(message));
  else
    refuse(at, path, std::move(code), std::move(message));
}

void Findings::warn(yaml::Mark at, const Path& path, std::string code, std::string message) {
  if (warnings_.size() >= kMostFindings) {
    ++warning_count_;
    return;
  }
  add({Severity::warning, at.line, at.column, path.text(), std::move(code), std::move(message)});
}

std::vector<Finding> Findings::take() {
  std::vector<Finding> out = std::move(errors_);
  const auto room = kMostFindings - out.size();
  for (std::size_t i = 0; i < std::min(room, warnings_.size()); ++i) out.push_back(std::move(warnings_[i]));
  std::ranges::stable_sort(
      out, [](const Finding& a, const Finding& b) { return std::tie(a.line, a.column) < std::tie(b.line, b.column); });
  const auto left_out = error_count_ + warning_count_ - out.size();
  if (left_out > 0) {
    const Finding& last = out.back();
    out.push_back({error_count_ > kMostFindings ? Severity::error : Severity::warning,
                   last.line,
                   last.column,
                   {},
                   "more",
                   fmt::format("{} more findings are not shown", left_out)});
  }
  return out;
}

void refuse_type(Findings& findings, const yaml::Node& node, const Path& path, std::string_view expected) {
  findings.refuse(node.at, path, "wrong-type",
                  fmt::format("expected {}, found {}", expected, yaml::describe(node.kind())));
}

Object::Object(Findings& findings, yaml::Node* node, const Path& path) : findings_(findings), path_(path) {
  if (!node) return;
  at_ = node->at;
  map_ = node->map();
  if (!map_) {
    refuse_type(findings, *node, path, "a map");
    return;
  }
  seen_.resize(map_->size());
}

yaml::Member* Object::find(std::string_view name) {
  if (!map_) return nullptr;
  const auto found = std::ranges::find(*map_, name, &yaml::Member::key);
  if (found == map_->end()) return nullptr;
  return &*found;
}

const yaml::Member* Object::find(std::string_view name) const {
  if (!map_) return nullptr;
  const auto found = std::ranges::find(*map_, name, &yaml::Member::key);
  return found == map_->end() ? nullptr : &*found;
}

yaml::Mark Object::at(std::string_view name) const {
  const auto* found = find(name);
  return found ? found->value.at : at_;
}

bool Object::has(std::string_view name) const { return find(name) != nullptr; }

yaml::Node* Object::member(std::string_view name) {
  asked_.push_back(name);
  auto* found = find(name);
  if (!found) return nullptr;
  seen_[static_cast<std::size_t>(found - map_->data())] = true;
  return found->value.kind() == yaml::Kind::null ? nullptr : &found->value;
}

void Object::known(std::initializer_list<std::string_view> names) {
  for (const auto name : names) member(name);
}

bool Object::text(std::string_view name, std::string& into) {
  std::optional<std::string> found;
  const bool right = text(name, found);
  if (found) into = std::move(*found);
  return right;
}

bool Object::text(std::string_view name, std::optional<std::string>& into) {
  auto* node = member(name);
  if (!node) return true;
  auto* text = node->text();
  if (!text) {
    refuse_type(findings_, *node, path_ / name, "a string");
    return false;
  }
  into = std::move(*text);
  return true;
}

void Object::flag(std::string_view name, std::optional<bool>& into) {
  auto* node = member(name);
  if (!node) return;
  if (const auto* flag = std::get_if<bool>(&node->value))
    into = *flag;
  else
    refuse_type(findings_, *node, path_ / name, "a boolean");
}

bool Object::texts(std::string_view name, std::vector<std::string>& into, std::vector<yaml::Mark>* marks) {
  return items(name, [&](yaml::Node& item, const Path& path) {
    if (auto* text = item.text()) {
      into.push_back(std::move(*text));
      if (marks) marks->push_back(item.at);
    } else {
      refuse_type(findings_, item, path, "a string");
    }
  });
}

void Object::finish() {
  if (!map_) return;
  for (std::size_t i = 0; i < map_->size(); ++i) {
    if (seen_[i]) continue;
    const yaml::Member& member = (*map_)[i];
    const auto similar =
        std::ranges::find_if(asked_, [&member](std::string_view name) { return equal_but_for_case(name, member.key); });
    findings_.warn(member.at, path_ / member.key, "unknown-field",
                   similar == asked_.end() ? "unknown field, ignored"
                                           : fmt::format("unknown field, ignored; did you mean {}?", *similar));
  }
}

}  // namespace gna::osc
