#include "agent/content/tar.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace gna::content {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kExtensionLimit = 1 << 20;
constexpr std::uint64_t kSizeLimit = 1ull << 60;

std::unexpected<Error> corrupt(std::string what) { return fail(Code::Corrupt, "tar: " + std::move(what)); }

std::string_view field(std::string_view header, std::size_t offset, std::size_t length) {
  const auto raw = header.substr(offset, length);
  return raw.substr(0, raw.find('\0'));
}

// Octal digits between blanks and NULs, or, with the top bit set, big-endian binary (GNU).
std::optional<std::uint64_t> number(std::string_view raw) {
  if (!raw.empty() && (static_cast<unsigned char>(raw[0]) & 0x80) != 0) {
    std::uint64_t value = static_cast<unsigned char>(raw[0]) & 0x7f;
    for (const unsigned char byte : raw.substr(1)) {
      if (value >> 55 != 0) return std::nullopt;  // negative ones end here, too
      value = value << 8 | byte;
    }
    return value;
  }
  while (!raw.empty() && (raw.front() == ' ' || raw.front() == '\0')) raw.remove_prefix(1);
  while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\0')) raw.remove_suffix(1);
  std::uint64_t value = 0;
  if (raw.empty()) return value;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value, 8);
  if (error != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  return value;
}

bool checksum_fits(std::string_view header) {
  const auto stored = number(header.substr(148, 8));
  if (!stored) return false;
  std::int64_t plain = 0;
  std::int64_t with_sign = 0;  // old writers added up signed chars
  for (std::size_t i = 0; i < kBlock; ++i) {
    const char byte = i >= 148 && i < 156 ? ' ' : header[i];
    plain += static_cast<unsigned char>(byte);
    with_sign += static_cast<signed char>(byte);
  }
  return static_cast<std::int64_t>(*stored) == plain || static_cast<std::int64_t>(*stored) == with_sign;
}

std::uint64_t padded(std::uint64_t size) { return (size + kBlock - 1) / kBlock * kBlock; }

TarEntry::Kind kind_of(char type, std::string_view name) {
  switch (type) {
    case '\0':
    case '0':
    case '7': return name.ends_with('/') ? TarEntry::Kind::directory : TarEntry::Kind::file;
    case '1': return TarEntry::Kind::hard_link;
    case '2': return TarEntry::Kind::symlink;
    case '5': return TarEntry::Kind::directory;
    default: return TarEntry::Kind::other;
  }
}

}  // namespace

Result<void> TarScanner::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (zero_blocks_ >= 2) return {};  // what follows the end is padding
    if (skip_ > 0) {
      const auto count = std::min<std::uint64_t>(skip_, bytes.size());
      skip_ -= count;
      offset_ += count;
      bytes.remove_prefix(count);
      continue;
    }
    const std::uint64_t wanted = extension_ != 0 ? collect_ : kBlock - block_.size();
    const auto count = std::min<std::uint64_t>(wanted, bytes.size());
    block_.append(bytes.substr(0, count));
    offset_ += count;
    bytes.remove_prefix(count);
    if (extension_ != 0) {
      collect_ -= count;
      if (collect_ == 0) GNA_TRY(take_extension());
    } else if (block_.size() == kBlock) {
      GNA_TRY(take_header());
    }
  }
  return {};
}

Result<void> TarScanner::finish() const {
  if (zero_blocks_ >= 2) return {};
  if (skip_ > 0 || extension_ != 0 || !block_.empty()) return corrupt("cut short");
  return {};
}

Result<void> TarScanner::take_header() {
  const std::string header = std::exchange(block_, {});
  if (std::ranges::all_of(header, [](char c) { return c == '\0'; })) {
    ++zero_blocks_;
    return {};
  }
  if (zero_blocks_ > 0) return corrupt("an entry behind the end");
  if (!checksum_fits(header)) return corrupt("a header with a wrong checksum");
  const auto size = number(std::string_view(header).substr(124, 12));
  if (!size || *size > kSizeLimit) return corrupt("a size that is none");

  const char type = header[156];
  if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
    if (*size > kExtensionLimit) return corrupt("an extended header over 1 MiB");
    extension_ = type;
    collect_ = *size;
    skip_ = 0;
    return *size == 0 ? take_extension() : Result<void>{};
  }
  if (type == 'S') return fail(Code::Unsupported, "tar: a sparse file");

  TarEntry entry;
  entry.name = std::string(field(header, 0, 100));
  // GNU's own format keeps times where ustar has the prefix.
  if (const auto prefix = field(header, 345, 155);
      std::string_view(header).substr(257, 6) == std::string_view("ustar\0", 6) && !prefix.empty())
    entry.name = std::string(prefix) + "/" + entry.name;
  entry.link = std::string(field(header, 157, 100));
  if (!long_name_.empty()) entry.name = std::exchange(long_name_, {});
  if (!long_link_.empty()) entry.link = std::exchange(long_link_, {});
  entry.kind = kind_of(type, entry.name);
  entry.data_offset = offset_;
  const std::uint64_t payload = has_pax_size_ ? pax_size_ : *size;
  has_pax_size_ = false;
  // Links, directories and devices have no payload, whatever their size says.
  const bool header_only = type >= '1' && type <= '6';
  skip_ = header_only ? 0 : padded(payload);
  if (entry.kind == TarEntry::Kind::file) entry.size_bytes = payload;
  return on_entry_(entry);
}

Result<void> TarScanner::take_extension() {
  const char type = std::exchange(extension_, 0);
  skip_ = padded(block_.size()) - block_.size();
  if (type == 'L' || type == 'K') {
    std::string text = std::exchange(block_, {});
    text.resize(std::min(text.find('\0'), text.size()));
    (type == 'L' ? long_name_ : long_link_) = std::move(text);
    return {};
  }
  if (type == 'x') return take_pax();
  block_.clear();  // global headers hold nothing about an entry that counts here
  return {};
}

// Records are "LENGTH KEY=VALUE\n", the length being that of the whole record.
Result<void> TarScanner::take_pax() {
  const std::string payload = std::exchange(block_, {});
  std::string_view rest = payload;
  while (!rest.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    if (error != std::errc() || length > rest.size() || length < digits + 2 || rest[digits] != ' ' ||
        rest[length - 1] != '\n')
      return corrupt("a pax record that is none");
    const std::string_view record = rest.substr(digits + 1, length - digits - 2);
    rest.remove_prefix(length);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) return corrupt("a pax record without =");
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key.starts_with("GNU.sparse.")) return fail(Code::Unsupported, "tar: a sparse file");
    if (key == "path") long_name_ = std::string(value);
    if (key == "linkpath") long_link_ = std::string(value);
    if (key == "size") {
      const auto [last, wrong] = std::from_chars(value.data(), value.data() + value.size(), pax_size_);
      if (wrong != std::errc() || last != value.data() + value.size() || pax_size_ > kSizeLimit)
        return corrupt("a pax size that is none");
      has_pax_size_ = true;
    }
  }
  return {};
}

}  // namespace gna::content
