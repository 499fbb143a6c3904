#include "agent/apply/in_place.h"

#include <algorithm>
#include <array>

#include "agent/yaml/reader.h"
#include "agent/yaml/writer.h"
#include "gna/desired/facts.h"

namespace gna::apply {

namespace {

constexpr std::string_view kKubeletConfig = "/var/lib/kubelet/config/kubelet";
constexpr std::array<std::string_view, 5> kEviction = {"memory.available", "imagefs.available", "imagefs.inodesFree",
                                                       "nodefs.available", "nodefs.inodesFree"};
constexpr std::array<std::string_view, 4> kReserved = {"cpu", "memory", "ephemeral-storage", "pid"};

Result<desired::Version> version_of(std::string_view text) {
  auto version = desired::parse_version(text);
  if (!version) return fail(Code::InvalidArgument, "\"" + std::string(text) + "\" is no version");
  return std::move(*version);
}

int part(const desired::Version& version, std::size_t index) {
  return index < version.parts.size() ? version.parts[index] : 0;
}

// Only spec.files counts, as upstream: an OS extension does not configure the kubelet.
Result<yaml::Node> kubelet_configuration(const osc::Osc& osc) {
  const auto file = std::ranges::find(osc.spec.files, kKubeletConfig, &osc::File::path);
  const auto missing = std::string(kKubeletConfig) + ": ";
  if (file == osc.spec.files.end()) return fail(Code::InvalidArgument, missing + "no such file");
  if (!file->content.inline_data) return fail(Code::InvalidArgument, missing + "has no inline content");
  const auto bytes = osc::decode(*file->content.inline_data);
  if (!bytes) return fail(Code::InvalidArgument, missing + "cannot be decoded");
  auto document = yaml::read(*bytes);
  if (!document) return std::unexpected(yaml::to_error(document.error()).with(kKubeletConfig));
  return std::move(document->root);
}

// A value as text, so that 5 and "5" are the same and absent differs from both.
std::optional<std::string> value_of(const yaml::Node& configuration, std::string_view map, std::string_view key) {
  const auto* values = configuration.find(map);
  const auto* value = values == nullptr ? nullptr : values->find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = value->text()) return *text;
  return yaml::to_json(*value);
}

template <typename Keys>
bool differs(const yaml::Node& a, const yaml::Node& b, std::string_view map, const Keys& keys) {
  return std::ranges::any_of(keys,
                             [&](std::string_view key) { return value_of(a, map, key) != value_of(b, map, key); });
}

// Source: apimachinery, resource.Quantity: a decimal number and a suffix or an exponent.
bool is_quantity(std::string_view text) {
  const auto digits = [&text] {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end;
  };
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  auto count = digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    count += digits();
  }
  if (count == 0) return false;
  static constexpr std::array<std::string_view, 16> kSuffixes = {"",  "n", "u",  "m",  "k",  "M",  "G",  "T",
                                                                 "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  if (std::ranges::find(kSuffixes, text) != kSuffixes.end()) return true;
  if (!text.starts_with('e') && !text.starts_with('E')) return false;
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return digits() > 0 && text.empty();
}

Result<void> check_reserved(const yaml::Node& configuration) {
  const auto* reserved = configuration.find("kubeReserved");
  if (reserved == nullptr || reserved->map() == nullptr) return {};
  for (const auto& [key, value, at] : *reserved->map())
    if (const auto text = value_of(configuration, "kubeReserved", key); !is_quantity(*text))
      return fail(Code::InvalidArgument,
                  std::string(kKubeletConfig) + ": kubeReserved." + key + ": \"" + *text + "\" is no quantity");
  return {};
}

Result<bool> configuration_changed(const yaml::Node& before, const yaml::Node& now) {
  if (differs(before, now, "evictionHard", kEviction)) return true;
  GNA_TRY(check_reserved(before));
  GNA_TRY(check_reserved(now));
  return differs(before, now, "kubeReserved", kReserved);
}

std::string cpu_manager_policy(const yaml::Node& configuration) {
  const auto* value = configuration.find("cpuManagerPolicy");
  const auto* text = value == nullptr ? nullptr : value->text();
  return text == nullptr ? std::string() : *text;
}

// A part that appears beside others is no rotation: only its time says that one was begun.
bool rotated(const osc::InPlaceUpdates& before, const osc::InPlaceUpdates& now,
             std::optional<osc::Rotation> osc::CredentialsRotation::* part) {
  if (!now.credentials_rotation) return false;
  const auto& wanted = (*now.credentials_rotation).*part;
  if (!before.credentials_rotation) return wanted && wanted->last_initiation_time;
  const auto& old = (*before.credentials_rotation).*part;
  return old && wanted && old->last_initiation_time != wanted->last_initiation_time;
}

}  // namespace

Result<bool> is_version(std::string_view running, std::string_view wanted) {
  GNA_LET(is, version_of(running));
  GNA_LET(should, version_of(wanted));
  for (std::size_t i = 0; i < should.parts.size(); ++i)
    if (part(is, i) != should.parts[i]) return false;
  return true;
}

Result<store::InPlaceFlags> in_place_flags(const osc::Osc* before, const osc::Osc& now,
                                           const std::optional<std::string>& running_os_version) {
  store::InPlaceFlags flags;
  if (before == nullptr || !before->spec.in_place_updates || !now.spec.in_place_updates) return flags;
  const auto& old = *before->spec.in_place_updates;
  const auto& wanted = *now.spec.in_place_updates;

  if (!running_os_version)
    return fail(Code::Unavailable, "spec.inPlaceUpdates: the running version of the OS is not known",
                "PRETTY_NAME in /etc/os-release has to hold a version");
  GNA_LET_AT("spec.inPlaceUpdates.operatingSystemVersion", as_wanted,
             is_version(*running_os_version, wanted.operating_system_version));
  flags.operating_system = !as_wanted;

  if (old.kubelet_version != wanted.kubelet_version) {
    GNA_LET_AT("spec.inPlaceUpdates.kubelet", was, version_of(old.kubelet_version));
    GNA_LET_AT("spec.inPlaceUpdates.kubelet", is, version_of(wanted.kubelet_version));
    flags.kubelet_minor_version = part(was, 1) != part(is, 1);
  }
  GNA_LET_AT("the OSC applied before", old_kubelet, kubelet_configuration(*before));
  GNA_LET(kubelet, kubelet_configuration(now));
  GNA_LET(changed, configuration_changed(old_kubelet, kubelet));
  flags.kubelet_config = changed;
  flags.kubelet_cpu_manager_policy = cpu_manager_policy(old_kubelet) != cpu_manager_policy(kubelet);

  flags.ca_rotation_kubelet = rotated(old, wanted, &osc::CredentialsRotation::certificate_authorities);
  flags.ca_rotation_node_agent = flags.ca_rotation_kubelet;
  flags.service_account_key_rotation = rotated(old, wanted, &osc::CredentialsRotation::service_account_key);
  return flags;
}

}  // namespace gna::apply
