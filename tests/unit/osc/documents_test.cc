// The good documents of tests/testdata/osc: all parse, say what upstream's decoder says, and are
// written as upstream's codec writes them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "gna/base/digest.h"
#include "gna/osc/parse.h"
#include "gna/osc/write.h"
#include "tests/unit/osc/read_file.h"

namespace gna::osc {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> documents() {
  std::vector<fs::path> out;
  const auto add = [&out](const fs::path& directory) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      const bool document = name.ends_with(".yaml") || name.ends_with(".json");
      if (document && !name.ends_with(".changes.yaml") && name != "changes.yaml") out.push_back(entry.path());
    }
  };
  add(kTestdata / "cases");
  add(kTestdata / "real");
  for (const auto& entry : fs::directory_iterator(kTestdata / "upgrades"))
    if (entry.is_directory()) add(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string test_name(const fs::path& path) {
  std::string name = fs::relative(path, kTestdata).string();
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

std::string errors_of(const Parsed& parsed) {
  std::string out;
  for (const Finding& finding : parsed.findings)
    out +=
        fmt::format("{}:{}: {}: {}: {}\n", finding.line, finding.column, finding.field, finding.code, finding.message);
  return out;
}

TEST(Documents, AreAllThere) {
  // 38 cases, 22 real ones, 49 pairs
  EXPECT_EQ(documents().size(), 158u);
}

class Documents : public ::testing::TestWithParam<fs::path> {};

TEST_P(Documents, ParseAndAreReadBackFromWhatIsWritten) {
  const Parsed first = parse(read_file(GetParam()));
  ASSERT_TRUE(first.ok()) << errors_of(first);
  const std::string text = write(first.document->osc);
  const Parsed second = parse_applied(text);
  ASSERT_TRUE(second.ok()) << errors_of(second) << text;
  Osc expected = first.document->osc;
  expected.api_version = "extensions.gardener.cloud/v1alpha1";
  expected.kind = "OperatingSystemConfig";
  EXPECT_EQ(second.document->osc, expected);
  EXPECT_EQ(write(second.document->osc), text);

  const Parsed from_json = parse(write_json(first.document->osc));
  ASSERT_TRUE(from_json.ok()) << errors_of(from_json);
  EXPECT_EQ(from_json.document->osc, expected);
}

INSTANTIATE_TEST_SUITE_P(Osc, Documents, ::testing::ValuesIn(documents()),
                         [](const auto& test) { return test_name(test.param); });

// What upstream's codec makes of a case, byte for byte.
struct Canonical {
  fs::path document;
  fs::path expected;
  friend void PrintTo(const Canonical& it, std::ostream* out) { *out << it.document; }
};

std::vector<Canonical> canonical_cases() {
  std::vector<Canonical> out;
  for (const auto& entry : fs::directory_iterator(kTestdata / "cases/expected")) {
    const std::string name = entry.path().filename().string();
    const auto end = name.find(".canonical.yaml");
    if (end == std::string::npos) continue;
    fs::path document = kTestdata / "cases" / (name.substr(0, end) + ".yaml");
    if (!fs::exists(document)) document.replace_extension(".json");
    out.push_back({document, entry.path()});
  }
  std::ranges::sort(out, {}, &Canonical::document);
  return out;
}

TEST(CanonicalForm, IsKnownOfThirtyThreeCases) { EXPECT_EQ(canonical_cases().size(), 33u); }

class CanonicalForm : public ::testing::TestWithParam<Canonical> {};

TEST_P(CanonicalForm, IsWhatTheGoAgentWrites) {
  const Parsed parsed = parse(read_file(GetParam().document));
  ASSERT_TRUE(parsed.ok()) << errors_of(parsed);
  std::string expected = read_file(GetParam().expected);
  // The one difference: bits that the Go agent drops when it writes the file, parse() drops at once.
  const auto replace = [&expected](std::string_view from, std::string_view to) {
    if (const auto at = expected.find(from); at != std::string::npos) expected.replace(at, from.size(), to);
  };
  if (GetParam().document.filename() == "files-permissions.yaml") {
    replace("permissions: 2541", "permissions: 493");
    replace("permissions: 1023", "permissions: 511");
  }
  EXPECT_EQ(write(parsed.document->osc), expected);
}

INSTANTIATE_TEST_SUITE_P(Osc, CanonicalForm, ::testing::ValuesIn(canonical_cases()),
                         [](const auto& test) { return test_name(test.param.document); });

// document, list, index, path (JSON), permissions, hostName, kind, size, sha256 of the bytes
class Contents : public ::testing::TestWithParam<fs::path> {};

TEST_P(Contents, AreThoseOfUpstreamsDecoder) {
  const fs::path table = kTestdata / GetParam();
  std::istringstream lines(read_file(table));
  std::string line;
  std::getline(lines, line);
  fs::path open;
  Parsed parsed;
  int rows = 0;
  while (std::getline(lines, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    ASSERT_EQ(cells.size(), 9u) << line;
    fs::path document = table.parent_path() / cells[0];
    if (!fs::exists(document)) document = table.parent_path().parent_path() / cells[0];
    if (document != open) {
      open = document;
      parsed = parse(read_file(document));
      ASSERT_TRUE(parsed.ok()) << document << errors_of(parsed);
    }
    const Osc& osc = parsed.document->osc;
    const auto& files = cells[1] == "spec.files" ? osc.spec.files : osc.status.extension_files;
    const auto index = std::stoul(cells[2]);
    ASSERT_LT(index, files.size()) << line;
    const File& file = files[index];
    if (!cells[3].contains('\\')) {
      EXPECT_EQ(fmt::format("\"{}\"", file.path), cells[3]) << line;
    }
    const auto permissions = cells[4] == "-" ? std::nullopt : std::optional(std::stoul(cells[4]) & 0777);
    EXPECT_EQ(file.permissions, permissions) << line;
    EXPECT_EQ(file.host_name.value_or("-"), cells[5]) << line;
    EXPECT_EQ(file.content.inline_data  ? "inline"
              : file.content.secret_ref ? "secretRef"
                                        : "imageRef",
              cells[6])
        << line;
    if (file.content.inline_data) {
      const auto bytes = decode(*file.content.inline_data);
      ASSERT_TRUE(bytes) << line;
      EXPECT_EQ(bytes->size(), std::stoul(cells[7])) << line;
      EXPECT_EQ(sha256_hex(*bytes), cells[8]) << line;
    }
    ++rows;
  }
  EXPECT_GT(rows, 30);
}

INSTANTIATE_TEST_SUITE_P(Osc, Contents, ::testing::Values("cases/expected/contents.tsv", "real/contents.tsv"),
                         [](const auto& test) { return test_name(kTestdata / test.param); });

}  // namespace
}  // namespace gna::osc
