// The 200 files of tests/testdata/osc/bad: what the README's table asks for, and the findings as
// reviewed text below findings/. GNA_ACCEPT=1 writes those anew, and then the tests are skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include "gna/osc/parse.h"
#include "tests/unit/osc/read_file.h"

namespace gna::osc {
namespace {

namespace fs = std::filesystem;

enum class Answer { refused, warned, accepted };

// CPU time, so that a busy machine doesn't count.
class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(std::clock() - begin_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t begin_ = std::clock();
};

struct Row {
  std::string file;
  Answer answer = Answer::refused;
  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.file; }
};

// | file | what is wrong | Go codec | seed validation | strict tool | remark |
std::vector<Row> table() {
  std::vector<Row> rows;
  std::istringstream lines(read_file(kTestdata / "bad/README.md"));
  for (std::string line; std::getline(lines, line);) {
    const auto end = line.find(" | ");
    if (!line.starts_with("| ") || end == std::string::npos) continue;
    const std::string file = line.substr(2, end - 2);
    if (!fs::exists(kTestdata / "bad" / file)) continue;
    if (line.contains("| **exit 2** |"))
      rows.push_back({file, Answer::refused});
    else if (line.contains("| **exit 0, warning** |"))
      rows.push_back({file, Answer::warned});
    else if (line.contains("| **exit 0** |"))
      rows.push_back({file, Answer::accepted});
  }
  return rows;
}

bool accepting() {
  const char* value = std::getenv("GNA_ACCEPT");
  return value && std::string_view(value) == "1";
}

std::string as_text(const Parsed& parsed) {
  std::string out = fmt::format("{}\n", parsed.ok() ? "accepted" : "refused");
  for (const Finding& finding : parsed.findings)
    out +=
        fmt::format("{}:{}:{}: {}: {}: {}\n", parsed.from_secret ? "#osc.yaml" : "", finding.line, finding.column,
                    finding.severity == Severity::error ? "error" : "warning",
                    finding.field.empty() ? finding.code : finding.field + " [" + finding.code + "]", finding.message);
  return out;
}

TEST(BadInputTable, NamesEveryFileOnce) {
  const auto rows = table();
  EXPECT_EQ(rows.size(), 200u);
  const auto files = std::ranges::count_if(fs::directory_iterator(kTestdata / "bad"),
                                           [](const auto& entry) { return entry.path().filename() != "README.md"; });
  EXPECT_EQ(files, 200);
}

class BadInput : public ::testing::TestWithParam<Row> {};

TEST_P(BadInput, IsAnsweredAsTheTableSaysWithTheReviewedFindings) {
  const std::string bytes = read_file(kTestdata / "bad" / GetParam().file);
  const Stopwatch watch;
  const Parsed parsed = parse(bytes);
  EXPECT_LT(watch.seconds(), 1.0);
  const std::string text = as_text(parsed);

  const auto count = [&parsed](Severity severity) {
    return std::ranges::count(parsed.findings, severity, &Finding::severity);
  };
  switch (GetParam().answer) {
    case Answer::refused:
      EXPECT_FALSE(parsed.ok());
      EXPECT_GE(count(Severity::error), 1);
      break;
    case Answer::warned:
      EXPECT_TRUE(parsed.ok()) << text;
      EXPECT_GE(count(Severity::warning), 1);
      EXPECT_EQ(count(Severity::error), 0);
      break;
    case Answer::accepted:
      EXPECT_TRUE(parsed.ok()) << text;
      EXPECT_EQ(parsed.findings.size(), 0u) << text;
      break;
  }

  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  for (const Finding& finding : parsed.findings) {
    for (const std::string* part : {&finding.field, &finding.code, &finding.message})
      EXPECT_TRUE(std::ranges::none_of(*part, is_control)) << finding.code;
    EXPECT_GE(finding.line, 1);
    EXPECT_GE(finding.column, 1);
    EXPECT_FALSE(finding.code.empty());
    EXPECT_FALSE(finding.message.empty());
  }

  const fs::path golden =
      fs::path(GNA_SOURCE_DIR) / "tests/unit/osc/findings" / fs::path(GetParam().file).replace_extension(".txt");
  if (accepting()) {
    fs::create_directories(golden.parent_path());
    std::ofstream(golden, std::ios::binary) << text;
    GTEST_SKIP() << "written to " << golden;
  }
  ASSERT_TRUE(fs::exists(golden)) << golden << " is missing; GNA_ACCEPT=1 writes it";
  EXPECT_EQ(text, read_file(golden));
}

INSTANTIATE_TEST_SUITE_P(Osc, BadInput, ::testing::ValuesIn(table()), [](const auto& test) {
  std::string name = fs::path(test.param.file).stem().string();
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

// Too large to be stored: made here.

TEST(HugeInput, ZerosAreRefused) { EXPECT_FALSE(parse(std::string(9437184, '\0')).ok()); }

TEST(HugeInput, BlanksAreRefused) {
  EXPECT_FALSE(parse(std::string(9437184, ' ')).ok());
  const Parsed within_the_limit = parse(std::string(kMaxDocumentBytes, ' '));
  ASSERT_EQ(within_the_limit.findings.size(), 1u);
  EXPECT_EQ(within_the_limit.findings[0].code, "empty");
}

struct Nesting {
  const char* name;
  const char* piece;
  const char* code = "";
  friend void PrintTo(const Nesting& nesting, std::ostream* out) { *out << nesting.name; }
};

std::string repeated(std::string_view piece) {
  std::string text;
  while (text.size() + piece.size() <= kMaxDocumentBytes) text += piece;
  return text;
}

class HugeNesting : public ::testing::TestWithParam<Nesting> {};

TEST_P(HugeNesting, IsRefusedByDepth) {
  const std::string text = repeated(GetParam().piece);
  const Stopwatch watch;
  const Parsed parsed = parse(text);
  EXPECT_LT(watch.seconds(), 1.0);
  ASSERT_EQ(parsed.findings.size(), 1u);
  EXPECT_EQ(parsed.findings[0].code, GetParam().code);
  EXPECT_EQ(parse(text + text + text).findings.at(0).code, "too-large");
}

INSTANTIATE_TEST_SUITE_P(
    Osc, HugeNesting,
    ::testing::Values(Nesting{"flow_lists", "[", "too-deep"}, Nesting{"flow_maps", "{a: ", "too-deep"},
                      Nesting{"flow_items", "- [a, [", "too-deep"}, Nesting{"json", "{\"a\":", "too-deep"},
                      Nesting{"block_lists", "- ", "too-deep"}, Nesting{"explicit_keys", "? ", "key"}),
    [](const auto& test) { return test.param.name; });

TEST(HugeInput, ManyFilesAreRefused) {
  std::string text = "spec: {files: [\n";
  for (int i = 0; i < 700000; ++i) text += "{path: /a},\n";
  text += "]}\n";
  EXPECT_EQ(parse(text).findings.at(0).code, "too-large");
  const std::string head = text.substr(0, kMaxDocumentBytes - 16);
  const Stopwatch watch;
  EXPECT_EQ(parse(head.substr(0, head.rfind('{')) + "]}").findings.at(0).code, "too-many-nodes");
  EXPECT_LT(watch.seconds(), 1.0);
}

// A child of its own, whose peak and CPU time the kernel tells.
rusage usage_of(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  EXPECT_EQ(::wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0);
  return usage;
}

class Bounds : public ::testing::TestWithParam<Nesting> {
 protected:
  static constexpr long kPeakKib = 64 * 1024;

  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers need more memory than the parser";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "sanitizers need more memory than the parser";
#endif
#endif
  }
};

TEST_F(Bounds, HoldForEveryBadFile) {
  const auto usage = usage_of([] {
    for (const Row& row : table()) parse(read_file(kTestdata / "bad" / row.file));
  });
  EXPECT_LT(usage.ru_maxrss, kPeakKib);
}

// Four megabytes of one thing: an error, or nothing at all, but at once and in little memory.
TEST_P(Bounds, HoldForEverythingRepeated) {
  const std::string text = repeated(GetParam().piece);
  const auto usage = usage_of([&text] { parse(text); });
  EXPECT_LT(usage.ru_maxrss, kPeakKib);
  // yaml-cpp takes up to half a second on a quiet machine; what grows with the square takes minutes.
  EXPECT_LT(usage.ru_utime.tv_sec, 5);
}

INSTANTIATE_TEST_SUITE_P(
    Osc, Bounds,
    ::testing::Values(Nesting{"lists", "["}, Nesting{"maps", "{"}, Nesting{"flow_values", "{a: "},
                      Nesting{"flow_items", "- [a, ["}, Nesting{"dashes", "- "}, Nesting{"questions", "? "},
                      Nesting{"commas", "[a,"}, Nesting{"items", "- a\n"}, Nesting{"small_lists", "- [a, a, a]\n"},
                      Nesting{"small_maps", "- {a: b, c: d}\n"}, Nesting{"documents", "a: &a b\n---\n"},
                      Nesting{"own_aliases", "- &a [*a]\n"}, Nesting{"apostrophes", "'"}, Nesting{"quotes", "\""},
                      Nesting{"quotes_and_lines", "\"\n"}, Nesting{"quotes_and_lists", "''[]"}, Nesting{"bars", "|"},
                      Nesting{"lines", "\n"}, Nesting{"comments", "# \n"}, Nesting{"directives", "%TAG ! a\n"},
                      Nesting{"tags", "!a "}, Nesting{"aliases", "*a "}, Nesting{"words", "a b "},
                      Nesting{"closing", "]"}, Nesting{"keys", "a: "}, Nesting{"same_keys", "a: 1\n"},
                      Nesting{"merges", "<<: {a: 1}\n"}, Nesting{"block_scalars", "- |\n a\n"},
                      Nesting{"blank_lines_in_a_text", "a\n\n"}, Nesting{"carriage_returns", "a\r\n"}),
    [](const auto& test) { return test.param.name; });

TEST(Findings, AreCutAtOneHundredAndSaySo) {
  std::string text = "spec:\n  files:\n";
  for (int i = 0; i < 500; ++i) text += "  - {path: relative, unknown: 1}\n";
  const Parsed parsed = parse(text);
  ASSERT_EQ(parsed.findings.size(), 101u);
  EXPECT_EQ(parsed.findings.back().code, "more");
  EXPECT_FALSE(parsed.ok());
}

TEST(Findings, ErrorsAreNotCrowdedOutByWarnings) {
  std::string text = "apiVersion: extensions.gardener.cloud/v1alpha1\nkind: OperatingSystemConfig\n";
  for (int i = 0; i < 500; ++i) text += fmt::format("unknown{}: 1\n", i);
  text += "spec: {files: [{path: relative}]}\n";
  const Parsed parsed = parse(text);
  EXPECT_FALSE(parsed.ok());
  EXPECT_TRUE(std::ranges::any_of(parsed.findings, [](const Finding& f) { return f.code == "not-absolute"; }));
}

}  // namespace
}  // namespace gna::osc
