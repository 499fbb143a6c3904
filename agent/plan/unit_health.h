// Are a file and a unit as they should be? Shared by diff() and undisturbed().
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/applied.h"

namespace gna::plan {

inline constexpr std::uint32_t kUnitMode = 0600;  // upstream forces it on unit files and drop-ins

// A file whose SHA-256 nobody knows holds nothing.
inline bool holds(const observed::File& now, std::uint32_t mode, std::string_view sha256) {
  return now.kind == observed::FileKind::regular && now.mode == mode && !sha256.empty() && now.sha256 == sha256;
}

inline bool any_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// Source: man 1 systemctl, is-enabled. What has no [Install] or is made by others is never enabled again.
inline bool needs_no_enabling(const observed::Unit& seen) {
  return any_of(seen.enablement, {"enabled", "static", "indirect", "generated", "alias", "transient", "masked"});
}

inline bool is_enabled(const observed::Unit& seen) { return any_of(seen.enablement, {"enabled", "enabled-runtime"}); }

// What enabling leaves as it is, so that once is enough: a vendor's unit that will be in the offline tree some
// day, a linked unit file without [Install].
inline bool bears_no_enabling(const observed::Unit& seen, bool ours) {
  const bool not_in_tree = !ours && seen.load.empty() && seen.enablement.empty();
  return not_in_tree || seen.enablement == "linked";
}

// A unit that should run may be inactive: a oneshot that is done, a unit that waits for its trigger.
// Source: gardener systemdunitcheck.
inline bool found_dead(const observed::Unit& seen) {
  if (seen.load.empty() || seen.job_queued) return false;  // nobody to ask, or on its way
  if (seen.active == "failed") return true;
  if (seen.active != "inactive") return false;
  const bool done = seen.sub == "dead" && seen.type == "oneshot";
  return !done && !seen.triggered;
}

// The agent's own restart is on record as done before it happens, since nobody may be left to record it. Did it?
inline bool missed_restart(const AppliedUnit& ours, const observed::Unit& seen) {
  return !ours.started_with.empty() && ours.sent_with == ours.started_with && !seen.load.empty() && !seen.job_queued &&
         seen.invocation == ours.invocation_before;
}

inline bool found_running(const observed::Unit& seen) {
  return any_of(seen.active, {"active", "reloading", "activating"}) && !seen.load.empty();
}

}  // namespace gna::plan
