// What the state files of a node may hold: no bytes may bring the loader down, and what it
// takes it has to write so that it takes the same again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/store/codec.h"
#include "agent/store/journal.h"
#include "gna/store/store.h"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gna::store;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto journal = read_journal(bytes)) {
    gna::plan::Applied applied;
    std::string again =
        frame(encode(Entry{.manifest_sha256 = journal->manifest_sha256, .bound = journal->bound}).value(), 0);
    for (const auto& record : journal->edits) {
      gna::plan::edit(applied, record);
      again += frame(encode(Entry{.edit = record}).value(), again.size());
    }
    expect(read_journal(again)->edits == journal->edits);
  }
  // A checksum keeps mutations out of the entries; here they come in without.
  if (const auto entry = decode_entry(bytes)) expect(decode_entry(encode(*entry).value()) == *entry);
  if (const auto manifest = decode_manifest(bytes)) expect(decode_manifest(encode(*manifest).value()) == *manifest);
  if (const auto changes = parse_changes(bytes)) expect(parse_changes(write(*changes)) == *changes);
  (void)decode_index(bytes);
  (void)decode_last_run(bytes);
  return 0;
}
