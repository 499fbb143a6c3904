// A journal: one line for each entry, with its length and a checksum in front, and with what
// was on disk for certain when it was appended: so what a power cut has torn is told from damage.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/store/codec.h"
#include "gna/base/result.h"

namespace gna::store {

// `text` has no newline in it; `synced_bytes` of the journal were on disk before.
std::string frame(std::string_view text, std::size_t synced_bytes);

// The texts of the whole lines up to the first that is not; the rest is dropped. Of what was not
// synced a power cut may leave a later line and lose an earlier one.
// Errors: Corrupt, if a later line says that the broken one had been on disk.
Result<std::vector<std::string_view>> unframe(std::string_view journal);

struct Journal {
  std::string manifest_sha256 = {};  // "": there is none, or nothing of it is left
  Bound bound = {};
  std::vector<plan::Record> edits = {};
};

// Errors: Corrupt.
// Threads: pure; call it from anywhere.
Result<Journal> read_journal(std::string_view bytes);

}  // namespace gna::store
