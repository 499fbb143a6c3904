// hosts.toml: one policy, one renderer, for both stages (provision and reconcile).
//
// All hosts are written: those that answered first, otherwise in the order given.
// Pure: liveness and containerd's version are handed in, so equal input gives equal bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/desired/facts.h"
#include "gna/desired/state.h"
#include "gna/observed/state.h"

namespace gna::containerd {

inline constexpr const char* kCertsDirectory = "/etc/containerd/certs.d";
std::string hosts_toml_path(const std::string& upstream);

// From containerd 2.0.7 on hosts.toml knows dial_timeout.
bool knows_dial_timeout(const std::optional<desired::Version>& containerd);
inline constexpr const char* kDialTimeout = "1s";

// Byte layout: gardener operatingsystemconfig/containerd.go, with TOML-conform escapes where
// Go's %q would break the file, and JSON arrays without blanks.
// `dial_timeout`: written into each host table if set.
std::string render_hosts_toml(const desired::Registry& registry, const std::optional<std::string>& dial_timeout);

// The hosts reordered: those that answered first; unknown counts as not answered only if another answered.
desired::Registry live_first(desired::Registry registry, const observed::State& now);

// The bytes that should lie on disk, given those that do (empty: none). With `keep_order` and the
// same hosts there, their order and dial_timeout stay.
std::string wanted_hosts_toml(const desired::Registry& registry, std::string_view on_disk, bool keep_order,
                              const observed::State& now, const desired::Facts& facts);

}  // namespace gna::containerd
