// The parts of a wanted state, each turned into documents. All of them pure.
#pragma once

#include <string>

#include "backends/talos/draft.h"
#include "gna/desired/state.h"

namespace gna::talos {

// RegistryMirrorConfig, RegistryTLSConfig.
void draft_registries(Drafts& out, const desired::State& wanted);

// CRICustomizationConfig: sandbox image and plugin entries.
void draft_containerd(Drafts& out, const desired::State& wanted);

// KubeletConfig, KubeNodeConfig: from the kubelet's configuration, image and unit.
void draft_kubelet(Drafts& out, const desired::State& wanted);

// EtcFileConfig, SysctlConfig, KernelModuleConfig, TrustedRootsConfig, KubeStaticPodConfig.
void draft_files(Drafts& out, const desired::State& wanted);

// Units have no documents: what Talos does not bring along is refused.
void draft_units(Drafts& out, const desired::State& wanted);

// Does the text hold a certificate? Talos refuses bundles that do not.
bool is_pem(const std::string& text);

}  // namespace gna::talos
