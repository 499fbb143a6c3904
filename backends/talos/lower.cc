#include "gna/talos/lower.h"

#include <algorithm>
#include <string_view>

#include "backends/talos/merge.h"
#include "gna/base/digest.h"
#include "gna/talos/machine_config.h"

namespace gna::talos {

namespace {

using plan::Disruption;
using plan::Record;

constexpr const char* kStep = "machine-config";

std::string mirror_name(const std::string& upstream) { return upstream == "_default" ? "*" : upstream; }

// What was ours by the records, whatever became of the comments.
std::set<DocumentKey> going(const plan::Changes& work) {
  std::set<DocumentKey> out;
  for (const auto& [path, file] : work.delete_files)
    if (path.starts_with("/etc/")) out.emplace("EtcFileConfig", path.substr(5));
  for (const auto& [upstream, registry] : work.drop_registries)
    out.emplace("RegistryMirrorConfig", mirror_name(upstream));
  return out;
}

Disruption disruption_of(const std::set<std::string>& kinds) {
  if (kinds.contains("KubeletConfig") || kinds.contains("KubeNodeConfig")) return Disruption::restartsKubelet;
  // TLS settings are part of containerd's own configuration, mirrors are not.
  if (kinds.contains("CRICustomizationConfig") || kinds.contains("RegistryTLSConfig"))
    return Disruption::restartsContainerd;
  return Disruption::none;
}

std::string reason_of(const Merged& merged) {
  std::string out;
  const auto add = [&out](const char* verb, const std::set<std::string>& titles) {
    if (titles.empty()) return;
    out += std::string(out.empty() ? "" : "; ") + verb + ": ";
    bool first = true;
    for (const auto& title : titles) {
      out += (first ? "" : ", ") + title;
      first = false;
    }
  };
  add("new", merged.added);
  add("changed", merged.replaced);
  add("gone", merged.removed);
  return out;
}

// Before the effect we claim what we are about to write, so that after a crash it is known as ours.
Record claim(const plan::Changes& work) {
  Record out;
  for (const auto& [path, write] : work.write_files)
    out.files[path] = plan::AppliedFile{.mode = write.file.mode, .overwrote = write.overwrites};
  for (const auto& [upstream, write] : work.registries) out.registries[upstream] = plan::AppliedRegistry{};
  return out;
}

Record done(const plan::Changes& work, const desired::State& wanted, const std::vector<Document>& documents,
            const std::set<DocumentKey>& left_out) {
  std::set<std::string> expressed;  // fields of the OSC
  std::map<DocumentKey, const Document*> by_key;
  for (const auto& document : documents) {
    const DocumentKey key{document.kind, document.name};
    if (left_out.contains(key)) continue;
    by_key.emplace(key, &document);
    expressed.insert(document.from.begin(), document.from.end());
  }
  Record out;
  for (const auto& [path, write] : work.write_files) {
    const auto* bytes = std::get_if<std::string>(&write.file.content);
    if (bytes != nullptr && expressed.contains(write.file.field))
      out.files[path] =
          plan::AppliedFile{.mode = write.file.mode, .sha256 = sha256_hex(*bytes), .overwrote = write.overwrites};
    else
      out.files[path] = std::nullopt;
  }
  for (const auto& [path, file] : work.delete_files) out.files[path] = std::nullopt;
  for (const auto& [name, unit] : work.retire_units) out.units[name].forget = true;
  for (const auto& [upstream, write] : work.registries) {
    const auto mirror = by_key.find({"RegistryMirrorConfig", mirror_name(upstream)});
    out.registries[upstream] =
        plan::AppliedRegistry{.digest = desired::digest(write.registry),
                              .sha256 = mirror == by_key.end() ? std::string() : sha256_hex(mirror->second->yaml)};
  }
  for (const auto& [upstream, registry] : work.drop_registries) out.registries[upstream] = std::nullopt;
  if (wanted.containerd) {
    out.containerd = wanted.containerd;
    out.containerd_started_with = desired::containerd_digest(wanted);
  } else if (work.containerd_before) {
    out.containerd_restored = true;
  }
  return out;
}

std::string field_of_kubelet_configuration(const desired::State& wanted) {
  for (const auto& [path, file] : wanted.files)
    if (file.role == desired::Role::kubelet_config) return file.field;
  return "spec.files";
}

}  // namespace

backend::Capabilities capabilities() { return {.name = "talos"}; }

plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                 const desired::Facts& facts) {
  auto ours = machine_documents(wanted, facts);
  plan::Plan plan{.refused = std::move(ours.refused)};
  if (work.forget_cpu_manager_state)
    plan.refused.push_back({field_of_kubelet_configuration(wanted),
                            "kubelet configuration: with another cpuManagerPolicy the kubelet has to forget its "
                            "state, and Talos deletes no file below /var",
                            "a reset of the EPHEMERAL partition, or a new node"});

  const auto observed = now.documents.find(kMachineConfig);
  if (observed == now.documents.end()) {
    if (!ours.documents.empty() || work != plan::Changes{})
      plan.refused.push_back(
          {"", "the machine configuration that the documents belong to is not known", "--base FILE"});
    return plan;
  }
  auto merged = merge(observed->second, ours.documents, going(work));
  if (!merged) {
    plan.refused.push_back({"", "the node's machine configuration: " + merged.error().message, "repair it"});
    return plan;
  }
  std::ranges::move(merged->refused, std::back_inserter(plan.refused));
  auto record = done(work, wanted, ours.documents, merged->left_out);
  if (!merged->changed()) {
    plan.settled = std::move(record);
    return plan;
  }
  plan::Step step{.id = kStep,
                  .kind = plan::Kind::machineConfig,
                  .target = "machine configuration",
                  .verb = observed->second.empty() ? plan::Verb::create : plan::Verb::patch,
                  .action = plan::ReplaceDocument{std::move(merged->text)},
                  .disruption = disruption_of(merged->kinds),
                  .reason = reason_of(*merged),
                  .secret = true,  // tokens and keys stand in it
                  .before = claim(work),
                  .after = std::move(record)};
  plan.stages.push_back({.name = "machine configuration", .steps = {std::move(step)}});
  return plan;
}

}  // namespace gna::talos
