// gna render FILE
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "agent/cli/commands.h"
#include "agent/cli/documents.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/preparation.h"
#include "agent/cli/text.h"
#include "agent/containerd/config_toml.h"
#include "gna/base/digest.h"

namespace gna::cli {
namespace {

struct Output {
  desired::State wanted = {};
  plan::Plan plan = {};  // everything, as on a node that has nothing
};

// What an OSC has to know of a node that nobody asks.
desired::Facts assumed_facts(const Options& options) {
  desired::Facts out{.host_name = options.host_name, .live = false};
  if (out.host_name.empty()) {
    std::array<char, 256> own{};
    ::gethostname(own.data(), own.size() - 1);
    out.host_name = own.data();
  }
  std::ranges::transform(out.host_name, out.host_name.begin(), [](unsigned char c) { return std::tolower(c); });
  out.containerd = options.containerd_version.empty() ? containerd::version_of_config(options.containerd_config_version)
                                                      : desired::parse_version(options.containerd_version);
  return out;
}

Result<desired::State> wanted_state(const osc::Osc& osc, const desired::Facts& facts, const Node& node) {
  return desired::render(
      osc, facts, [&node](const std::string& name, const std::string& key) { return node.read_secret(name, key); });
}

// The node is not read: but for an offline tree, whose own config.toml is what would be patched.
Result<Output> render_everything(const Options& options, Node& node, osc::Osc osc, Deadline by) {
  auto facts = assumed_facts(options);
  observed::State now;
  if (options.offline()) {
    GNA_LET(own, node.os->facts(by));
    facts = std::move(own);
    GNA_LET(seen, node.os->observe({.containerd_config = true, .containerd_default = true}, by));
    now.documents = std::move(seen.documents);
  } else {
    now.documents[containerd::kConfigPath] = containerd::minimal_config(options.containerd_config_version);
  }
  if (node.os->capabilities().path_drop_in && osc::has_containerd(osc))
    desired::inject_path_drop_in(osc, desired::kDefaultPath);
  GNA_LET(wanted, wanted_state(osc, facts, node));
  Output out;
  out.plan = node.os->lower(plan::everything(wanted), wanted, now, facts);
  out.wanted = std::move(wanted);
  return out;
}

std::string run_words(const desired::Unit& unit) {
  switch (unit.run) {
    case desired::Run::running: return "running";
    case desired::Run::stopped: return "stopped";
    case desired::Run::stop: return "stop";
  }
  return "running";
}

// The OSC's field that a step serves.
std::string field_of(const desired::State& wanted, const plan::Step& step) {
  const auto field = [](const auto& things, const std::string& name) -> std::string {
    const auto at = things.find(name);
    return at == things.end() ? "" : at->second.field;
  };
  switch (step.kind) {
    case plan::Kind::file:
    case plan::Kind::image: return field(wanted.files, step.target);
    case plan::Kind::unit: return field(wanted.units, step.target);
    case plan::Kind::dropIn: return field(wanted.units, step.target.substr(0, step.target.find(".d/")));
    case plan::Kind::registry: return field(wanted.registries, step.target);
    case plan::Kind::containerdConfig: return "spec.criConfig";
    default: return {};
  }
}

Rendered describe(const Output& output, const std::string& backend) {
  Rendered out{.backend = backend, .refused = output.plan.refused};
  for (const auto& stage : output.plan.stages)
    for (const auto& step : stage.steps) {
      if (const auto* write = std::get_if<plan::WriteFile>(&step.action))
        out.files.push_back({.path = write->path,
                             .mode = write->mode,
                             .sha256 = step.secret ? "" : sha256_hex(write->bytes),
                             .secret = step.secret,
                             .from = field_of(output.wanted, step)});
      if (const auto* copy = std::get_if<plan::CopyFromImage>(&step.action))
        out.files.push_back(
            {.path = copy->path, .mode = copy->mode, .image = copy->source, .from = field_of(output.wanted, step)});
    }
  std::ranges::sort(out.files, {}, &RenderedFile::path);
  for (const auto& [name, unit] : output.wanted.units)
    out.units.push_back({.name = name, .enabled = unit.enabled, .run = run_words(unit), .from = unit.field});
  for (const auto& [upstream, registry] : output.wanted.registries) out.registries.push_back(registry);
  return out;
}

void print(Console& console, const Rendered& rendered) {
  console.out("files:\n", Colour::bold);
  for (const auto& file : rendered.files) {
    const auto what = file.image    ? file.image->path + " of " + file.image->image
                      : file.secret ? "secret"
                                    : file.sha256.substr(0, 12);
    console.out(fmt::format("  {}  {}  {}{}\n", octal(file.mode), file.path, what,
                            file.from.empty() ? "" : "  # " + file.from));
  }
  console.out("units:\n", Colour::bold);
  for (const auto& unit : rendered.units)
    console.out(fmt::format("  {}  {}, {}{}\n", unit.name, unit.enabled ? "enabled" : "disabled", unit.run,
                            unit.from.empty() ? "" : "  # " + unit.from));
  if (!rendered.registries.empty()) console.out("registries:\n", Colour::bold);
  for (const auto& registry : rendered.registries) {
    std::vector<std::string> urls;
    urls.reserve(registry.hosts.size());
    for (const auto& host : registry.hosts) urls.push_back(host.url);
    console.out(fmt::format("  {}  {}\n", registry.upstream, fmt::join(urls, ", ")));
  }
}

std::vector<desired::ImageSource> images_of(const plan::Plan& plan) {
  std::vector<desired::ImageSource> out;
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps)
      if (const auto* copy = std::get_if<plan::CopyFromImage>(&step.action)) out.push_back(copy->source);
  return out;
}

// What the steps would write, below DIR.
Result<void> write_tree(const std::string& directory, const plan::Plan& plan, Node& node, bool with_images,
                        Console& console, Deadline by) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, directory);
  GNA_LET(tree, fs::RootFs::open(directory));
  fs::Batch batch(tree);
  std::vector<std::string> paths;
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps) {
      if (const auto* write = std::get_if<plan::WriteFile>(&step.action)) {
        GNA_TRY_AT(write->path,
                   batch.stage(paths.size(), write->path, write->bytes, write->mode, write->directory_mode));
        paths.push_back(write->path);
      }
      const auto* copy = std::get_if<plan::CopyFromImage>(&step.action);
      if (copy == nullptr) continue;
      if (!with_images) {
        console.warn(copy->path + " comes out of an image and is left out; --image-layout DIR brings it");
        continue;
      }
      GNA_LET_AT(copy->path, fd, node.content->open(copy->source, by));
      GNA_LET_AT(copy->path, hash, batch.stage_from(paths.size(), copy->path, fd.get(), copy->mode));
      (void)hash;
      paths.push_back(copy->path);
    }
  for (auto& done : batch.commit())
    if (!done.result) return std::unexpected(std::move(done.result).error().with(paths[done.ticket]));
  console.out(counted(paths.size(), "file") + " written below " + directory + "\n", Colour::green);
  return {};
}

