#include "agent/store/journal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gna/base/digest.h"
#include "tests/unit/store/random_records.h"

namespace gna::store {
namespace {

constexpr unsigned kSeed = 20261123;

struct Sample {
  std::string bytes;
  std::vector<std::size_t> ends;  // of each line
  std::vector<plan::Record> edits;
};

Sample sample(unsigned edits) {
  std::mt19937 random(kSeed);
  Sample out;
  const auto add = [&](const Entry& entry) {
    out.bytes += frame(encode(entry).value(), out.bytes.size());  // each was synced
    out.ends.push_back(out.bytes.size());
  };
  add({.manifest_sha256 = sha256_hex("m"), .bound = Bound{.last_applied = {""}, .changes = {sha256_hex("c")}}});
  for (unsigned i = 0; i < edits; ++i) {
    out.edits.push_back(random_record(random));
    add({.edit = out.edits.back()});
  }
  return out;
}

TEST(Journal, GivesBackWhatWasAppended) {
  const auto written = sample(40);
  const auto journal = read_journal(written.bytes).value();
  EXPECT_EQ(journal.manifest_sha256, sha256_hex("m"));
  EXPECT_EQ(journal.bound, (Bound{.last_applied = {""}, .changes = {sha256_hex("c")}}));
  EXPECT_EQ(journal.edits, written.edits);
}

TEST(Journal, CutShortAnywhereKeepsItsWholeLines) {
  const auto written = sample(6);
  for (std::size_t size = 0; size <= written.bytes.size(); ++size) {
    const auto journal = read_journal(std::string_view(written.bytes).substr(0, size));
    ASSERT_TRUE(journal) << size << ": " << journal.error().message;
    const auto whole =
        static_cast<std::size_t>(std::ranges::count_if(written.ends, [&](auto end) { return end <= size; }));
    EXPECT_EQ(journal->edits.size(), whole == 0 ? 0 : whole - 1) << size;
    EXPECT_EQ(journal->manifest_sha256.empty(), whole == 0) << size;
  }
}

// After a power cut the end of a file may be there as zeros, or as what lay on the disk before.
TEST(Journal, RubbishAtItsEndIsDropped) {
  const auto written = sample(3);
  for (const auto& rubbish : {std::string(100, '\0'), std::string("\n\n\n"), std::string("0000000a "),
                              std::string(3000, 'x') + "\n", frame("{}", 0).substr(0, 20) + "\n"}) {
    const auto journal = read_journal(written.bytes + rubbish);
    ASSERT_TRUE(journal) << rubbish;
    EXPECT_EQ(journal->edits, written.edits);
  }
}

TEST(Journal, EachDamagedByteBeforeTheLastLineIsCorrupt) {
  const auto written = sample(4);
  // Without the line end before it the last line looks torn as well.
  const auto last = written.ends[written.ends.size() - 2] - 1;
  for (std::size_t at = 0; at < written.bytes.size(); ++at) {
    auto damaged = written.bytes;
    damaged[at] ^= 0x20;
    const auto journal = read_journal(damaged);
    if (at < last)
      EXPECT_EQ((journal ? Code::Internal : journal.error().code), Code::Corrupt) << at;
    else
      EXPECT_EQ(journal->edits.size(), written.edits.size() - (at == last ? 2 : 1)) << at;
  }
}

// Data that was not synced comes to the disk in any order.
TEST(Journal, ALostLineThatWasNotSyncedTakesTheLaterOnesAlong) {
  const auto line = [](bool reload, std::size_t synced) {
    return frame(encode(Entry{.edit = plan::Record{.reload_owed = reload}}).value(), synced);
  };
  const auto head = frame(encode(Entry{.manifest_sha256 = "x"}).value(), 0);
  const auto lost = std::string(line(true, head.size()).size() - 1, 'z') + "\n";
  const auto journal = read_journal(head + lost + line(false, head.size()));
  ASSERT_TRUE(journal) << journal.error().message;
  EXPECT_TRUE(journal->edits.empty());
  EXPECT_EQ(read_journal(head + lost + line(false, head.size() + lost.size())).error().code, Code::Corrupt);
}

TEST(Journal, NeedsItsManifestInTheFirstLineAndThereOnly) {
  const auto head = frame(encode(Entry{.manifest_sha256 = "x"}).value(), 0);
  const auto edit = frame(encode(Entry{.edit = plan::Record{.reload_owed = true}}).value(), 0);
  EXPECT_EQ(read_journal(edit).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + edit + head).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + frame("[]", 0)).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + frame("{\"edit\":{\"files\":[]}}", 0)).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + frame("{\"edit\":{\"files\":{\"/x\":{\"mode\":-1}}}}", 0)).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + frame("{\"edit\":", 0)).error().code, Code::Corrupt);
  EXPECT_EQ(read_journal(head + edit)->edits.size(), 1u);
}

TEST(Codec, RoundTripsManifests) {
  std::mt19937 random(kSeed);
  for (int i = 0; i < 200; ++i) {
    const Manifest manifest{.applied = random_applied(random),
                            .running = i % 2 == 0,
                            .now = {.last_applied = {"a"}, .changes = {"b"}},
                            .before = {.last_applied = {"", "c"}}};
    const auto bytes = encode(manifest).value();
    EXPECT_EQ(decode_manifest(bytes).value(), manifest) << "round " << i << "\n" << bytes;
  }
}

TEST(Codec, RefusesOtherVersionsAndOtherThings) {
  EXPECT_EQ(decode_manifest(R"({"version":2})").error().code, Code::Corrupt);
  EXPECT_EQ(decode_manifest(R"({})").error().code, Code::Corrupt);
  EXPECT_EQ(decode_manifest(R"({"version":1,"applied":7})").error().code, Code::Corrupt);
  EXPECT_EQ(decode_manifest(R"({"version":1,"applied":{"units":{"a":{"run":"flying"}}}})").error().code, Code::Corrupt);
  EXPECT_EQ(decode_manifest("").error().code, Code::Corrupt);
  EXPECT_EQ(decode_manifest(R"({"version":1,"later":true})").value(), Manifest{});
}

TEST(Codec, SaysInternalForTextThatIsNotUtf8) {
  Manifest manifest;
  manifest.applied.checksum = "\xff";
  EXPECT_EQ(encode(manifest).error().code, Code::Internal);
}

}  // namespace
}  // namespace gna::store
