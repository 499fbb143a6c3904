// provision-state: what the provisioning stage has done on this machine, and whether there is anything to do.
//
// The script (provision/format/script.cc) and `gna provision run` write the same file and decide by the same table.
// Lines:
//   gna-provision 1
//   generation 1790000000
//   sha256 HEX             of the content: content_sha256()
//   machine HEX            of /etc/machine-id, so that a cloned disk is told apart
//   phase done             or the last stage of `provision run` that ended
//   file HEX MODE PATH     for each file below certs.d
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fs/root_fs.h"
#include "gna/base/result.h"
#include "gna/plan/applied.h"

namespace gna::provision {

inline constexpr const char* kStatePath = "/var/lib/gardener-node-agent/provision-state";
inline constexpr const char* kDonePhase = "done";

struct WrittenFile {
  std::string sha256 = {};
  std::uint32_t mode = 0;
  std::string path = {};
  bool operator==(const WrittenFile&) const = default;
};

struct MachineState {
  std::int64_t generation = 0;
  std::string sha256 = {};
  std::string machine = {};  // empty: not known
  std::string phase = {};
  std::vector<WrittenFile> files = {};
  bool operator==(const MachineState&) const = default;
};

std::string write(const MachineState& state);
// Unknown lines are passed over. Errors: Corrupt.
Result<MachineState> parse_machine_state(std::string_view text);

// nullopt: there is none. One that cannot be read counts as none: every step may run again.
std::optional<MachineState> load_machine_state(const fs::RootFs& root);

struct Verdict {
  bool apply = true;
  std::string why = {};  // one line for a person; empty: a new machine
  bool operator==(const Verdict&) const = default;
};

// Nothing goes back in time, and what the agent has taken over is the agent's.
Verdict decide(const std::optional<MachineState>& before, const MachineState& wanted, bool taken_over);

// What the stage has written below certs.d, is unchanged, and so becomes the agent's at its first apply: it goes
// away if the OSC doesn't want it. Empty once the agent has taken over.
Result<plan::Applied> inherited(const fs::RootFs& root);

}  // namespace gna::provision
