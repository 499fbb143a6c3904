#include "agent/cli/options.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

#include "agent/cli/exit_code.h"
#include "agent/cli/help.h"
#include "agent/cli/text.h"
#include "gna/base/duration.h"
#include "gna/desired/facts.h"

namespace gna::cli {
namespace {

using Take = std::function<void(Options&, const std::string&)>;

struct Flag {
  FlagInfo info = {};
  Take take = {};
};

Take into(std::string Options::* field) {
  return [field](Options& options, const std::string& value) { options.*field = value; };
}
Take into(bool Options::* field) {
  return [field](Options& options, const std::string&) { options.*field = true; };
}
using Provision = Options::Provision;
Take into(std::string Provision::* field) {
  return [field](Options& options, const std::string& value) { options.provision.*field = value; };
}
Take into(bool Provision::* field) {
  return [field](Options& options, const std::string&) { options.provision.*field = true; };
}
Take into(std::vector<std::string> Provision::* field) {
  return [field](Options& options, const std::string& value) { (options.provision.*field).push_back(value); };
}

// Errors of a value: CLI11 puts the flag's name in front.
[[noreturn]] void refuse_value(const std::string& why) { throw CLI::ValidationError(why); }

void take_timeout(Options& options, const std::string& value) {
  options.timeout = parse_duration(value);
  if (!options.timeout) refuse_value("--timeout: " + printable(value) + " is no duration such as 90s, 5m or 1h30m");
}

// hostName is held against a name in lower case, as the machine's own is.
void take_host_name(Options& options, const std::string& value) {
  options.host_name = value;
  std::ranges::transform(options.host_name, options.host_name.begin(), [](unsigned char c) { return std::tolower(c); });
}

void take_containerd_version(Options& options, const std::string& value) {
  if (!desired::parse_version(value)) refuse_value("--containerd-version: " + printable(value) + " is no version");
  options.containerd_version = value;
}

void take_config_version(Options& options, const std::string& value) {
  options.containerd_config_version = value[0] - '0';
}

void take_format(Options& options, const std::string& value) {
  options.format = value == "json" ? Format::json : Format::text;
}

void take_progress(Options& options, const std::string& value) {
  options.progress = value == "plain" ? Progress::plain : value == "none" ? Progress::none : Progress::automatic;
}

void take_generation(Options& options, const std::string& value) {
  std::int64_t number = 0;
  const auto* end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || at != end || number < 0)
    refuse_value("--generation: " + printable(value) + " is no number");
  options.provision.generation = number;
}

const char* const kOutput = "Output";
const char* const kNode = "The node";
const char* const kInput = "Input";
const char* const kSafety = "What may happen";
const char* const kUserdata = "Userdata";

std::vector<Flag> join(std::vector<Flag> first, const std::vector<Flag>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::vector<Flag> log_flags(const std::string& unless_given) {
  return {
      {{{"--log-level"},
        "LEVEL",
        "least severity of what is logged to standard error (" + unless_given + ")",
        kOutput,
        {"debug", "info", "warn", "error"}},
       into(&Options::log_level)},
      {{{"--log-format"},
        "FORMAT",
        "text, json (an object a line), or journal (systemd's, with its fields)",
        kOutput,
        {"text", "json", "journal"}},
       into(&Options::log_format)},
  };
}

std::vector<Flag> output_flags() {
  return join({{{{"-o", "--output"},
                 "FORMAT",
                 "text for people, or json: one document on standard output",
                 kOutput,
                 {"text", "json"}},
                take_format}},
              log_flags("warn"));
}

std::vector<Flag> node_flags() {
  return {
      {{{"--backend"},
        "NAME",
        "what the node runs: auto (systemd), systemd, talos (render only)",
        kNode,
        {"auto", "systemd", "talos"}},
       into(&Options::backend)},
      {{{"--root"},
        "DIR",
        "an offline tree instead of this machine: every path below DIR, no D-Bus, units enabled by "
        "symlinks, nothing restarted",
        kNode,
        {}},
       into(&Options::root)},
      {{{"--host-name"}, "NAME", "instead of the machine's own, for files meant for one host", kNode, {}},
       take_host_name},
      {{{"--containerd-version"},
        "V",
        "containerd's version in an offline tree (else its config.toml tells)",
        kNode,
        {}},
       take_containerd_version},
      {{{"--containerd-config-version"},
        "N",
        "version of the config.toml that an offline tree without one starts from (2)",
        kNode,
        {"2", "3", "4"}},
       take_config_version},
      {{{"--timeout"}, "DURATION", "of the whole run: 90s, 5m, 1h30m", kNode, {}}, take_timeout},
  };
}

Flag image_layout() {
  return {{{"--image-layout"},
           "DIR",
           "take imageRef files from the OCI image layout in DIR instead of containerd",
           kInput,
           {}},
          into(&Options::image_layout)};
}

Flag secrets() {
  return {{{"--secrets"}, "FILE", "Kubernetes Secrets (YAML) that secretRef files read; may be repeated", kInput, {}},
          [](Options& options, const std::string& value) { options.secrets.push_back(value); }};
}

Flag previous() {
  return {{{"--previous"}, "", "the OSC that was applied before the present one, instead of FILE", kInput, {}},
          into(&Options::previous)};
}

Flag show_secrets() {
  return {{{"--show-secrets"}, "", "show what is masked otherwise; on a terminal only", kOutput, {}},
          into(&Options::show_secrets)};
}

Flag allow_empty() {
  return {{{"--allow-empty"},
           "",
           "take an OSC without any file and unit though some are applied: it removes them all",
           kSafety,
           {}},
          into(&Options::allow_empty)};
}

Flag allow_unsupported() {
  return {{{"--allow-unsupported"},
           "",
           "go on without the parts that the backend cannot express, and list them",
           kSafety,
           {}},
          into(&Options::allow_unsupported)};
}

Flag progress() {
  return {{{"--progress"},
           "HOW",
           "auto (a progress line on a terminal, plain lines elsewhere), plain, none",
           kOutput,
           {"auto", "plain", "none"}},
          take_progress};
}

// What `provision render` and `provision run` have in common.
std::vector<Flag> mirror_flags() {
  return {
      {{{"--mirrors"},
        "FILE",
        "MirrorConfigs of the registry-mirror extension, and caches of the registry-cache extension; may be repeated",
        kInput,
        {}},
       into(&Provision::mirrors)},
      {{{"--all-mirrors"},
        "",
        "all mirrors before the first pull, not only those that are provisionRelevant",
        kInput,
        {}},
       into(&Provision::all_mirrors)},
      {{{"--require-mirror"}, "", "no pull may fall back to an upstream", kSafety, {}},
       into(&Provision::require_mirror)},
      {{{"--secrets"},
        "FILE",
        "Kubernetes Secrets (YAML) with CA bundles, credentials, secretRef files; may be repeated",
        kInput,
        {}},
       [](Options& options, const std::string& value) { options.secrets.push_back(value); }},
      {{{"--mirror-credentials"},
        "[HOST=]SECRET",
        "the Secret with user and password or client certificate for a mirror host, or for all; may be repeated",
        kInput,
        {}},
       into(&Provision::credentials)},
      {{{"--image"}, "REF", "the agent's image, instead of the one that the OSC's init.sh names", kInput, {}},
       into(&Provision::image)},
  };
}

Flag generation() {
  return {{{"--generation"},
           "N",
           "what is newer: a machine never goes back to a smaller one (SOURCE_DATE_EPOCH, else the time)",
           kUserdata,
           {}},
          take_generation};
}

std::vector<Flag> userdata_flags() {
  return {
      {{{"--format"},
        "NAME",
        "form of the userdata: script (default), cloud-config, mime, ignition, talos",
        kUserdata,
        {"script", "cloud-config", "mime", "ignition", "talos"}},
       into(&Provision::form)},
      {{{"--os"},
        "NAME",
        "the form that the Gardener extension for this operating system would give",
        kUserdata,
        {"gardenlinux", "ubuntu", "suse-chost", "memoryone", "flatcar", "local"}},
       into(&Provision::os)},
      {{{"--limit"},
        "NAME|BYTES",
        "refuse what is larger than aws, azure, gcp, openstack, hetzner or kubevirt take, or than this many bytes",
        kUserdata,
        {}},
       into(&Provision::limit)},
      {{{"--gzip"}, "", "compress the whole; refused while a placeholder is in it", kUserdata, {}},
       into(&Provision::gzip)},
      generation(),
      {{{"--secrets-in-userdata"},
        "",
        "put the mirrors' credentials into the userdata, where whoever reaches the metadata service can read them",
        kSafety,
        {}},
       into(&Provision::secrets_in_userdata)},
      {{{"--out"}, "FILE", "write the userdata there instead of to standard output", kOutput, {}},
       into(&Provision::out)},
      {{{"--reconcile"}, "FILE", "the reconcile OSC of the same pool, for --reconcile-out", kInput, {}},
       into(&Provision::reconcile)},
      {{{"--reconcile-out"}, "FILE", "write the reconcile OSC with all the mirrors and caches there", kOutput, {}},
       into(&Provision::reconcile_out)},
  };
}

struct Command {
  CommandInfo info = {};
  std::size_t least = 0, most = 0;  // arguments
  std::vector<Flag> flags = {};
};

std::vector<Command> make_commands() {
  const auto node = join(node_flags(), output_flags());
  std::vector<Command> out = {
      {{"validate", "check OSCs and say where they are wrong", "FILE...", {}, {}},
       1,
       10'000,
       join({{{{"--strict"}, "", "warnings count as errors", kSafety, {}}, into(&Options::strict)}}, output_flags())},
      {{"render", "the wanted state: files and units", "FILE", {}, {}},
       1,
       1,
       join({{{{"--out"}, "DIR", "write the files below DIR", kOutput, {}}, into(&Options::out_directory)},
             secrets(),
             image_layout(),
             allow_unsupported()},
            node)},
      {{"diff", "what apply would do here", "[FILE]", {}, {}},
       0,
       1,
       join({secrets(), image_layout(), previous(), allow_empty(), allow_unsupported(), show_secrets()}, node)},
      {{"apply", "make this node match", "[FILE]", {}, {}},
       0,
       1,
       join({secrets(),
             image_layout(),
             previous(),
             {{{"--dry-run"}, "", "print what diff prints, change nothing, and exit as diff does", kSafety, {}},
              into(&Options::dry_run)},
             allow_empty(),
             allow_unsupported(),
             {{{"--force"}, "", "apply although an active agent on this node has applied another OSC", kSafety, {}},
              into(&Options::force)},
             {{{"--no-state"}, "", "leave last-applied and journal alone", kSafety, {}}, into(&Options::no_state)},
             progress(),
             show_secrets()},
            node)},
      {{"status", "what is applied, and what has drifted", "", {}, {}}, 0, 0, join({secrets()}, node)},
      {{"reset", "take back what was applied", "", {}, {}},
       0,
       0,
       join({{{{"--yes"}, "", "do not ask", kSafety, {}}, into(&Options::yes)}, progress()}, node)},
      {{"provision render", "userdata for a new machine", "FILE", {}, {}},
       1,
       1,
       join(join(userdata_flags(), mirror_flags()), output_flags())},
      {{"provision run", "set up this new machine, up to the start of the agent", "FILE", {}, {}},
       1,
       1,
       join(join(mirror_flags(),
                 {generation(),
                  image_layout(),
                  {{{"--root"}, "DIR", "an offline tree instead of this machine: no hand-off", kNode, {}},
                   into(&Options::root)},
                  {{{"--timeout"}, "DURATION", "of the whole run: 90s, 5m, 1h30m", kNode, {}}, take_timeout},
                  progress()}),
            output_flags())},
      {{"bootstrap", "first start of the agent on a new machine", "", {}, {}},
       0,
       0,
       join(
           {{{{"--config-dir"}, "DIR", "where the agent's config-VERSION.yaml lies", kInput, {}},
             into(&Options::config_directory)},
            {{{"--root"}, "DIR", "an offline tree instead of this machine: nothing is started or formatted", kNode, {}},
             into(&Options::root)},
            {{{"--timeout"}, "DURATION", "of the whole run: 90s, 5m, 1h30m", kNode, {}}, take_timeout},
            progress()},
           output_flags())},
      {{"agent", "keeps the node as the OSC says that was applied last", "", {}, {}},
       0,
       0,
       join({{{{"--config"}, "FILE", "the agent's configuration", kInput, {}}, into(&Options::config_file)},
             {{{"--config-dir"},
               "DIR",
               "where its config-VERSION.yaml lies; of several the greatest version counts",
               kInput,
               {}},
              into(&Options::config_directory)},
             {{{"--drift"},
               "WHAT",
               "what becomes of a node that is not as wanted any more: repair, report (default: repair)",
               kNode,
               {"repair", "report"}},
              [](Options& options, const std::string& value) {
                options.drift = value == "report" ? Drift::report : Drift::repair;
              }},
             {{{"--root"}, "DIR", "an offline tree instead of this machine", kNode, {}}, into(&Options::root)}},
            log_flags("as the configuration says"))},
      {{"version", "this program's version", "", {}, {}}, 0, 0, output_flags()},
      {{"completion", "a completion script for a shell", "SHELL", {"bash", "zsh", "fish"}, {}}, 1, 1, {}},
      {{"help", "this text, or that of a command", "[COMMAND]", {}, {}}, 0, 2, {}},
  };
  for (auto& command : out) {
    for (const auto& flag : command.flags) command.info.flags.push_back(flag.info);
    command.info.flags.push_back({{"-h", "--help"}, "", "the help of this command", "", {}});
    out.back().info.choices.push_back(command.info.name);
  }
  return out;
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all = make_commands();
  return all;
}

const Command* find_command(std::string_view name) {
  const auto at = std::ranges::find(commands(), name, [](const Command& c) -> std::string_view { return c.info.name; });
  return at == commands().end() ? nullptr : &*at;
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Parsed usage_error(const std::string& message, const std::string& command) {
  return {.exit_code = kBadInput,
          .err = "gna: " + message + "\nSee `gna help" + (command.empty() ? "" : " " + command) + "`.\n"};
}

constexpr const char* kFamily = "provision";  // first word of the commands of two

// Commands of the whole program that this version lacks: told apart from a typing error.
constexpr std::string_view kOfLater[] = {"talos", "hollow"};

bool is_any_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// Installed as gardener-node-agent it has the sub-commands and the flags of the Go program, and is the daemon without
// any.
std::vector<const char*> as_the_go_program(int argc, const char* const* argv) {
  std::vector<const char*> out(argv, argv + argc);
  if (argc < 2 || (argv[1][0] == '-' && !is_any_of(argv[1], {"-h", "--help", "--version"}))) {
    out.insert(out.begin() + 1, "agent");
    return out;
  }
  if (std::string_view(argv[1]) != "reset") return out;
  // It never asks, and takes nothing from the configuration.
  out = {argv[0], "reset", "--yes"};
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--config-dir")
      ++i;
    else if (!argument.starts_with("--config-dir="))
      out.push_back(argv[i]);
  }
  return out;
}

// A flag such as "--root=" with nothing behind it, as an empty variable of a script leaves it. CLI11 would take the
// next argument for its value, be that FILE or another flag. Empty: there is none.
std::string flag_without_value(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") break;
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1)
      return std::string(argument.substr(0, argument.size() - 1));
  }
  return {};
}

}  // namespace

