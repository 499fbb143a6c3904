// gna bootstrap --config-dir DIR
#include "provision/bootstrap/bootstrap.h"

#include <unistd.h>

#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/services.h"
#include "agent/cli/stages.h"
#include "agent/cli/wiring.h"

namespace gna::cli {

int bootstrap(const Options& options, Console& console) {
  if (!options.offline() && geteuid() != 0)
    return console.fail({.code = Code::PermissionDenied,
                         .message = "bootstrap changes this machine, so it has to run as root",
                         .hint = "--root DIR works on a tree of your own."},
                        kFailed);
  auto root = fs::RootFs::open(options.offline() ? options.root : "/");
  if (!root) return console.fail(Error(root.error()).with("--root " + options.root), kBadInput);
  auto config = config::load(*root, options.config_directory);
  // A file that isn't there may still come; one that is wrong stays wrong.
  if (!config) return console.fail(config.error(), exit_code(config.error(), false));
  const auto services = make_services(*root, options.offline());
  provision::Bootstrap of{.root = *root, .services = *services, .config = std::move(*config)};
  return StagesView(options, console, deadline(options, std::chrono::minutes(30))).run(provision::bootstrap_stages(of));
}

}  // namespace gna::cli
