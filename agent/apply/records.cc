#include "agent/apply/records.h"

#include "agent/apply/remaining.h"
#include "gna/osc/write.h"

namespace gna::apply {

bool records_differ(const Prepared& prepared) {
  const auto& loaded = prepared.loaded;
  if (!loaded.manifest || loaded.interrupted || (loaded.last_run && !loaded.last_run->finished)) return true;
  auto applied = prepared.applied;
  plan::edit(applied, prepared.plan.settled);
  applied.checksum = prepared.checksum;
  if (applied != *loaded.manifest) return true;
  if (loaded.changes != remaining(prepared, {})) return true;
  return loaded.last_applied_bytes != osc::write(prepared.osc);
}

bool nothing_to_do(const Prepared& prepared) { return prepared.plan.empty() && !records_differ(prepared); }

std::string index_facts(const desired::Facts& facts) {
  std::string text = facts.live ? "live" : "offline";
  text += " containerd";
  if (!facts.containerd) return text + " unknown";
  for (const int part : facts.containerd->parts) text += " " + std::to_string(part);
  return text;
}

}  // namespace gna::apply
