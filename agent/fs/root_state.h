// What RootFs and Batch share.
#pragma once

#include <string>

#include "agent/fs/root_fs.h"

namespace gna::fs {

struct RootFs::State {
  std::string root;
  Fd handle;
};

}  // namespace gna::fs
