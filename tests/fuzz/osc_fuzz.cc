// No bytes bring the parser down, and what it takes keeps its promises: safe names, findings that
// can be printed, and a text that is read back as the same document.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"
#include "gna/osc/parse.h"
#include "gna/osc/secrets.h"
#include "gna/osc/write.h"

namespace {

using namespace gna;

void expect(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(const std::string& text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_findings(const osc::Parsed& parsed) {
  expect(parsed.findings.size() <= 101);
  bool error = false;
  for (const osc::Finding& finding : parsed.findings) {
    expect(finding.line >= 1 && finding.column >= 1 && !finding.code.empty() && !finding.message.empty());
    expect(is_printable(finding.field) && is_printable(finding.message));
    error = error || finding.severity == osc::Severity::error;
  }
  expect(parsed.ok() == !error);
}

void check_document(const osc::Osc& osc) {
  const auto safe_path = [](const osc::File& file) {
    expect(file.path.starts_with('/') && file.path.size() > 1 && !file.path.contains("/../") &&
           !file.path.contains("//") && !file.path.contains('\0') && file.permissions.value_or(0) <= 0777);
    expect(!file.content.inline_data || osc::decode(*file.content.inline_data).has_value());
  };
  std::ranges::for_each(osc.spec.files, safe_path);
  std::ranges::for_each(osc.status.extension_files, safe_path);
  for (const osc::Unit& unit : osc::merged_units(osc)) {
    expect(!unit.name.empty() && !unit.name.contains('/') && unit.name.size() <= 255);
    for (const osc::DropIn& drop_in : unit.drop_ins)
      expect(!drop_in.name.empty() && !drop_in.name.contains('/') && drop_in.name != "." && drop_in.name != "..");
  }
  if (osc::has_containerd(osc))
    for (const osc::Registry& registry : osc.spec.cri_config->containerd->registries)
      expect(!registry.upstream.empty() && !registry.upstream.contains('/') && registry.upstream != "..");
}

// Aliases are written out, so the text may have grown beyond the bounds: then there is nothing to compare.
void check_round_trip(const osc::Osc& osc) {
  const std::string text = osc::write(osc);
  if (text.size() > osc::kMaxDocumentBytes) return;
  const auto again = osc::parse_applied(text);
  expect(again.ok());
  auto expected = osc;
  expected.api_version = again.document->osc.api_version;
  expected.kind = again.document->osc.kind;
  expect(again.document->osc == expected);
  expect(osc::write(again.document->osc) == text);
  const std::string json = osc::write_json(osc);
  if (json.size() > osc::kMaxDocumentBytes) return;
  const auto from_json = osc::parse_applied(json);
  expect(from_json.ok() && from_json.document->osc == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = osc::parse(bytes);
  check_findings(parsed);
  if (parsed.ok()) {
    check_document(parsed.document->osc);
    check_round_trip(parsed.document->osc);
  }
  const auto applied = osc::parse_applied(bytes);
  check_findings(applied);
  if (applied.ok()) check_document(applied.document->osc);
  (void)osc::parse_secrets(bytes);

  // Trees of any shape, not only those of an OSC.
  if (const auto tree = yaml::read(bytes)) {
    const std::string json = yaml::to_json(tree->root);
    const std::string text = yaml::write(tree->root);
    if (json.size() > osc::kMaxDocumentBytes || text.size() > osc::kMaxDocumentBytes) return 0;
    const auto again = yaml::read(text);
    expect(again.has_value() && yaml::to_json(again->root) == json);
    expect(yaml::write(again->root) == text);
  }
  return 0;
}
