#include "agent/config/config.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "agent/yaml/node.h"
#include "agent/yaml/reader.h"
#include "gna/base/duration.h"

namespace gna::config {
namespace {

constexpr std::string_view kPrefix = "config-", kSuffix = ".yaml";

const yaml::Node* find(const yaml::Node& root, std::initializer_list<std::string_view> path) {
  const auto* at = &root;
  for (const auto key : path)
    if (at = at->find(key); at == nullptr) return nullptr;
  return at->kind() == yaml::Kind::null ? nullptr : at;
}

std::unexpected<Error> wrong(const yaml::Node& at, std::string_view field, std::string_view why) {
  return fail(Code::InvalidArgument, fmt::format("line {}, column {}: {}: {}", at.at.line, at.at.column, field, why));
}

Result<std::string> text(const yaml::Node& root, std::initializer_list<std::string_view> path, std::string_view field) {
  const auto* at = find(root, path);
  if (at == nullptr) return std::string();
  if (at->text() == nullptr) return wrong(*at, field, "is no text");
  return *at->text();
}

// Empty, as Go writes what was not set: the default stays.
Result<void> take_choice(const yaml::Node& root, std::string_view field,
                         std::initializer_list<std::string_view> choices, std::string& out) {
  GNA_LET(value, text(root, {field}, field));
  if (value.empty()) return {};
  if (std::ranges::find(choices, value) == choices.end())
    return wrong(*find(root, {field}), field, fmt::format("is none of {}", fmt::join(choices, ", ")));
  out = std::move(value);
  return {};
}

Result<void> take_sync_period(const yaml::Node& root, std::chrono::milliseconds& out) {
  constexpr std::string_view kField = "controllers.operatingSystemConfig.syncPeriod";
  constexpr auto kLeast = std::chrono::seconds(15);
  const auto path = {std::string_view("controllers"), std::string_view("operatingSystemConfig"),
                     std::string_view("syncPeriod")};
  GNA_LET(value, text(root, path, kField));
  if (value.empty()) return {};
  const auto period = parse_duration(value);
  if (!period || *period < kLeast) return wrong(*find(root, path), kField, "is no duration of at least 15s");
  out = *period;
  return {};
}

// Numbers count as numbers, so that v1.150.0 is newer than v1.99.3; a release is newer than its -dev.
bool older(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto number = [&](std::string_view& text) {
    const auto end = std::ranges::find_if_not(text, digit);
    auto out = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(out.size());
    out.remove_prefix(std::min(out.find_first_not_of('0'), out.size()));
    return out;
  };
  while (!a.empty() && !b.empty()) {
    if (digit(a.front()) && digit(b.front())) {
      const auto left = number(a), right = number(b);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
      continue;
    }
    if (a.front() != b.front()) return a.front() < b.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() == b.empty()) return false;
  return (a.empty() ? b : a).front() == '-' ? b.empty() : a.empty();
}

std::string_view version_of(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  return name;
}

}  // namespace

Result<AgentConfig> parse(std::string_view bytes) {
  auto read = yaml::read(bytes);
  if (!read) return std::unexpected(yaml::to_error(read.error()));
  const auto& root = read->root;
  GNA_LET(kind, text(root, {"kind"}, "kind"));
  if (kind != "NodeAgentConfiguration") return wrong(root, "kind", "is not NodeAgentConfiguration");
  AgentConfig out;
  constexpr std::string_view kSizeField = "bootstrap.kubeletDataVolumeSize";
  if (const auto* size = find(root, {"bootstrap", "kubeletDataVolumeSize"}); size != nullptr) {
    const auto* number = std::get_if<std::int64_t>(&size->value);
    if (number == nullptr || *number <= 0) return wrong(*size, kSizeField, "is no number of bytes");
    out.kubelet_disk_bytes = *number;
  }
  GNA_LET(server, text(root, {"apiServer", "server"}, "apiServer.server"));
  GNA_LET(ca_file, text(root, {"apiServer", "caFile"}, "apiServer.caFile"));
  out.api_server = std::move(server);
  out.api_ca_file = std::move(ca_file);
  GNA_TRY(take_sync_period(root, out.sync_period));
  GNA_TRY(take_choice(root, "logLevel", {"debug", "info", "error"}, out.log_level));
  GNA_TRY(take_choice(root, "logFormat", {"json", "text"}, out.log_format));
  return out;
}

std::optional<std::string> newest(const std::vector<std::string>& names) {
  std::optional<std::string> out;
  for (const auto& name : names) {
    if (name.size() <= kPrefix.size() + kSuffix.size() || !name.starts_with(kPrefix) || !name.ends_with(kSuffix))
      continue;
    if (!out || older(version_of(*out), version_of(name))) out = name;
  }
  return out;
}

Result<AgentConfig> load(const fs::RootFs& root, const std::string& directory) {
  const auto names = root.list(directory);
  if (!names && names.error().code != Code::NotFound) return std::unexpected(names.error());
  const auto name = names ? newest(*names) : std::nullopt;
  if (!name)
    return fail(Code::NotFound, directory + " holds no config-VERSION.yaml",
                "It comes with the machine's userdata; --config-dir says where.");
  const auto path = directory + "/" + *name;
  GNA_LET_AT(path, bytes, root.read(path, 4u << 20));
  auto config = parse(bytes);
  if (!config) return std::unexpected(std::move(config).error().with(path));
  return config;
}

}  // namespace gna::config
