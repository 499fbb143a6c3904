// gna version
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
  std::string backends;
  for (const auto& name : info.backends) backends += (backends.empty() ? "" : ", ") + name;
  console.out("backends: " + backends + "\n");
  for (const auto& [name, of] : info.protos) console.out(name + " API: " + of + "\n");
  return kDone;
}

}  // namespace gna::cli
