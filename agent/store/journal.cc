#include "agent/store/journal.h"

#include <charconv>

#include "gna/base/digest.h"

namespace gna::store {

namespace {

// "<length, 8 hex> <SHA-256 of the text, its first 16 hex> <text>\n"
constexpr std::size_t kLengthDigits = 8;
constexpr std::size_t kSumDigits = 16;
constexpr std::size_t kPrefix = kLengthDigits + 1 + kSumDigits + 1;

std::string sum_of(std::string_view text) { return sha256_hex(text).substr(0, kSumDigits); }

}  // namespace

std::string frame(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string line;
  line.reserve(kPrefix + text.size() + 1);
  for (int shift = 4 * (kLengthDigits - 1); shift >= 0; shift -= 4) line += kDigits[text.size() >> shift & 15];
  line += ' ';
  line += sum_of(text);
  line += ' ';
  line += text;
  line += '\n';
  return line;
}

namespace {

// The text of the line that `bytes` starts with; nothing if it does not start with a whole one.
std::string_view first_line(std::string_view bytes) {
  if (bytes.size() <= kPrefix) return {};
  std::size_t length = 0;
  if (std::from_chars(bytes.data(), bytes.data() + kLengthDigits, length, 16).ec != std::errc()) return {};
  if (length == 0 || length >= bytes.size() - kPrefix) return {};
  const auto text = bytes.substr(kPrefix, length);
  return bytes.substr(0, kPrefix + length + 1) == frame(text) ? text : std::string_view();
}

}  // namespace

Result<std::vector<std::string_view>> unframe(std::string_view journal) {
  std::vector<std::string_view> texts;
  std::size_t start = 0;
  while (start < journal.size()) {
    const auto text = first_line(journal.substr(start));
    if (text.empty()) break;
    texts.push_back(text);
    start += kPrefix + text.size() + 1;
  }
  // Lines are only ever appended: whatever is whole after a broken one was not left by a crash.
  for (auto end = journal.find('\n', start); end != std::string_view::npos; end = journal.find('\n', end + 1))
    if (!first_line(journal.substr(end + 1)).empty())
      return fail(Code::Corrupt, "damaged at byte " + std::to_string(start));
  return texts;
}

Result<Journal> read_journal(std::string_view bytes) {
  GNA_LET(texts, unframe(bytes));
  Journal journal;
  for (const auto text : texts) {
    GNA_LET(entry, decode_entry(text));
    if ((text.data() == texts.front().data()) != entry.manifest_sha256.has_value())
      return fail(Code::Corrupt, "its first line, and no other, has to name a manifest");
    if (entry.manifest_sha256) journal.manifest_sha256 = std::move(*entry.manifest_sha256);
    if (entry.bound) journal.bound.add(*entry.bound);
    if (entry.edit) journal.edits.push_back(std::move(*entry.edit));
  }
  return journal;
}

}  // namespace gna::store
