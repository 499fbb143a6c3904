#include "agent/containerd/default_config.h"

#include <sys/wait.h>

#include "agent/containerd/process.h"

namespace gna::containerd {

Result<std::string> default_config(Deadline by) {
  GNA_LET(program, find_program("containerd"));
  GNA_LET(exit, run_program({program, "config", "default"}, by));
  if (!WIFEXITED(exit.status) || WEXITSTATUS(exit.status) != 0)
    return fail(Code::Unavailable, "containerd config default: " + exit.words);
  return std::move(exit.output);
}

}  // namespace gna::containerd
