#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "backends/talos/sections.h"

namespace gna::talos {

namespace {

using desired::Role;

constexpr const char* kElsewhere = "a DaemonSet, a static pod or a system extension";

struct Known {
  std::string_view prefix;  // of the unit's name
  const char* alternative;
};

constexpr std::array<Known, 8> kKnown = {{
    {"containerd-logrotate.", "nothing: Talos bounds its logs itself"},
    {"gardener-user.", "nothing: Talos has no SSH"},
    {"opentelemetry-collector", "KmsgLogConfig for logs, a DaemonSet for the rest"},
    {"sshd-ensurer.", "nothing: Talos has no SSH"},
    {"systemd-sysctl.", "nothing: Talos applies its SysctlConfig at once"},
    {"updatecacerts.", "nothing: TrustedRootsConfig holds the certificates"},
    {"valitail.", "KmsgLogConfig for logs"},
    {"var-lib-kubelet.mount", "a UserVolumeConfig"},
}};

const char* alternative_to(std::string_view name) {
  const auto known = std::ranges::find_if(kKnown, [name](const Known& row) { return name.starts_with(row.prefix); });
  return known == kKnown.end() ? kElsewhere : known->alternative;
}

// Talos brings containerd and the kubelet along and has no use for the agent on the node.
bool is_at_home(const std::string& name, const desired::Unit& unit) {
  return unit.role == Role::containerd || unit.role == Role::kubelet || unit.role == Role::node_agent ||
         name == "gardener-node-init.service";
}

// What should not run does not run where there is nothing to run it.
bool is_absent(const desired::Unit& unit) {
  return unit.run != desired::Run::running && !unit.content && unit.drop_ins.empty();
}

}  // namespace

void draft_units(Drafts& out, const desired::State& wanted) {
  for (const auto& [name, unit] : wanted.units) {
    if (is_absent(unit)) continue;
    if (!is_at_home(name, unit)) {
      out.refuse(unit.field, name + ": Talos has no units", alternative_to(name));
    } else if (unit.role == Role::containerd) {
      if (unit.content) out.refuse(unit.field, name + ": Talos runs its own containerd", "CRICustomizationConfig");
      for (const auto& [drop_in, text] : unit.drop_ins)
        out.refuse(unit.field, fmt::format("{}: drop-in {} has no form on Talos", name, drop_in),
                   "CRICustomizationConfig");
    }
  }
}

}  // namespace gna::talos
