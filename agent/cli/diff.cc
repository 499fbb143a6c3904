// gna diff [FILE]
#include "agent/cli/commands.h"
#include "agent/cli/diff_text.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/preparation.h"
#include "agent/cli/show_plan.h"
#include "agent/desired/roles.h"

namespace gna::cli {
namespace {

// Was what lies there now put there as a secret?
bool was_secret(const std::optional<osc::Osc>& last_applied, const std::string& path) {
  if (!last_applied) return false;
  for (const auto* files : {&last_applied->spec.files, &last_applied->status.extension_files})
    for (const auto& file : *files) {
      if (file.path != path) continue;
      if (file.content.secret_ref) return true;
      if (desired::is_secret(path, file.permissions.value_or(0600), file.permissions.has_value(),
                             desired::role_of_file(path)))
        return true;
    }
  return false;
}

CurrentFile read_current(const Node& node, const std::optional<osc::Osc>& last_applied, const std::string& path) {
  CurrentFile out{.secret = was_secret(last_applied, path)};
  const auto seen = node.root.look(path, false);
  if (!seen || seen->kind != observed::FileKind::regular) return out;
  out.exists = true;
  out.mode = seen->mode;
  if (auto bytes = node.root.read(path, kShownBytes))
    out.bytes = std::move(*bytes);
  else
    out.too_large = true;
  return out;
}

}  // namespace

int show_plan(Console& console, const Node& node, const apply::Prepared& prepared) {
  if (console.is_json()) console.raw(diff_document(node.os->capabilities().name, prepared.plan, console.masker()));
  print_plan(console, prepared.plan,
             [&](const std::string& path) { return read_current(node, prepared.last_applied, path); });
  if (prepared.plan.empty()) console.out("nothing to do: the node matches\n", Colour::green);
  return prepared.plan.empty() ? kDone : kFailed;
}

int diff(const Options& options, Console& console) {
  const auto by = deadline(options, std::chrono::minutes(10));
  auto node = open_node(options);
  if (!node) return console.fail(node.error(), exit_code(node.error(), true));
  auto source = find_source(options, console, **node, true);
  if (!source) return source.exit_code;
  if (!source->name.empty() && options.secrets.empty()) {
    const auto known = (*node)->pass->up_to_date(source->sha256, pass_options(options), by);
    if (known && *known) return show_plan(console, **node, **known);
  }
  auto document = parse_source(*source, console, true);
  if (!document) return document.exit_code;
  if (source->name.empty())
    if (const auto loaded = (*node)->store.load()) answer_secrets_from_disk(**node, document->osc, *loaded);
  auto prepared = prepare(options, console, **node, *document, *source, by, true);
  if (!prepared) return prepared.exit_code;
  say_warnings(console, *prepared);
  return show_plan(console, **node, *prepared);
}

}  // namespace gna::cli
