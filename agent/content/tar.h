// A tar stream's headers, as its bytes come along. ustar, pax and GNU's long names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gna/base/result.h"

namespace gna::content {

struct TarEntry {
  enum class Kind { file, directory, symlink, hard_link, other } kind = Kind::other;
  std::string name = {};          // as written
  std::string link = {};          // target of links, as written
  std::uint64_t data_offset = 0;  // of a file's bytes in the stream
  std::uint64_t size_bytes = 0;
  bool operator==(const TarEntry&) const = default;
};

class TarScanner {
 public:
  using OnEntry = std::function<Result<void>(const TarEntry&)>;
  explicit TarScanner(OnEntry on_entry) : on_entry_(std::move(on_entry)) {}

  // Errors: Corrupt, Unsupported (sparse files), those of on_entry.
  Result<void> feed(std::string_view bytes);
  // The stream has ended. Errors: Corrupt, if that is amid an entry.
  Result<void> finish() const;

 private:
  Result<void> take_header();
  Result<void> take_extension();
  Result<void> take_pax();

  OnEntry on_entry_;
  std::uint64_t offset_ = 0;   // of the next byte in the stream
  std::string block_;          // a header, or an extension's payload, as far as it has come
  std::uint64_t skip_ = 0;     // payload and padding that nobody reads
  std::uint64_t collect_ = 0;  // payload of an extension, still to come
  char extension_ = 0;         // its type
  int zero_blocks_ = 0;        // two end the archive
  // What extensions said of the next entry.
  std::string long_name_;
  std::string long_link_;
  std::uint64_t pax_size_ = 0;
  bool has_pax_size_ = false;
};

}  // namespace gna::content
