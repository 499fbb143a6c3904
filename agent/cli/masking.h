// The one place that knows what must not be shown.
//
// Whole files that are secret are never shown at all (desired::File::secret); inside any
// other text these are masked in place: PEM private keys (also base64 of one, as kubeconfigs
// carry them), bootstrap tokens, user-info in URLs. Everything the command prints or logs
// passes through here.
#pragma once

#include <string>
#include <string_view>

namespace gna::cli {

class Masker {
 public:
  // `key`: random and of this run alone, so that a hash tells "changed" and nothing else.
  explicit Masker(std::string key) : key_(std::move(key)) {}
  // A key of 32 random bytes.
  static Masker for_this_run();
  // Shows everything: --show-secrets.
  static Masker off();

  // The text with each secret in it replaced by "<secret 1a2b3c4d>". Equal secrets give equal
  // marks within one run, so masked texts can still be compared. Masking twice changes nothing.
  std::string text(std::string_view text) const;

  // "<secret 1a2b3c4d>" for bytes that are secret as a whole.
  std::string mark(std::string_view bytes) const;

  bool shows_secrets() const { return off_; }

 private:
  Masker() = default;
  std::string key_ = {};
  bool off_ = false;
};

}  // namespace gna::cli
