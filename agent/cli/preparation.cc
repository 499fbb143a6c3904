#include "agent/cli/preparation.h"

#include <map>
#include <utility>

#include "agent/cli/exit_code.h"
#include "agent/cli/findings.h"
#include "agent/cli/input.h"
#include "gna/base/digest.h"
#include "provision/take_over.h"

namespace gna::cli {
namespace {

// Nothing left to do in it: then its checksum is that of last-applied-osc.yaml.
bool is_done(const store::ChangesFile& changes) {
  return changes.units_changed.empty() && changes.unit_commands.empty() && changes.units_deleted.empty() &&
         changes.files_changed.empty() && changes.files_deleted.empty() && changes.registries_desired.empty() &&
         changes.registries_deleted.empty() && !changes.config_file_changed;
}

std::string applied_checksum(const store::Loaded& loaded) {
  if (loaded.manifest && !loaded.manifest->checksum.empty()) return loaded.manifest->checksum;
  return loaded.changes && is_done(*loaded.changes) ? loaded.changes->checksum : "";
}

void list_refused(Console& console, const std::vector<plan::Refused>& refused) {
  for (const auto& part : refused)
    console.err(part.field + ": " + part.why + (part.alternative.empty() ? "" : " (" + part.alternative + ")") + "\n",
                Colour::yellow);
}

}  // namespace

OrExit<Source> find_source(const Options& options, Console& console, Node& node, bool asking) {
  Source out;
  if (!options.files.empty()) {
    out.name = options.files[0];
    auto bytes = read_input(out.name, osc::kMaxDocumentBytes);
    if (!bytes) {
      const auto& shown = out.name == "-" ? std::string("standard input") : out.name;
      return {.exit_code = console.fail(std::move(bytes).error().with(shown), kBadInput)};
    }
    out.bytes = std::move(*bytes);
  } else if (options.previous) {
    auto bytes = node.store.load_previous();
    if (!bytes && bytes.error().code == Code::NotFound)
      return {.exit_code = console.fail(
                  {.code = Code::InvalidArgument, .message = "no OSC was applied before the present one"}, kBadInput)};
    if (!bytes) return {.exit_code = console.fail(bytes.error(), exit_code(bytes.error(), asking))};
    out.bytes = std::move(*bytes);
  } else {
    auto loaded = node.store.load();
    if (!loaded) return {.exit_code = console.fail(loaded.error(), exit_code(loaded.error(), asking))};
    if (loaded->last_applied_bytes.empty())
      return {.exit_code = console.fail({.code = Code::InvalidArgument,
                                         .message = "no OSC was applied on this node yet",
                                         .hint = "Name one: gna " + options.command + " FILE"},
                                        kBadInput)};
    out.checksum = applied_checksum(*loaded);
    out.bytes = std::move(loaded->last_applied_bytes);
  }
  out.sha256 = sha256_hex(out.bytes);
  return {.value = std::move(out)};
}

OrExit<osc::Document> parse_source(const Source& source, Console& console, bool asking) {
  if (source.name.empty()) {
    auto parsed = osc::parse_applied(source.bytes);
    if (!parsed.document) {
      const auto why = parsed.findings.empty() ? "" : ": " + parsed.findings[0].message;
      const Error error{.code = Code::Corrupt, .message = "the OSC in this node's records cannot be read" + why};
      return {.exit_code = console.fail(error, exit_code(error, asking))};
    }
    if (!source.checksum.empty()) parsed.document->checksum = source.checksum;
    return {.value = std::move(parsed.document)};
  }
  auto checked = check_bytes(source.name, source.bytes, false);
  for (const auto& finding : checked.report.findings) print_finding(console, checked.report.file, finding, true);
  if (checked.document) return {.value = std::move(checked.document)};
  if (console.is_json()) console.raw(findings_document({checked.report}, console.masker()));
  return {.exit_code = kBadInput};
}

apply::Options pass_options(const Options& options) {
  return {.no_state = options.no_state,
          .allow_empty = options.allow_empty,
          .allow_unsupported = options.allow_unsupported,
          .host_name = options.host_name,
          .restart_agent = false};  // by ourselves, once the lock is free
}

OrExit<apply::Prepared> prepare(const Options& options, Console& console, Node& node, const osc::Document& document,
                                const Source& source, Deadline by, bool asking) {
  auto how = pass_options(options);
  auto inherited = provision::inherited(node.root);
  if (!inherited) return {.exit_code = console.fail(inherited.error(), exit_code(inherited.error(), asking))};
  how.inherited = std::move(*inherited);
  auto prepared = node.pass->prepare(document, source.sha256, how, by);
  if (!prepared) {
    const auto code = exit_code(prepared.error(), asking);
    return {.exit_code = console.fail(prepared.error(), code)};
  }
  if (!prepared->plan.refused.empty() && !options.allow_unsupported) {
    list_refused(console, prepared->plan.refused);
    if (console.is_json()) console.raw(diff_document(node.os->capabilities().name, prepared->plan, console.masker()));
    const auto code = exit_code(prepared->plan.refused, asking);
    console.err(std::string("gna: error: ") +
                    (code == kInexpressible ? "this backend cannot express the parts above"
                                            : "something on this node is in the way of the parts above") +
                    "; --allow-unsupported goes on without them\n",
                Colour::red);
    return {.exit_code = code};
  }
  return {.value = std::move(*prepared)};
}

void say_warnings(Console& console, const apply::Prepared& prepared) {
  for (const auto& warning : prepared.warnings) console.warn(warning);
  list_refused(console, prepared.plan.refused);
}

Result<osc::Document> parse_last_applied(const store::Loaded& loaded) {
  auto parsed = osc::parse_applied(loaded.last_applied_bytes);
  if (!parsed.document)
    return fail(Code::Corrupt, std::string(store::Store::kBase) + "/last-applied-osc.yaml: " +
                                   (parsed.findings.empty() ? "cannot be read" : parsed.findings[0].message));
  if (auto checksum = applied_checksum(loaded); !checksum.empty()) parsed.document->checksum = std::move(checksum);
  return std::move(*parsed.document);
}

void answer_secrets_from_disk(Node& node, const osc::Osc& osc, const store::Loaded& loaded) {
  if (!loaded.manifest) return;
  std::multimap<std::pair<std::string, std::string>, std::string> paths;  // name and key → files written from it
  for (const auto* files : {&osc.spec.files, &osc.status.extension_files})
    for (const auto& file : *files)
      if (file.content.secret_ref)
        paths.emplace(std::pair(file.content.secret_ref->name, file.content.secret_ref->data_key), file.path);
  node.secret_fallback = [&root = node.root, paths = std::move(paths), files = loaded.manifest->files](
                             const std::string& name, const std::string& key) -> Result<std::string> {
    const auto [first, last] = paths.equal_range({name, key});
    for (auto at = first; at != last; ++at) {
      const auto written = files.find(at->second);
      if (written == files.end() || written->second.sha256.empty()) continue;
      auto bytes = root.read(at->second);
      if (bytes && sha256_hex(*bytes) == written->second.sha256) return bytes;
    }
    return fail(Code::NotFound, "Secret " + name + ", key " + key + ": its file is not as it was written",
                "Give the Secret with --secrets FILE.");
  };
}

}  // namespace gna::cli
