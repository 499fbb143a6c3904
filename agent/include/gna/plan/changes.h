// The OS-neutral work between three states.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gna/desired/state.h"
#include "gna/observed/state.h"
#include "gna/plan/applied.h"

namespace gna::plan {

enum class Why {
  created,  // not applied before
  changed,  // the OSC says something else now
  drifted,  // the machine was changed by somebody else
  owed,     // an earlier run was cut short
  removed,  // the OSC no longer has it
};
std::string_view to_string(Why why);

struct FileWrite {
  desired::File file = {};
  Why why = Why::created;
  bool exists = false;      // something lies there
  bool overwrites = false;  // ... that was not ours
  bool operator==(const FileWrite&) const = default;
};

struct UnitChange {
  Why why = Why::created;
  std::optional<std::string> write_content = {};  // the unit file, if it has to be written
  std::map<std::string, std::string> write_drop_ins = {};
  std::set<std::string> delete_drop_ins = {};  // ours that are gone
  std::optional<bool> set_enabled = {};
  bool delete_file = false;  // the unit lives on, its file is no longer ours
  enum class Job { none, restart, start, stop } job = Job::none;
  bool operator==(const UnitChange&) const = default;
};

struct RegistryWrite {
  desired::Registry registry = {};
  Why why = Why::created;
  // The settings are those that wrote the file on disk (or nobody knows): keep the order
  // and the dial_timeout found there, as long as the hosts are the same.
  bool keep_order = false;
  bool operator==(const RegistryWrite&) const = default;
};

// What goes away is carried as values, not as names.
struct Changes {
  std::map<std::string, FileWrite> write_files = {};
  std::map<std::string, AppliedFile> delete_files = {};
  std::map<std::string, UnitChange> units = {};
  std::map<std::string, AppliedUnit> retire_units = {};
  std::map<std::string, RegistryWrite> registries = {};  // every wanted one: lower() knows whether bytes differ
  std::map<std::string, AppliedRegistry> drop_registries = {};
  // Unknown content that becomes ours as it lies there: path → what to record.
  std::map<std::string, AppliedFile> adopt_files = {};
  // Units whose restart was cut off after it had happened, as their InvocationID tells.
  std::set<std::string> proven_units = {};
  bool restart_containerd = false;  // its settings differ from those it was started with
  bool containerd_proven = false;   // as proven_units: it was restarted with these settings
  std::map<std::string, std::string> containerd_originals = {};
  std::optional<desired::Containerd> containerd_before = {};  // what config.toml is patched with now
  bool reload_owed = false;
  bool restart_agent = false;  // the agent's own unit, binary or configuration changed
  bool forget_cpu_manager_state = false;
  bool operator==(const Changes&) const = default;
};

// Three states, three questions: `applied` says whether a thing is ours and what a unit
// runs with, `now` how the machine is, `wanted` how it should be.
//
// What we never applied we never delete, whatever lies on the disk.
//
// Order:   maps sort bytewise, so equal results print as equal text.
// Errors:  none; whatever parsed can be compared.
// Threads: pure; call it from anywhere.
// Source:  OperatingSystemConfig v1alpha1; gardener operatingsystemconfig/osc_changes.go
//   for the semantics, COMPATIBILITY.md for where and why we differ.
Changes diff(const Applied& applied, const observed::State& now, const desired::State& wanted);

// Is everything that was applied still as it was left, and nothing owed? Asks no OSC, so that an
// input that is known need not be parsed again. `now` is observed for Scope::of({}, applied).
//
// False says only that diff() has to look.
bool undisturbed(const Applied& applied, const observed::State& now);

// Everything a state asks for, on a machine that has nothing: for contract tests.
Changes everything(const desired::State& wanted);

}  // namespace gna::plan
