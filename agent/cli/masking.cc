#include "agent/cli/masking.h"

#include <sys/random.h>

#include <array>
#include <cctype>

#include "gna/base/digest.h"

namespace gna::cli {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kPrivateKey = "PRIVATE KEY";
// base64 of "-----BEGIN", less the last bits that depend on what follows.
constexpr std::string_view kBeginBase64 = "LS0tLS1CRUdJTi";

bool is_base64(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '='; }
bool is_token(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Where a PEM private key that begins at `begin` ends; npos: it is none. One without its end
// reaches to the end of the text: better too much than half a key.
std::size_t end_of_pem_key(std::string_view text, std::size_t begin) {
  const auto label_begin = begin + kBegin.size();
  const auto label_end = text.find(kDashes, label_begin);
  if (label_end == std::string_view::npos || label_end - label_begin > 64) return std::string_view::npos;
  const auto label = text.substr(label_begin, label_end - label_begin);
  if (!label.ends_with(kPrivateKey)) return std::string_view::npos;
  const std::string closing = "-----END " + std::string(label) + "-----";
  const auto end = text.find(closing, label_end);
  return end == std::string_view::npos ? text.size() : end + closing.size();
}

// The run of base64 from `begin` on, over line breaks and indentation as YAML folds it.
std::size_t end_of_base64(std::string_view text, std::size_t begin) {
  auto at = begin;
  while (true) {
    while (at < text.size() && is_base64(text[at])) ++at;
    auto next = at;
    while (next < text.size() && is_blank(text[next])) ++next;
    auto run = next;
    while (run < text.size() && is_base64(text[run])) ++run;
    // A following line belongs to it if it is nothing but base64, and not the next key of the document.
    const bool whole_line = run == text.size() || text[run] == '\n' || text[run] == '\r';
    if (next == at || text.substr(at, next - at).find('\n') == std::string_view::npos || run - next < 16 || !whole_line)
      return at;
    at = run;
  }
}

bool hides_private_key(std::string_view base64) {
  std::string clean;
  for (const char c : base64)
    if (!is_blank(c) && c != '=') clean.push_back(c);
  clean.resize(clean.size() / 4 * 4);
  const auto decoded = base64_decode(clean);
  return decoded && decoded->find(kPrivateKey) != std::string::npos;
}

// A URL's authority begins at `begin`. Gives the place of the '@' that ends its user-info, or npos.
std::size_t end_of_user_info(std::string_view text, std::size_t begin) {
  auto stop = begin;
  while (stop < text.size() && static_cast<unsigned char>(text[stop]) > ' ' &&
         std::string_view("\"'`\\").find(text[stop]) == std::string_view::npos)
    ++stop;
  const auto whole = text.substr(begin, stop - begin);
  const auto slash = whole.find_first_of("/?#");
  const auto authority = whole.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) return begin + at;
  // A password with a raw slash is no good URL, and a password all the same: "a:b/c@host" has
  // no port where one would have to be.
  const auto colon = authority.rfind(':');
  if (slash == std::string_view::npos || colon == std::string_view::npos || authority.starts_with('['))
    return std::string_view::npos;
  const auto port = authority.substr(colon + 1);
  if (!port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos) return std::string_view::npos;
  const auto at = whole.rfind('@');
  return at == std::string_view::npos ? std::string_view::npos : begin + at;
}

// abcdef.0123456789abcdef, standing alone: `dot` is the place of its dot.
bool is_bootstrap_token(std::string_view text, std::size_t dot) {
  constexpr std::size_t kId = 6, kSecret = 16;
  if (dot < kId || dot + kSecret >= text.size()) return false;
  for (auto i = dot - kId; i < dot; ++i)
    if (!is_token(text[i])) return false;
  for (auto i = dot + 1; i <= dot + kSecret; ++i)
    if (!is_token(text[i])) return false;
  if (dot > kId && is_word(text[dot - kId - 1])) return false;
  const auto after = dot + kSecret + 1;
  return after == text.size() || !is_word(text[after]);
}

}  // namespace

Masker Masker::for_this_run() {
  std::array<char, 32> key{};
  // Cannot fail for so few bytes once the kernel's pool is up; it waits until then.
  while (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) {
  }
  return Masker(std::string(key.data(), key.size()));
}

Masker Masker::off() {
  Masker out;
  out.off_ = true;
  return out;
}

std::string Masker::mark(std::string_view bytes) const {
  if (off_) return std::string(bytes);
  return "<secret " + hmac_sha256_hex(key_, bytes).substr(0, 8) + ">";
}

std::string Masker::text(std::string_view text) const {
  if (off_) return std::string(text);
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;  // what lies before is in `out`
  const auto replace = [&](std::size_t begin, std::size_t end) {
    out.append(text, copied, begin - copied);
    out += mark(text.substr(begin, end - begin));
    copied = end;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '-': {
        if (!text.substr(at).starts_with(kBegin)) break;
        const auto end = end_of_pem_key(text, at);
        if (end == std::string_view::npos) break;
        replace(at, end);
        at = end - 1;
        break;
      }
      case 'L': {
        if (!text.substr(at).starts_with(kBeginBase64) || (at > 0 && is_base64(text[at - 1]) && text[at - 1] != '='))
          break;
        const auto end = end_of_base64(text, at);
        if (!hides_private_key(text.substr(at, end - at))) break;
        replace(at, end);
        at = end - 1;
        break;
      }
      case ':': {
        // JSON may write a slash as \/.
        const auto rest = text.substr(at);
        const std::size_t slashes = rest.starts_with("://") ? 3 : rest.starts_with(R"(:\/\/)") ? 5 : 0;
        if (slashes == 0) break;
        const auto begin = at + slashes;
        const auto end = end_of_user_info(text, begin);
        if (end == std::string_view::npos || end <= begin) break;
        replace(begin, end);
        at = end - 1;
        break;
      }
      case '.': {
        if (!is_bootstrap_token(text, at) || at - 6 < copied) break;
        replace(at - 6, at + 17);
        at += 16;
        break;
      }
      default: break;
    }
  }
  out.append(text, copied, text.size() - copied);
  return out;
}

}  // namespace gna::cli
