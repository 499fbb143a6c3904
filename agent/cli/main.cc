#include <fcntl.h>

#include "agent/cli/commands.h"

namespace {

// Of descriptors 0 to 2 that are closed, the next file that is opened would become the standard output or error:
// the lock, or a file that is being written. Each is held by one that answers EBADF, as a closed one does.
// Before other constructors, since libraries of ours open descriptors in theirs.
__attribute__((constructor(101))) void hold_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) == -1) (void)!::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

}  // namespace

int main(int argc, char** argv) { return gna::cli::run(argc, argv); }
