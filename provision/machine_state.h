// provision-state: what the provisioning stage has done on a machine, and whether there is anything to do. Pure.
//
// The script (provision/format/script.cc), Ignition and `gna provision run` leave the same file; the script and
// `gna provision run` decide by the same table.
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

#include "gna/base/result.h"

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

// May the agent have to take it back?
bool is_below_certs(std::string_view path);

std::string write(const std::vector<WrittenFile>& files);  // the lines for files alone
std::string write(const MachineState& state);
// Unknown lines are passed over. Errors: Corrupt.
Result<MachineState> parse_machine_state(std::string_view text);

// The lines for files; others are passed over, and so is what lies elsewhere than below certs.d.
std::vector<WrittenFile> parse_written(std::string_view text);

struct Verdict {
  bool apply = true;
  std::string why = {};  // one line for a person; empty: a new machine
  bool operator==(const Verdict&) const = default;
};

// Nothing goes back in time, and what the agent has taken over is the agent's.
Verdict decide(const std::optional<MachineState>& before, const MachineState& wanted, bool taken_over);

}  // namespace gna::provision
