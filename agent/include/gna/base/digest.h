// SHA-256 and the two text encodings that OSCs use.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gna {

// Lower-case hex SHA-256 of the bytes.
std::string sha256_hex(std::string_view bytes);

// The same over bytes that arrive in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  std::string hex();  // ends it; call once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// HMAC-SHA-256 in lower-case hex: how `diff` shows that a secret changed.
std::string hmac_sha256_hex(std::string_view key, std::string_view bytes);

// Standard alphabet with padding, CR and LF skipped, nothing else: what Go's
// base64.StdEncoding takes. nullopt if it is anything else.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace gna
