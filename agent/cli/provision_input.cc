#include "agent/cli/provision_input.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "agent/cli/exit_code.h"
#include "agent/cli/findings.h"
#include "agent/cli/input.h"
#include "agent/cli/wiring.h"

namespace gna::cli {
namespace {

constexpr std::size_t kLimit = 4UL * 1024 * 1024;

// "HOST=SECRET" for one host, "SECRET" for all.
Result<void> add_credentials(const std::string& flag, const osc::Secrets& secrets, provision::MirrorConfigs& configs) {
  const auto equals = flag.rfind('=');
  const auto host = equals == std::string::npos ? "" : flag.substr(0, equals);
  const auto name = flag.substr(equals == std::string::npos ? 0 : equals + 1);
  const auto secret = secrets.find(name);
  if (secret == secrets.end())
    return fail(Code::InvalidArgument, "there is no such Secret", "give it with --secrets FILE");
  bool found = false;
  for (auto& mirror : configs.mirrors)
    for (const auto& entry : mirror.registry.hosts) {
      if (!host.empty() && entry.url != host) continue;
      GNA_LET(credentials, provision::credentials_of(secret->second, entry.url));
      mirror.credentials.insert_or_assign(entry.url, std::move(credentials));
      found = true;
    }
  if (!found) return fail(Code::InvalidArgument, "no mirror has this host");
  return {};
}

}  // namespace

// Reproducible builds name the time by this variable.
std::int64_t generation_of(const Options& options) {
  if (options.provision.generation) return *options.provision.generation;
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr) {
    char* end = nullptr;
    const auto seconds = std::strtoll(epoch, &end, 10);
    if (end != epoch && *end == '\0' && seconds >= 0) return seconds;
  }
  return std::time(nullptr);
}

OrExit<osc::Osc> read_osc(const std::string& name, Console& console) {
  auto bytes = read_input(name, osc::kMaxDocumentBytes);
  if (!bytes) return {.exit_code = console.fail(bytes.error().with(name == "-" ? "standard input" : name), kBadInput)};
  auto document = parse_source({.bytes = std::move(*bytes), .name = name}, console, false);
  if (!document) return {.exit_code = document.exit_code};
  return {.value = std::move(document->osc)};
}

Result<MirrorInputs> read_mirror_inputs(const Options& options) {
  MirrorInputs out;
  GNA_LET(secrets, read_secrets(options.secrets));
  std::vector<provision::NamedDocument> documents;
  for (const auto& name : options.provision.mirrors) {
    GNA_LET_AT("--mirrors " + name, bytes, read_input(name, kLimit));
    documents.push_back({name == "-" ? "standard input" : name, std::move(bytes)});
  }
  GNA_LET_AT("--mirrors", configs, provision::parse_mirrors(documents, secrets));
  for (const auto& flag : options.provision.credentials)
    GNA_TRY_AT("--mirror-credentials", add_credentials(flag, secrets, configs));
  if (options.provision.require_mirror) std::ranges::for_each(configs.mirrors, provision::close_upstream);
  out.secrets = std::move(secrets);
  out.configs = std::move(configs);
  return out;
}

std::vector<provision::Mirror> first_mirrors(const Options& options, const provision::MirrorConfigs& configs) {
  std::vector<provision::Mirror> out;
  std::ranges::copy_if(configs.mirrors, std::back_inserter(out), [&](const provision::Mirror& mirror) {
    return options.provision.all_mirrors || mirror.provision_relevant;
  });
  return out;
}

void warn_of_none(const std::vector<provision::Mirror>& first, const provision::MirrorConfigs& configs,
                  Console& console) {
  if (first.empty() && !configs.mirrors.empty())
    console.warn("no mirror is there before the first pull: none is provisionRelevant, and --all-mirrors is not given");
}

}  // namespace gna::cli
