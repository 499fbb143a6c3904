// gna completion SHELL
#include "agent/cli/completion.h"

#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"

namespace gna::cli {

int completion(const Options& options, Console& console) {
  console.raw(completion_script(options.topic, grammar()));
  return kDone;
}

}  // namespace gna::cli
