// gna provision render FILE
#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/findings.h"
#include "agent/cli/input.h"
#include "agent/cli/output_files.h"
#include "agent/cli/provision_input.h"
#include "agent/cli/text.h"
#include "gna/osc/write.h"
#include "provision/reconcile.h"
#include "provision/render.h"
#include "provision/stages/private_hosts.h"

namespace gna::cli {
namespace {

Result<provision::RenderOptions> render_options(const Options& options, const osc::Secrets& secrets) {
  const auto& given = options.provision;
  provision::RenderOptions out{.os = given.os, .gzip = given.gzip};
  if (!given.form.empty()) out.form = given.form;
  out.userdata = {.require_mirror = given.require_mirror,
                  .image = given.image,
                  .generation = generation_of(options),
                  .secrets = secrets,
                  .with_credentials = given.secrets_in_userdata};
  if (!given.os.empty() && !given.image.empty())
    return fail(Code::InvalidArgument, "--image: the forms of --os keep the OSC's own init.sh and its image");
  if (given.limit.empty()) return out;
  out.limit = provision::parse_limit(given.limit);
  if (!out.limit) {
    std::string names;
    for (const auto& limit : provision::limits()) names += limit.name + ", ";
    return fail(Code::InvalidArgument,
                fmt::format("--limit: {} is none of {}and no number of bytes", printable(given.limit), names));
  }
  return out;
}

void warn_of_credentials(const Options& options, const std::vector<provision::Mirror>& mirrors, Console& console) {
  if (!provision::needs_credentials(mirrors)) return;
  if (options.provision.secrets_in_userdata)
    console.warn(
        "the userdata holds lasting secrets: whoever reaches the metadata service can read them. ctr before 2.1 "
        "sends user and password to registries only, not to token servers");
  else
    console.warn(
        "the credentials of the mirrors are left out: gna provision run uses them, a script only with "
        "--secrets-in-userdata");
}

void print_parts(Console& console, const provision::Rendered& rendered) {
  std::size_t named = 0;
  for (const auto& part : rendered.parts) {
    console.err(fmt::format("{:>9}  {}\n", part.bytes, printable(part.path)));
    named += part.bytes;
  }
  const auto rest = rendered.bytes.size() - std::min(named, rendered.bytes.size());
  console.err(fmt::format("{:>9}  everything else\n{:>9}  in all\n", rest, rendered.bytes.size()));
}

}  // namespace

int provision_render(const Options& options, Console& console) {
  auto osc = read_osc(options.files[0], console);
  if (!osc) return osc.exit_code;
  auto inputs = read_mirror_inputs(options);
  if (!inputs) return console.fail(inputs.error(), exit_code(inputs.error(), false));
  for (const auto& warning : inputs->configs.warnings) console.warn(warning);

  auto how = render_options(options, inputs->secrets);
  if (!how) return console.fail(how.error(), exit_code(how.error(), false));
  how->measure = console.is_json();
  const auto mirrors = first_mirrors(options, inputs->configs);
  warn_of_none(mirrors, inputs->configs, console);
  const auto rendered = provision::render(*osc, mirrors, *how);
  if (!rendered) return console.fail(rendered.error(), exit_code(rendered.error(), false));
  const auto image = how->userdata.image.empty() ? provision::agent_image(*osc).value_or("") : how->userdata.image;
  for (const auto& warning : provision::mirror_warnings(mirrors, image, std::time(nullptr))) console.warn(warning);

  warn_of_credentials(options, mirrors, console);

  std::string reconcile;
  if (!options.provision.reconcile_out.empty()) {
    auto other = read_osc(options.provision.reconcile, console);
    if (!other) return other.exit_code;
    const auto amended = provision::with_registries(*other, inputs->configs);
    if (!amended)
      return console.fail(amended.error().with(options.provision.reconcile), exit_code(amended.error(), false));
    reconcile = osc::write(*amended);
  }

  if (how->limit && rendered->bytes.size() > how->limit->bytes) {
    print_parts(console, *rendered);
    return console.fail(
        {.code = Code::InvalidArgument,
         .message = fmt::format("the userdata has {} bytes, and {} takes {}", rendered->bytes.size(),
                                how->limit->name.empty() ? "--limit" : how->limit->name, how->limit->bytes),
         .hint = "fewer mirrors before the first pull (provisionRelevant), smaller CA bundles, or another --format"},
        kBadInput);
  }
  std::vector<OutputFile> files;
  if (!reconcile.empty())
    files.push_back(
        {.flag = "--reconcile-out", .name = options.provision.reconcile_out, .bytes = std::move(reconcile)});
  if (!options.provision.out.empty())
    files.push_back({.flag = "--out", .name = options.provision.out, .bytes = rendered->bytes});
  if (const auto written = write_outputs(files); !written) return console.fail(written.error(), kFailed);
  if (console.is_json()) {
    UserdataReport report{.format = how->os.empty() ? how->form : how->os,
                          .bytes = rendered->bytes.size(),
                          .gzip_bytes = rendered->gzip_bytes,
                          .limit = how->limit ? std::optional(how->limit->bytes) : std::nullopt};
    for (const auto& part : rendered->parts) report.parts.emplace_back(part.path, part.bytes);
    console.raw(userdata_document(report, console.masker()));
  } else if (options.provision.out.empty()) {
    console.raw(rendered->bytes);
  }
  return kDone;
}

}  // namespace gna::cli
