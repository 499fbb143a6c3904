#include <gtest/gtest.h>

#include "agent/content/tar.h"
#include "tests/support/oci_image.h"

namespace gna::content {
namespace {

using support::tar;
using support::tar_header;
using Kind = TarEntry::Kind;

struct Scan {
  std::vector<TarEntry> entries = {};
  Result<void> result = {};
};

Scan scan(std::string_view bytes, std::size_t piece) {
  Scan out;
  TarScanner scanner([&](const TarEntry& entry) -> Result<void> {
    out.entries.push_back(entry);
    return {};
  });
  for (std::size_t at = 0; at < bytes.size() && out.result; at += piece)
    out.result = scanner.feed(bytes.substr(at, piece));
  if (out.result) out.result = scanner.finish();
  return out;
}

const std::string kEnd(1024, '\0');

TEST(TarScanner, TellsWhereTheBytesAre) {
  const std::string bytes = tar({{.name = "a/", .type = '5'},
                                 {.name = "a/x", .text = "hello"},
                                 {.name = "a/l", .text = "x", .type = '2'},
                                 {.name = "a/h", .text = "a/x", .type = '1'},
                                 {.name = "a/p", .type = '6'}});
  const auto seen = scan(bytes, bytes.size());
  ASSERT_TRUE(seen.result) << seen.result.error().message;
  ASSERT_EQ(seen.entries.size(), 5u);
  EXPECT_EQ(seen.entries[0].kind, Kind::directory);
  EXPECT_EQ(bytes.substr(seen.entries[1].data_offset, seen.entries[1].size_bytes), "hello");
  EXPECT_EQ(seen.entries[2].kind, Kind::symlink);
  EXPECT_EQ(seen.entries[3].kind, Kind::hard_link);
  EXPECT_EQ(seen.entries[3].link, "a/x");
  EXPECT_EQ(seen.entries[4].kind, Kind::other);
}

TEST(TarScanner, GivesTheSameInPiecesOfAnySize) {
  const std::string long_name = "d/" + std::string(180, 'n');
  const std::string bytes = tar({{.name = long_name, .text = std::string(700, 'x')},
                                 {.name = "l", .text = std::string(150, 't'), .type = '2'},
                                 {.name = "last", .text = "end"}});
  const auto whole = scan(bytes, bytes.size());
  ASSERT_TRUE(whole.result) << whole.result.error().message;
  EXPECT_EQ(whole.entries.at(0).name, long_name);
  EXPECT_EQ(whole.entries.at(1).link, std::string(150, 't'));
  EXPECT_EQ(whole.entries.at(2).name, "last");
  for (const std::size_t piece : {1u, 7u, 511u, 512u, 513u, 4096u}) {
    const auto seen = scan(bytes, piece);
    EXPECT_TRUE(seen.result) << piece;
    EXPECT_EQ(seen.entries, whole.entries) << piece;
  }
}

TEST(TarScanner, ReadsGnuLongNames) {
  const std::string name(130, 'g');
  std::string payload = name + '\0';
  payload.resize(512, '\0');
  const std::string bytes =
      tar_header("././@LongLink", 'L', "00000000203") + payload + tar_header("short", '0', "00000000000") + kEnd;
  const auto seen = scan(bytes, 300);
  ASSERT_TRUE(seen.result) << seen.result.error().message;
  ASSERT_EQ(seen.entries.size(), 1u);
  EXPECT_EQ(seen.entries[0].name, name);
}

TEST(TarScanner, ReadsBinarySizes) {
  const std::string size = std::string("\x80", 1) + std::string(9, '\0') + std::string("\x02\x00", 2);
  const std::string bytes = tar_header("big", '0', size) + std::string(512, 'x') + kEnd;
  const auto seen = scan(bytes, bytes.size());
  ASSERT_TRUE(seen.result) << seen.result.error().message;
  EXPECT_EQ(seen.entries.at(0).size_bytes, 512u);
}

TEST(TarScanner, PassesOverPayloadThatLinksOnlyClaim) {
  const std::string bytes = tar_header("l", '2', "00000001000", "x") + tar({{.name = "next", .text = "n"}});
  const auto seen = scan(bytes, bytes.size());
  ASSERT_TRUE(seen.result) << seen.result.error().message;
  EXPECT_EQ(seen.entries.at(1).name, "next");
}

TEST(TarScanner, IgnoresWhatFollowsTheEnd) {
  const std::string bytes = tar({{.name = "a", .text = "x"}}) + std::string(700, '\xff');
  EXPECT_TRUE(scan(bytes, 100).result);
}

TEST(TarScanner, TakesAnArchiveWithoutEndBlocks) {
  const std::string bytes = tar({{.name = "a", .text = "x"}});
  EXPECT_TRUE(scan(bytes.substr(0, bytes.size() - 1024), 100).result);
}

struct Broken {
  const char* name;
  std::string bytes;
  Code code;
};

class TarBroken : public testing::TestWithParam<Broken> {};

TEST_P(TarBroken, IsRefused) {
  const auto seen = scan(GetParam().bytes, 512);
  ASSERT_FALSE(seen.result);
  EXPECT_EQ(seen.result.error().code, GetParam().code) << seen.result.error().message;
}

std::string pax(const std::string& records) {
  std::string payload = records;
  payload.resize(512, '\0');
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", records.size());
  return tar_header("pax", 'x', size) + payload + tar_header("a", '0', "00000000000") + kEnd;
}

INSTANTIATE_TEST_SUITE_P(
    Table, TarBroken,
    testing::Values(Broken{"WrongChecksum", std::string(512, 'x') + kEnd, Code::Corrupt},
                    Broken{"CutInAHeader", tar({{.name = "a"}}).substr(0, 100), Code::Corrupt},
                    Broken{"CutInAFile", tar({{.name = "a", .text = std::string(600, 'x')}}).substr(0, 1100),
                           Code::Corrupt},
                    Broken{"SizeIsText", tar_header("a", '0', "0000000000z") + kEnd, Code::Corrupt},
                    Broken{"SizeIsNegative", tar_header("a", '0', std::string(12, '\xff')) + kEnd, Code::Corrupt},
                    Broken{"EntryBehindTheEnd", std::string(512, '\0') + tar({{.name = "a"}}), Code::Corrupt},
                    Broken{"HugeExtension", tar_header("x", 'x', "77777777777") + kEnd, Code::Corrupt},
                    Broken{"PaxWithoutLength", pax("path=x\n"), Code::Corrupt},
                    Broken{"PaxTooLong", pax("99 path=x\n"), Code::Corrupt},
                    Broken{"PaxZeroLength", pax("0 path=x\n"), Code::Corrupt},
                    Broken{"PaxWithoutEquals", pax("7 path\n"), Code::Corrupt},
                    Broken{"PaxSizeIsText", pax("10 size=x\n"), Code::Corrupt},
                    Broken{"PaxSparse", pax("22 GNU.sparse.major=1\n"), Code::Unsupported},
                    Broken{"OldSparse", tar_header("a", 'S', "00000000000") + kEnd, Code::Unsupported}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace gna::content