// Says what cannot be expressed. Gives the exit code for it, or kDone if one may go on.
int judge(const Options& options, Console& console, const std::vector<plan::Refused>& refused) {
  for (const auto& part : refused)
    console.err(part.field + ": " + part.why + (part.alternative.empty() ? "" : " (" + part.alternative + ")") + "\n",
                Colour::yellow);
  return refused.empty() || options.allow_unsupported ? kDone : exit_code(refused, false);
}

Result<void> write_machine_config(const std::string& directory, const std::string& stream) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, directory);
  GNA_LET(tree, fs::RootFs::open(directory));
  return tree.write("/machine-config.yaml", stream, 0600);
}

int render_machine_config(const Options& options, Console& console, const Node& node, const osc::Osc& osc) {
  auto facts = assumed_facts(options);
  facts.containerd = {};  // Talos brings its own
  const auto wanted = wanted_state(osc, facts, node);
  if (!wanted) return console.fail(wanted.error(), exit_code(wanted.error(), false));
  auto made = machine_config(*wanted, facts);
  const Rendered rendered{.backend = options.backend, .documents = std::move(made.documents), .refused = made.refused};
  if (console.is_json()) {
    console.raw(rendered_document(rendered, console.masker()));
  } else if (options.out_directory.empty()) {
    for (const auto& document : rendered.documents) {
      console.out("---\n");
      console.out(document.secret ? "# " + document.kind + " " + document.name + ": secret, " +
                                        console.masker().mark(document.yaml) + "\n"
                                  : document.yaml);
    }
  }
  if (const auto code = judge(options, console, made.refused); code != kDone) return code;
  if (options.out_directory.empty()) return kDone;
  if (const auto written = write_machine_config(options.out_directory, made.stream); !written)
    return console.fail(written.error().with("--out"), kFailed);
  console.out("machine-config.yaml written below " + options.out_directory + "\n", Colour::green);
  return kDone;
}

}  // namespace

int render(const Options& options, Console& console) {
  const auto by = deadline(options, std::chrono::minutes(10));
  // Rendering asks no bus: the backend for offline trees does, and what it is not asked it does not read.
  auto without_bus = options;
  if (!options.offline()) without_bus.root = "/";
  auto opened = open_node(without_bus);
  if (!opened) return console.fail(opened.error(), exit_code(opened.error(), false));
  auto& node = **opened;
  auto source = find_source(options, console, node, false);
  if (!source) return source.exit_code;
  auto document = parse_source(*source, console, false);
  if (!document) return document.exit_code;
  if (options.backend == "talos") return render_machine_config(options, console, node, document->osc);
  auto output = render_everything(options, node, std::move(document->osc), by);
  if (!output) return console.fail(output.error(), exit_code(output.error(), false));

  const auto rendered = describe(*output, node.os->capabilities().name);
  if (console.is_json())
    console.raw(rendered_document(rendered, console.masker()));
  else if (options.out_directory.empty())
    print(console, rendered);
  if (const auto code = judge(options, console, rendered.refused); code != kDone) return code;
  if (!options.out_directory.empty() && !options.image_layout.empty())
    if (const auto there = node.content->available(images_of(output->plan), by); !there)
      return console.fail(there.error(), exit_code(there.error(), false));
  if (!options.out_directory.empty())
    if (const auto written =
            write_tree(options.out_directory, output->plan, node, !options.image_layout.empty(), console, by);
        !written)
      return console.fail(written.error().with("--out"), kFailed);
  return kDone;
}

}  // namespace gna::cli
