// Writing files that the user names: all of them whole, or none.
#pragma once

#include <string>
#include <vector>

#include "gna/base/result.h"

namespace gna::cli {

struct OutputFile {
  std::string flag = {};  // for messages: "--out"
  std::string name = {};
  std::string bytes = {};
};

// Readable for their owner only: userdata may hold secrets. A file that is there, or the one that a symlink leads
// to, is replaced; into what is no regular file (a pipe, a device) the bytes are written.
//
// Errors: of the file system; then nothing has changed but what such pipes have taken.
Result<void> write_outputs(const std::vector<OutputFile>& files);

}  // namespace gna::cli
