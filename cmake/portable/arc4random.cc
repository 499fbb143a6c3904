// glibc has arc4random only since 2.36, and c-ares asks for it. Defined here, over getrandom(2), it keeps the
// portable binary's floor at 2.35 (Ubuntu 22.04). Linked into the program itself, so it wins over libc's.
// Source: arc4random(3), getrandom(2).
#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" {

void arc4random_buf(void* bytes, std::size_t size) noexcept {
  auto* at = static_cast<char*>(bytes);
  while (size > 0) {
    const auto got = ::getrandom(at, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // no randomness: nothing that asked for it may go on
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

std::uint32_t arc4random() noexcept {
  std::uint32_t value = 0;
  arc4random_buf(&value, sizeof value);
  return value;
}

std::uint32_t arc4random_uniform(std::uint32_t bound) noexcept {
  if (bound < 2) return 0;
  const std::uint32_t skip = -bound % bound;  // values below it would make some results likelier
  for (;;) {
    const auto value = arc4random();
    if (value >= skip) return value % bound;
  }
}
}
