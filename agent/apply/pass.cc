#include "gna/apply/pass.h"

#include <utility>

#include "agent/apply/in_place.h"
#include "agent/apply/records.h"
#include "gna/base/digest.h"

namespace gna::apply {

namespace {

bool has_remaining(const store::ChangesFile& changes) {
  return changes.must_restart_node_agent || !changes.units_changed.empty() || !changes.unit_commands.empty() ||
         !changes.units_deleted.empty() || !changes.files_changed.empty() || !changes.files_deleted.empty() ||
         changes.config_file_changed || !changes.registries_desired.empty() || !changes.registries_deleted.empty();
}

bool says_nothing(const osc::Osc& osc) {
  return osc.spec.files.empty() && osc.spec.units.empty() && osc.status.extension_files.empty() &&
         osc.status.extension_units.empty();
}

// What our own manifest says, or else what the Go agent's files tell.
Result<plan::Applied> load_applied(const Prepared& prepared, const desired::ReadSecret& read_secret) {
  const auto& loaded = prepared.loaded;
  if (loaded.manifest) return *loaded.manifest;
  std::optional<desired::State> before;
  if (prepared.last_applied) {
    // A Secret that is gone by now only means that its file counts as changed.
    const auto lenient = [&](const std::string& name, const std::string& key) -> Result<std::string> {
      if (auto bytes = read_secret ? read_secret(name, key) : fail(Code::NotFound, "no Secrets"); bytes) return bytes;
      return std::string();
    };
    GNA_LET(state, desired::render(*prepared.last_applied, prepared.facts, lenient));
    before = std::move(state);
  }
  auto applied = store::from_go_files(before ? &*before : nullptr, prepared.wanted, prepared.checksum, loaded.changes,
                                      prepared.facts.host_name);
  for (const auto& [path, known] : loaded.known_images) {
    const auto file = applied.files.find(path);
    if (file != applied.files.end() && file->second.image == known.image) file->second.sha256 = known.sha256;
  }
  applied.containerd_originals = loaded.containerd_originals;
  return applied;
}

// A mirror that is wanted counts as new, so that the order of hosts which provisioning has found stays.
void inherit(const plan::Applied& inherited, Prepared& prepared) {
  if (prepared.loaded.manifest || prepared.last_applied) return;
  prepared.applied.files.insert(inherited.files.begin(), inherited.files.end());
  for (const auto& [upstream, registry] : inherited.registries)
    if (!prepared.wanted.registries.contains(upstream)) prepared.applied.registries.emplace(upstream, registry);
}

std::vector<desired::ImageSource> images_to_pull(const plan::Changes& changes) {
  std::vector<desired::ImageSource> sources;
  for (const auto& [path, write] : changes.write_files)
    if (const auto* source = std::get_if<desired::ImageSource>(&write.file.content)) sources.push_back(*source);
  return sources;
}

// On a live node a containerd that does not answer fails the steps that need it and no others: this very run
// may be what mends it, by its configuration as well as by its unit. A tree is left as it is.
Result<void> images_at_hand(backend::ContentSource& content, const Prepared& prepared, Deadline by) {
  auto result = content.available(images_to_pull(prepared.changes), by);
  if (result || !prepared.facts.live) return result;
  if (result.error().code == Code::Unavailable || result.error().code == Code::DeadlineExceeded) return {};
  return result;
}

Error unreadable_last_applied(const osc::Parsed& parsed, std::string hint) {
  return {.code = Code::Corrupt,
          .message = std::string(store::Store::kBase) + "/last-applied-osc.yaml: " +
                     (parsed.findings.empty() ? "cannot be read" : parsed.findings.front().message),
          .hint = std::move(hint)};
}

void warn_of_in_place(Prepared& prepared) {
  const auto& flags = prepared.in_place;
  if (!flags.any()) return;
  prepared.warnings.push_back(
      "spec.inPlaceUpdates asks for more than files and units; the rest is left to the agent, "
      "flagged in last-computed-osc-changes.yaml");
}

}  // namespace

Pass::Pass(backend::OsBackend& os, backend::ContentSource& content, store::Store& store,
           desired::ReadSecret read_secret)
    : os_(os), content_(content), store_(store), read_secret_(std::move(read_secret)) {}

Result<void> Pass::look_and_plan(Prepared& prepared, Deadline by) {
  auto scope = backend::Scope::of(prepared.wanted, prepared.applied);
  if (prepared.loaded.interrupted) {
    scope.leftovers = true;
    for (const auto& [name, unit] : prepared.applied.units)
      if (!unit.sent_with.empty()) scope.jobs_to_end.insert(name);
  }
  GNA_LET(now, os_.observe(scope, by));
  prepared.now = std::move(now);
  prepared.changes = plan::diff(prepared.applied, prepared.now, prepared.wanted);
  prepared.plan = os_.lower(prepared.changes, prepared.wanted, prepared.now, prepared.facts);
  return {};
}

Result<Prepared> Pass::prepare(const osc::Document& document, const std::string& input_sha256, const Options& options,
                               Deadline by) {
  Prepared prepared{.osc = document.osc, .checksum = document.checksum, .input_sha256 = input_sha256};
  GNA_LET(facts, os_.facts(by));
  prepared.facts = std::move(facts);
  if (!options.host_name.empty()) prepared.facts.host_name = options.host_name;
  GNA_LET(loaded, store_.load());
  prepared.loaded = std::move(loaded);
  if (!prepared.loaded.last_applied_bytes.empty()) {
    auto parsed = osc::parse_applied(prepared.loaded.last_applied_bytes);
    if (!parsed.ok())
      return std::unexpected(unreadable_last_applied(parsed, "move it away to start from what the OSC says"));
    // Applied again from its own record it is still the OSC with the checksum that it came with.
    if (prepared.loaded.manifest && document.checksum == sha256_hex(prepared.loaded.last_applied_bytes))
      prepared.checksum = prepared.loaded.manifest->checksum;
    prepared.last_applied = std::move(parsed.document->osc);
  }
  const osc::Osc* last_applied = prepared.last_applied ? &*prepared.last_applied : nullptr;
  const bool empty = says_nothing(prepared.osc);
  if (os_.capabilities().path_drop_in) desired::inject_path_drop_in(prepared.osc, desired::injected_path(last_applied));
  GNA_LET(wanted, desired::render(prepared.osc, prepared.facts, read_secret_));
  prepared.wanted = std::move(wanted);
  GNA_LET(applied, load_applied(prepared, read_secret_));
  prepared.applied = std::move(applied);
  if (empty && !options.allow_empty && !(prepared.applied.files.empty() && prepared.applied.units.empty()))
    return fail(Code::InvalidArgument, "the OSC has neither files nor units, and applying it would remove everything",
                "if that is meant, say --allow-empty");
  inherit(options.inherited, prepared);
  GNA_TRY(look_and_plan(prepared, by));
  GNA_TRY(images_at_hand(content_, prepared, by));

  const bool same_checksum = prepared.loaded.changes && prepared.loaded.changes->checksum == prepared.checksum;
  if (same_checksum) {
    prepared.in_place = prepared.loaded.changes->in_place;
  } else {
    GNA_LET(in_place, in_place_flags(last_applied, prepared.osc, prepared.facts.os_version));
    prepared.in_place = in_place;
  }
  warn_of_in_place(prepared);
  prepared.resumed = prepared.loaded.interrupted || (same_checksum && has_remaining(*prepared.loaded.changes));
  return prepared;
}

Result<std::optional<Prepared>> Pass::up_to_date(const std::string& input_sha256, const Options& options, Deadline by) {
  GNA_LET(index, store_.load_index());
  if (options.no_state || !index || index->input_sha256 != input_sha256) return std::nullopt;
  GNA_LET(loaded, store_.load());
  if (!loaded.manifest || loaded.interrupted || (loaded.changes && has_remaining(*loaded.changes)) ||
      index->last_applied_sha256 != sha256_hex(loaded.last_applied_bytes))
    return std::nullopt;
  GNA_LET(facts, os_.facts(by));
  if (!options.host_name.empty()) facts.host_name = options.host_name;
  if (index->host_name != facts.host_name || index->facts != index_facts(facts)) return std::nullopt;
  GNA_LET(now, os_.observe(backend::Scope::of({}, *loaded.manifest), by));
  if (!plan::undisturbed(*loaded.manifest, now)) return std::nullopt;
  Prepared prepared{.checksum = index->checksum, .input_sha256 = input_sha256};
  prepared.facts = std::move(facts);
  prepared.now = std::move(now);
  prepared.applied = *loaded.manifest;
  prepared.loaded = std::move(loaded);
  prepared.up_to_date = true;
  return prepared;
}

Result<Prepared> Pass::prepare_reset(Deadline by) {
  Prepared prepared;
  GNA_LET(facts, os_.facts(by));
  prepared.facts = std::move(facts);
  GNA_LET(loaded, store_.load());
  prepared.loaded = std::move(loaded);
  if (!prepared.loaded.last_applied_bytes.empty()) {
    auto parsed = osc::parse_applied(prepared.loaded.last_applied_bytes);
    if (parsed.ok())
      prepared.last_applied = std::move(parsed.document->osc);
    else if (!prepared.loaded.manifest)  // nobody knows what there is to take back, and that is not "nothing"
      return std::unexpected(
          unreadable_last_applied(parsed, "move it away and apply the OSC again; then reset takes it back"));
  }
  GNA_LET(applied, load_applied(prepared, read_secret_));
  prepared.applied = std::move(applied);
  GNA_TRY(look_and_plan(prepared, by));
  return prepared;
}

}  // namespace gna::apply
