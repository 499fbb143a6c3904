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
// The same of a whole file: one with cni.bin_dirs counts as 2.2's.
// Errors: as config_version().
Result<desired::Version> version_of_config(std::string_view toml);

// What the file held before our first patch. The key is a JSON array of path elements from the top, the
// value JSON: "null" for a key that was not there, else its value with types kept. Markers,
// which are objects with one key that begins with '$', tell of tables that we made and of types that
// JSON lacks; config_toml.cc writes and reads them, everybody else just keeps them.
using Originals = std::map<std::string, std::string>;

// Edits of the records; an absent value: forget the key. A record kept too long would one day undo what
// somebody else has written.
using OriginalsEdit = std::map<std::string, std::optional<std::string>>;

struct Patched {
  std::string toml = {};               // the bytes on disk themselves, if nothing differs in meaning
  bool changed = false;                // in meaning
  OriginalsEdit originals = {};        // to be on record before the write
  OriginalsEdit originals_after = {};  // ... and when it is done
};

// Applies the fixed patches and the plugin entries to what the file would be without us. So it does not
// matter what an earlier run did, or whether it came to its end: keys that it patched and `settings` does
// not go back to the value that `originals` holds. Keys that `before` patched and `originals` does not
// know go away. Tables that only our patches had made go with their last key.
//
// Plugin entries: in order; a path below a removed one starts anew. Integral JSON numbers become TOML
//   integers, but in lists with others that are not. JSON null drops the key.
// Everything not ours stays equal in meaning; comments and order do not.
// `containerd`: unknown means the oldest that such a file may be for.
// Errors: InvalidArgument naming the key ("value at plugins.x is not a table"), and for a file or a
//   result over the bounds of toml.h.
// Source: gardener operatingsystemconfig/containerd.go; containerd docs/cri/config.md.
Result<Patched> patch_config(std::string_view on_disk, const desired::Containerd& settings,
                             const std::optional<desired::Version>& containerd,
                             const std::optional<desired::Containerd>& before, const Originals& originals);

// Takes everything back.
Result<Patched> restore_config(std::string_view on_disk, const desired::Containerd& before, const Originals& originals);

}  // namespace gna::containerd