const Grammar& grammar() {
  static const Grammar all = [] {
    Grammar out;
    for (const auto& command : commands()) out.commands.push_back(command.info);
    return out;
  }();
  return all;
}

Parsed parse_arguments(int argc, const char* const* argv) {
  const std::string_view self = argc > 0 ? argv[0] : "gna";
  std::vector<const char*> translated;
  if (self.substr(self.rfind('/') + 1) == "gardener-node-agent") {
    translated = as_the_go_program(argc, argv);
    argc = static_cast<int>(translated.size());
    argv = translated.data();
  }
  if (argc < 2) return {.exit_code = kBadInput, .err = help_overview()};
  std::string first = argv[1];
  if (first == "-h" || first == "--help") return {.out = help_overview()};
  if (first == "--version") {
    Options options;
    options.command = "version";
    return {.options = options};
  }
  if (argc == 3 && first == "help" && std::string_view(argv[2]) == kFamily) return {.out = help_family(kFamily)};
  if (first == kFamily) {
    if (argc < 3) return {.exit_code = kBadInput, .err = help_family(kFamily)};
    if (is_any_of(argv[2], {"-h", "--help"})) return {.out = help_family(kFamily)};
    if (argv[2][0] == '-') return usage_error("provision: which one of render, run?", "");
    first += std::string(" ") + argv[2];
    --argc, ++argv;
  }
  const auto* command = find_command(first);
  if (command == nullptr) {
    const auto shown = printable(first);
    if (first.starts_with('-')) return usage_error(shown + ": flags come after the command", "");
    if (std::ranges::find(kOfLater, first) != std::end(kOfLater))
      return usage_error("the command " + shown + " is not in this version of gna", "");
    return usage_error("there is no command " + shown, "");
  }

  Options options;
  options.command = command->info.name;
  options.root = from_environment("GNA_ROOT");
  if (const auto level = from_environment("GNA_LOG_LEVEL"); !level.empty()) {
    if (level != "debug" && level != "info" && level != "warn" && level != "error")
      return usage_error("GNA_LOG_LEVEL: " + printable(level) + " is none of debug, info, warn, error", "");
    options.log_level = level;
  }

  if (const auto flag = flag_without_value(argc, argv); !flag.empty())
    return usage_error(command->info.name + ": " + printable(flag) + ": is empty", command->info.name);
  CLI::App app;
  app.set_help_flag("-h,--help");
  std::vector<std::string> arguments;
  app.add_option("arguments", arguments);
  for (const auto& flag : command->flags) {
    std::string names;
    for (const auto& name : flag.info.names) names += (names.empty() ? "" : ",") + name;
    if (flag.info.value.empty()) {
      app.add_flag_callback(names, [&options, take = flag.take] { take(options, ""); });
      continue;
    }
    auto* option = app.add_option_function<std::vector<std::string>>(
        names, [&options, take = flag.take](const std::vector<std::string>& values) {
          for (const auto& value : values) take(options, value);
        });
    option->type_name(flag.info.value);
    option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    option->check(
        CLI::Validator([](std::string& value) { return value.empty() ? "is empty" : std::string(); }, "", ""));
    if (!flag.info.choices.empty())
      option->check(CLI::Validator(
          [choices = flag.info.choices](std::string& value) {
            if (std::ranges::find(choices, value) != choices.end()) return std::string();
            return fmt::format("{} is none of {}", printable(value), fmt::join(choices, ", "));
          },
          "", ""));
  }
  try {
    app.parse(argc - 1, argv + 1);
  } catch (const CLI::CallForHelp&) {
    return {.out = help_page(command->info)};
  } catch (const CLI::ParseError& error) {
    return usage_error(command->info.name + ": " + printable(error.what()), command->info.name);
  }
  if (arguments.size() < command->least)
    return usage_error(command->info.name + ": " + command->info.arguments + " is missing", command->info.name);
  if (arguments.size() > command->most)
    return usage_error(command->info.name + ": " + printable(arguments[command->most]) + " is one argument too many",
                       command->info.name);
  if (options.command == "help" && arguments.size() == 2) arguments = {arguments[0] + " " + arguments[1]};
  if (!command->info.choices.empty() && !arguments.empty()) {
    if (std::ranges::find(command->info.choices, arguments[0]) == command->info.choices.end())
      return usage_error(fmt::format("{}: {} is none of {}", command->info.name, printable(arguments[0]),
                                     fmt::join(command->info.choices, ", ")),
                         command->info.name);
    options.topic = arguments[0];
  } else {
    options.files = std::move(arguments);
  }
  if (std::ranges::count(options.files, "-") > 1)
    return usage_error(command->info.name + ": standard input (-) can be read only once", command->info.name);
  if (options.previous && !options.files.empty())
    return usage_error(command->info.name + ": FILE and --previous exclude each other", command->info.name);
  if (options.backend == "talos" && options.command != "render")
    return usage_error(command->info.name + ": --backend talos is not in this version of gna: it can only be rendered",
                       command->info.name);
  if (!options.provision.form.empty() && !options.provision.os.empty())
    return usage_error(command->info.name + ": --format and --os exclude each other", command->info.name);
  if (!options.provision.reconcile_out.empty() && options.provision.reconcile.empty())
    return usage_error(command->info.name + ": --reconcile-out needs --reconcile FILE", command->info.name);
  if (options.command == "agent" && options.config_directory.empty() == options.config_file.empty())
    return usage_error("agent: one of --config FILE, --config-dir DIR has to be given", options.command);
  if (!options.provision.reconcile.empty() && options.provision.reconcile_out.empty())
    return usage_error(command->info.name + ": --reconcile needs --reconcile-out FILE", command->info.name);
  if (!options.provision.out.empty() && options.provision.out == options.provision.reconcile_out)
    return usage_error(command->info.name + ": --out and --reconcile-out name the same file", command->info.name);
  if (options.command == "bootstrap" && options.config_directory.empty())
    return usage_error("bootstrap: --config-dir is missing", options.command);
  if (options.command == "help") {
    const auto* topic = find_command(options.topic);
    return {.out = topic == nullptr ? help_overview() : help_page(topic->info)};
  }
  return {.options = std::move(options)};
}

}  // namespace gna::cli
