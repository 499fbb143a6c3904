#include "provision/encode.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <new>

namespace gna::provision {
namespace {

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// printf undoes the octal escapes.
std::string printed(std::string_view text) {
  std::string out = "\"$(printf '";
  for (const char c : text) {
    if (is_alnum(c) || std::string_view("/._-").contains(c))
      out += c;
    else
      out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return out + "')\"";
}

}  // namespace

std::string gzip(std::string_view bytes) {
  constexpr int kGzip = 16, kMemory = 9;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string shell_word(std::string_view text) {
  if (!is_plain_text(text)) return printed(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

bool is_plain_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t'; });
}

std::string delimiter_for(std::string_view text) {
  const auto lines = fmt::format("\n{}\n", text);
  std::string out = "EOF";
  for (int i = 1; lines.contains("\n" + out + "\n"); ++i) out = fmt::format("EOF{}", i);
  return out;
}

std::string percent_encode(std::string_view bytes) {
  constexpr std::string_view kAsTheyAre = "-._~/+=:,;@";
  std::string out;
  for (const char c : bytes) {
    if (is_alnum(c) || kAsTheyAre.contains(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace gna::provision
