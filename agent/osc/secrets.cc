#include "gna/osc/secrets.h"

#include <fmt/format.h>

#include "agent/osc/rules.h"
#include "agent/yaml/reader.h"
#include "gna/base/digest.h"

namespace gna::osc {

namespace {

std::unexpected<Error> refused(const yaml::Node& node, std::string_view field, std::string_view message) {
  return std::unexpected(yaml::to_error({node.at, std::string(field), "invalid", std::string(message)}));
}

Result<void> read_values(const yaml::Node& secret, std::string_view field, bool encoded,
                         std::map<std::string, std::string>& into) {
  const auto* node = secret.find(field);
  if (!node || node->kind() == yaml::Kind::null) return {};
  const auto* values = node->map();
  if (!values) return refused(*node, field, "expected a map");
  for (const yaml::Member& member : *values) {
    const std::string name = fmt::format("{}[{}]", field, rules::shown(member.key));
    if (!rules::is_secret_key(member.key)) return refused(member.value, name, "no Secret can have this key");
    if (member.value.kind() == yaml::Kind::null) {
      into[member.key] = "";
      continue;
    }
    const auto* text = member.value.text();
    if (!text) return refused(member.value, name, "expected a string");
    if (!encoded) {
      into[member.key] = *text;
      continue;
    }
    auto bytes = base64_decode(*text);
    if (!bytes) return refused(member.value, name, "the value is not base64");
    into[member.key] = std::move(*bytes);
  }
  return {};
}

bool is(const yaml::Node& root, std::string_view field, std::string_view value) {
  const auto* node = root.find(field);
  return node && node->text() && *node->text() == value;
}

}  // namespace

Result<Secrets> parse_secrets(std::string_view bytes) {
  auto documents = yaml::read_all(bytes);
  if (!documents) return std::unexpected(yaml::to_error(documents.error()));
  Secrets out;
  for (const yaml::Document& document : *documents) {
    const yaml::Node& root = document.root;
    if (!is(root, "kind", "Secret") || !is(root, "apiVersion", "v1")) return refused(root, "kind", "expected a Secret");
    const auto* metadata = root.find("metadata");
    const auto* name = metadata ? metadata->find("name") : nullptr;
    if (!name || !name->text() || !rules::is_dns_subdomain(*name->text()))
      return refused(name ? *name : root, "metadata.name", "a Secret needs a name that is a DNS subdomain");
    const auto [place, is_new] = out.try_emplace(*name->text());
    if (!is_new) return refused(*name, "metadata.name", "this Secret is given twice");
    // As the API server has it, stringData wins.
    GNA_TRY(read_values(root, "data", true, place->second));
    GNA_TRY(read_values(root, "stringData", false, place->second));
  }
  return out;
}

}  // namespace gna::osc
