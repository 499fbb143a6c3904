#include "gna/talos/machine_config.h"

#include "backends/talos/draft.h"
#include "backends/talos/sections.h"

namespace gna::talos {

Documents machine_documents(const desired::State& wanted, const desired::Facts& facts) {
  Drafts drafts;
  draft_containerd(drafts, wanted);
  draft_registries(drafts, wanted);
  draft_kubelet(drafts, wanted);
  draft_files(drafts, wanted);
  draft_units(drafts, wanted);
  return std::move(drafts).finish(facts);
}

std::string to_stream(const std::vector<Document>& documents) {
  std::string out;
  for (const auto& document : documents) out += "---\n" + document.yaml;
  return out;
}

}  // namespace gna::talos
