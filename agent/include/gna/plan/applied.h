// What gna has done on this machine: a manifest, not a copy of the OSC.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "gna/desired/state.h"

namespace gna::plan {

struct AppliedFile {
  std::uint32_t mode = 0;
  std::string sha256 = {};  // empty: unknown (an image that the Go agent copied)
  std::optional<desired::ImageSource> image = {};
  bool overwrote = false;  // something that was not ours lay there before
  bool operator==(const AppliedFile&) const = default;
};

// AppliedUnit::sent_with of a unit that is not ours and has lost what it had of ours.
inline constexpr const char* kWithoutOurs = "without-ours";

struct AppliedUnit {
  bool owns_file = false;                            // we wrote the unit file
  std::string file_sha256 = {};                      // empty: unknown
  std::map<std::string, std::string> drop_ins = {};  // those that we wrote → SHA-256, or "" if unknown
  bool enabled = true;
  desired::Run run = desired::Run::running;
  bool expected = true;  // desired::Unit::expected
  // desired::digest() at its last start (or stop). Empty: a restart is owed.
  std::string started_with = {};
  // A job that was sent and whose end is not on record: it was for this digest, and the
  // unit's InvocationID before it was this one. The agent's own unit keeps them: its restart
  // is recorded in started_with before it happens.
  std::string sent_with = {};
  std::string invocation_before = {};
  bool operator==(const AppliedUnit&) const = default;
};

struct AppliedRegistry {
  std::string digest = {};  // desired::digest of what hosts.toml was written from
  std::string sha256 = {};  // of hosts.toml; empty: unknown
  bool operator==(const AppliedRegistry&) const = default;
};

struct Applied {
  std::map<std::string, AppliedFile> files = {};
  std::map<std::string, AppliedUnit> units = {};
  std::map<std::string, AppliedRegistry> registries = {};
  // What config.toml was patched with; absent: it carries nothing of ours.
  std::optional<desired::Containerd> containerd = {};
  // Values that it had before our first patch, per key (a JSON array of path elements).
  // A JSON null: the key was not there. A key of ours that is missing here (the Go agent
  // patched it): unknown, so it goes.
  std::map<std::string, std::string> containerd_originals = {};
  std::string containerd_config_sha256 = {};  // of config.toml; empty: unknown
  std::string containerd_started_with = {};   // containerd_digest() at its last restart; empty: owed
  // As of a unit: the restart that was sent for these settings and whose end is not on record.
  std::string containerd_sent_with = {};
  std::string containerd_invocation_before = {};
  bool reload_owed = false;
  bool agent_restart_owed = false;
  std::optional<std::string> cpu_manager_policy = {};
  std::string checksum = {};  // of the OSC that was applied wholly last; empty: none yet
  bool operator==(const Applied&) const = default;

  // Was anything ever applied here?
  bool empty() const { return files.empty() && units.empty() && registries.empty() && !containerd; }
};

}  // namespace gna::plan
