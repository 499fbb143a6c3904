#include "provision/take_over.h"

#include <string_view>
#include <utility>

#include "agent/containerd/hosts_toml.h"
#include "gna/base/log.h"
#include "provision/init_script.h"

namespace gna::provision {
namespace {

constexpr const char* kLastApplied = "/var/lib/gardener-node-agent/last-applied-osc.yaml";
constexpr std::string_view kHostsToml = "/hosts.toml";
constexpr std::size_t kLimit = 1u << 20;

bool exists(const fs::RootFs& root, const std::string& path) {
  const auto found = root.look(path, false);
  return found && found->kind != observed::FileKind::absent;
}

// What init.sh has put into another order since.
std::vector<WrittenFile> reordered(const fs::RootFs& root) {
  const auto text = root.read(kOrderPath, kLimit);
  return text ? parse_written(*text) : std::vector<WrittenFile>{};
}

}  // namespace

std::optional<MachineState> load_machine_state(const fs::RootFs& root) {
  const auto text = root.read(kStatePath, kLimit);
  if (!text) return std::nullopt;
  auto state = parse_machine_state(*text);
  if (state) return std::move(*state);
  log::event(log::Level::warn, "record-ignored", "a damaged record is ignored",
             {{"path", kStatePath}, {"error", state.error().message}});
  return std::nullopt;
}

Result<plan::Applied> inherited(const fs::RootFs& root) {
  plan::Applied out;
  const auto state = load_machine_state(root);
  if (!state || exists(root, kLastApplied)) return out;
  auto files = state->files;
  const auto others = reordered(root);
  files.insert(files.end(), others.begin(), others.end());
  for (const auto& file : files) {
    GNA_LET(found, root.look(file.path, true));
    if (found.kind != observed::FileKind::regular || found.sha256 != file.sha256) continue;
    if (file.path.ends_with(kHostsToml)) {
      const auto begin = std::string_view(containerd::kCertsDirectory).size() + 1;
      const auto upstream = file.path.substr(begin, file.path.size() - begin - kHostsToml.size());
      out.registries[upstream] = {.sha256 = file.sha256};
    } else {
      out.files[file.path] = {.mode = file.mode, .sha256 = file.sha256};
    }
  }
  return out;
}

}  // namespace gna::provision
