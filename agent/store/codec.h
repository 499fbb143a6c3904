// Our records as bytes: JSON, defaults left out, keys sorted, so equal records print as
// equal bytes.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gna/base/result.h"
#include "gna/plan/applied.h"
#include "gna/plan/record.h"
#include "gna/store/store.h"

namespace gna::store {

// The Go agent's two files as we wrote them: SHA-256, "" for an absent one. More than one
// where a crash may leave either.
struct Bound {
  std::set<std::string> last_applied = {};
  std::set<std::string> changes = {};
  bool operator==(const Bound&) const = default;
  void add(const Bound& other);
};

struct Manifest {
  plan::Applied applied = {};
  bool running = false;  // begin() wrote it, finish() has not followed
  Bound now = {};
  Bound before = {};  // counts until a journal upon this manifest says that all is in place
  bool operator==(const Manifest&) const = default;
};

// The first entry of a journal names its manifest; the others are edits or bindings.
struct Entry {
  std::optional<std::string> manifest_sha256 = {};
  std::optional<plan::Record> edit = {};
  std::optional<Bound> bound = {};
  bool operator==(const Entry&) const = default;
};

// Counts as long as its manifest is the one on disk, so that any begun run ends it.
struct IndexFile {
  Index index = {};
  std::string manifest_sha256 = {};
  bool operator==(const IndexFile&) const = default;
};

// Errors: of encode: Internal (a string that is not UTF-8); of decode: Corrupt, without the file's name.
Result<std::string> encode(const Manifest& manifest);
Result<std::string> encode(const Entry& entry);  // one line, without its end
Result<std::string> encode(const IndexFile& index);
Result<std::string> encode(const LastRun& run);
Result<Manifest> decode_manifest(std::string_view bytes);
Result<Entry> decode_entry(std::string_view bytes);
Result<IndexFile> decode_index(std::string_view bytes);
Result<LastRun> decode_last_run(std::string_view bytes);

}  // namespace gna::store
