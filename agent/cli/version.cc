// gna version
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "agent/cli/build_info.h"
#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/wiring.h"

namespace gna::cli {

int version(const Options&, Console& console) {
  const VersionInfo info = {
      .version = build::kVersion,
      .commit = build::kCommit,
      .backends = backend_names(),
      .protos = {{"containerd", build::kContainerdProtos}},
  };
  if (console.is_json()) {
    console.raw(version_document(info));
    return kDone;
  }
  console.out("gna " + info.version + (info.commit.empty() ? "" : " (" + info.commit + ")") + "\n");
  console.out(fmt::format("backends: {}\n", fmt::join(info.backends, ", ")));
  for (const auto& [name, of] : info.protos) console.out(fmt::format("{} API: {}\n", name, of));
  return kDone;
}

}  // namespace gna::cli
