// What a mirror's CA bundle has to be. OpenSSL stays in ca_bundle.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "gna/base/result.h"

namespace gna::provision {

struct CaBundle {
  int certificates = 0;
  std::int64_t not_before = 0;  // Unix time from which on all of them hold
  std::int64_t not_after = 0;   // until the first of them expires
};

// PEM certificates, with nothing but comments between them: containerd fails the whole pull for a file
// without any, and whatever else was in the file would lie on every node.
//
// Errors: InvalidArgument; the message repeats nothing of the text.
Result<CaBundle> check_ca_bundle(std::string_view pem);

}  // namespace gna::provision
