#include "agent/store/journal.h"

#include <charconv>
#include <optional>

#include "gna/base/digest.h"

namespace gna::store {

namespace {

// "<length of the text> <synced bytes> <checksum of both and the text> <text>\n", all in hex
constexpr std::size_t kNumberDigits = 8;
constexpr std::size_t kSumDigits = 16;
constexpr std::size_t kPrefix = kNumberDigits + 1 + kNumberDigits + 1 + kSumDigits + 1;

void append_number(std::string& out, std::size_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 4 * (kNumberDigits - 1); shift >= 0; shift -= 4) out += kDigits[number >> shift & 15];
  out += ' ';
}

std::optional<std::size_t> read_number(std::string_view digits) {
  std::size_t number = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number, 16).ec != std::errc()) return std::nullopt;
  return number;
}

struct Line {
  std::string_view text;
  std::size_t synced_bytes = 0;
};

// The line that `bytes` starts with; none if it does not start with a whole one.
std::optional<Line> first_line(std::string_view bytes) {
  if (bytes.size() <= kPrefix) return std::nullopt;
  const auto length = read_number(bytes.substr(0, kNumberDigits));
  const auto synced = read_number(bytes.substr(kNumberDigits + 1, kNumberDigits));
  if (!length || !synced || *length == 0 || *length >= bytes.size() - kPrefix) return std::nullopt;
  const Line line{.text = bytes.substr(kPrefix, *length), .synced_bytes = *synced};
  if (bytes.substr(0, kPrefix + *length + 1) != frame(line.text, line.synced_bytes)) return std::nullopt;
  return line;
}

}  // namespace

std::string frame(std::string_view text, std::size_t synced_bytes) {
  std::string line;
  line.reserve(kPrefix + text.size() + 1);
  append_number(line, text.size());
  append_number(line, synced_bytes);
  Sha256 digest;
  digest.update(line);
  digest.update(text);
  line += digest.hex().substr(0, kSumDigits);
  line += ' ';
  line += text;
  line += '\n';
  return line;
}

Result<std::vector<std::string_view>> unframe(std::string_view journal) {
  std::vector<std::string_view> texts;
  std::size_t start = 0;
  while (start < journal.size()) {
    const auto line = first_line(journal.substr(start));
    if (!line) break;
    texts.push_back(line->text);
    start += kPrefix + line->text.size() + 1;
  }
  for (auto end = journal.find('\n', start); end != std::string_view::npos; end = journal.find('\n', end + 1))
    if (const auto later = first_line(journal.substr(end + 1)); later && later->synced_bytes > start)
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
