// The node's own containerd programs, run without a shell.
#pragma once

#include <string>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::containerd {

struct Exit {
  int status = 0;           // as waitpid(2) has it
  std::string output = {};  // stdout
  std::string words = {};   // stderr
};

// arguments[0] is an absolute path. Proxy and certificate variables of the environment are handed on,
// nothing else; no secret belongs into arguments.
//
// Errors: DeadlineExceeded (killed, with all it started); what execve says. Its exit status is no error here.
Result<Exit> run_program(std::vector<std::string> arguments, Deadline by);

// Where programs of a node are looked for, in this order; never the caller's PATH.
inline const std::vector<std::string> kProgramDirectories = {"/usr/local/bin", "/usr/bin", "/bin",    "/usr/local/sbin",
                                                             "/usr/sbin",      "/sbin",    "/opt/bin"};

// Errors: NotFound.
Result<std::string> find_program(const std::string& name,
                                 const std::vector<std::string>& directories = kProgramDirectories);

}  // namespace gna::containerd
