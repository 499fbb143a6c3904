// containerd's config.toml, versions 1 to 4, patched without touching what is not ours.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "gna/base/result.h"
#include "gna/desired/facts.h"
#include "gna/desired/state.h"

namespace gna::containerd {

inline constexpr const char* kConfigPath = "/etc/containerd/config.toml";

// What config.toml is made from where there is none in an offline tree.
std::string minimal_config(int version);

// The version number of a config (absent: 1).
// Errors: InvalidArgument for what is no TOML, no integer, or outside 1..4.
Result<int> config_version(std::string_view toml);

// containerd's version as an offline tree tells it: config 1 and 2: 1.6; 3: 2.1; 4: 2.3.
desired::Version version_of_config(int config_version);

// Per key (a JSON array of path elements from the top): the value before our first patch as JSON
// with types kept; "null": the key was not there.
using Originals = std::map<std::string, std::string>;

struct Patched {
  std::string toml = {};     // the bytes on disk themselves, if nothing differs in meaning
  bool changed = false;      // in meaning
  Originals originals = {};  // of keys patched now for the first time, to be recorded before the write
};

// Applies the fixed patches (facts 4.3) and the plugin entries (4.4). Keys that `before` patched and
// `settings` does not go back to the value that `originals` holds; an unknown one goes away. Tables that
// only our patches had made go with their last key.
// Integral JSON numbers become TOML integers. Everything not ours stays equal in meaning.
// Errors: InvalidArgument naming the key ("value at plugins.x is not a table").
Result<Patched> patch_config(std::string_view on_disk, const desired::Containerd& settings,
                             const std::optional<desired::Version>& containerd,
                             const std::optional<desired::Containerd>& before, const Originals& originals);

// Takes everything back.
Result<Patched> restore_config(std::string_view on_disk, const desired::Containerd& before,
                               const Originals& originals);

}  // namespace gna::containerd
