// A journal: one line for each entry, with its length and a checksum in front, so that an
// end that a crash has torn is told from damage in the middle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/store/codec.h"
#include "gna/base/result.h"

namespace gna::store {

// `text` has no newline in it.
std::string frame(std::string_view text);

// The texts of all whole lines. What follows the last whole one is dropped.
// Errors: Corrupt, if a whole line comes after one that is not.
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
