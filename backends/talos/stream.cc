#include "backends/talos/stream.h"

#include <algorithm>

#include "agent/yaml/reader.h"

namespace gna::talos {

namespace {

constexpr std::string_view kWhole = "# Written by gna.";
constexpr std::string_view kField = "# Written by gna: ";

// At the start of a line, whatever scalar is open: YAML 1.2, 9.1.2.
bool begins_document(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

template <typename Line>
void for_each_line(std::string_view text, const Line& line) {
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    line(begin, text.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::string text_of(const yaml::Node& root, std::string_view key) {
  const auto* node = root.find(key);
  const auto* text = node == nullptr ? nullptr : node->text();
  return text == nullptr ? std::string() : *text;
}

Result<Part> part_of(std::string_view bytes, int lines_before) {
  Part part{.bytes = bytes};
  auto document = yaml::read(bytes);
  if (!document) {
    auto problem = document.error();
    problem.at.line += lines_before;
    return std::unexpected(yaml::to_error(problem));
  }
  part.root = std::move(document->root);
  if (part.is_empty() && part.root.kind() != yaml::Kind::null)
    return fail(Code::InvalidArgument, "line " + std::to_string(lines_before + 1) + ": the document is no map");
  part.key = {text_of(part.root, "kind"), text_of(part.root, "name")};
  for_each_line(bytes, [&](std::size_t, std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == kWhole) part.whole = true;
    if (line.starts_with(kField)) part.own.emplace(line.substr(kField.size()));
  });
  return part;
}

}  // namespace

Result<std::vector<Part>> split(std::string_view stream) {
  std::vector<std::size_t> begins = {0};
  for_each_line(stream, [&](std::size_t begin, std::string_view line) {
    if (begin > 0 && begins_document(line)) begins.push_back(begin);
  });
  std::vector<Part> out;
  int lines = 0;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const auto end = i + 1 < begins.size() ? begins[i + 1] : stream.size();
    const auto bytes = stream.substr(begins[i], end - begins[i]);
    if (bytes.empty()) continue;
    GNA_LET(part, part_of(bytes, lines));
    out.push_back(std::move(part));
    lines += static_cast<int>(std::ranges::count(bytes, '\n'));
  }
  return out;
}

std::string mark_whole() { return std::string(kWhole) + "\n"; }

std::string mark(const std::set<std::string>& own) {
  std::string out;
  for (const auto& pointer : own) out += std::string(kField) + pointer + "\n";
  return out;
}

}  // namespace gna::talos
