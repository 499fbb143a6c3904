#include "agent/cli/help.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>

namespace gna::cli {
namespace {

struct Page {
  std::string_view about = {};
  std::string_view exit_codes = {};
  std::string_view examples = {};
  std::string_view files = {};
};

constexpr std::string_view kFileArgument =
    "FILE is an OperatingSystemConfig in YAML or JSON, a Kubernetes Secret that holds\n"
    "one under osc.yaml (data or stringData), or - for standard input. What it is, its\n"
    "content tells, never its name.\n";

constexpr std::string_view kState =
    "  /var/lib/gardener-node-agent/last-applied-osc.yaml\n"
    "  /var/lib/gardener-node-agent/last-computed-osc-changes.yaml\n"
    "      what was applied, and what is left to do: names and formats of the Go agent\n"
    "  /var/lib/gardener-node-agent/gna/\n"
    "      manifest, journal, index, the OSC before this one, the last run, the lock\n";

const std::map<std::string_view, Page>& pages() {
  static const std::map<std::string_view, Page> all = {
      {"validate",
       {"Reads OSCs and checks them: every finding with file, line, column and field path.\n"
        "Of a Secret, line and column are those of the document inside, and the file is\n"
        "called FILE#osc.yaml. Touches nothing and asks nobody.\n",
        "  0  every file is valid, or has warnings only\n"
        "  2  a file is not valid (with --strict: has warnings), or cannot be read\n",
        "  gna validate osc.yaml\n"
        "  kubectl -n kube-system get secret NAME -o yaml | gna validate -\n"
        "  gna validate --strict -o json pools/*.yaml | jq '.files[] | select(.valid | not)'\n",
        {}}},
      {"render",
       {"Shows the state that the OSC asks for: each file with its mode and SHA-256, each\n"
        "unit, each registry. With --out the files are written below a directory, as they\n"
        "would lie on the node. The node itself is neither read nor changed. For Talos it\n"
        "shows the documents of the machine configuration.\n",
        "  0  done\n"
        "  1  the directory could not be written; with --root: its config.toml cannot be patched\n"
        "  2  the OSC is not valid or cannot be read, or a secretRef has no answer\n"
        "  3  the backend cannot express part of the OSC\n",
        "  gna render osc.yaml\n"
        "  gna render osc.yaml --host-name node-a --out /tmp/tree\n"
        "  gna render -o json osc.yaml | jq -r '.files[].path'\n",
        {}}},
      {"diff",
       {"Shows what apply would do on this node: files as unified diffs, units, registries,\n"
        "restarts, image pulls, removals. Secrets appear as short hashes keyed by a random\n"
        "key of this run: equal means unchanged, and nothing else can be learnt.\n"
        "Without FILE the OSC that was applied last is taken: what has drifted.\n"
        "Changes nothing.\n",
        "  0  nothing to do\n"
        "  1  there are differences\n"
        "  2  the OSC is not valid or cannot be read\n"
        "  3  the backend cannot express part of the OSC\n"
        "  4  could not find out (no access, a bus or a daemon that does not answer)\n",
        "  gna diff osc.yaml\n"
        "  gna diff                    # what somebody changed by hand\n"
        "  gna diff --previous         # the way back\n"
        "  gna diff --root ./image osc.yaml -o json | jq .summary\n",
        kState}},
      {"apply",
       {"Makes this node match the OSC, and prints a line for each step. Running it again\n"
        "resumes what was cut short, and does nothing where nothing is left to do.\n"
        "Without FILE the OSC that was applied last is taken: drift is repaired.\n"
        "A step that fails does not stop the others; the run then ends with 1 and a list.\n"
        "\n"
        "SIGUSR1 makes it print where it is. SIGINT and SIGTERM stop it after the current\n"
        "step, with the journal kept (exit 130, 143); a second one stops it at once, which\n"
        "is as safe as a crash: the next run resumes.\n",
        "  0  the node matches\n"
        "  1  a step failed, or the surroundings did (bus, containerd, lock held, time-out,\n"
        "     not root, an active agent has applied another OSC): run it again to resume\n"
        "  2  the OSC is not valid or cannot be read; nothing was touched\n"
        "  3  the backend cannot express part of the OSC; nothing was touched\n"
        "  130, 143  stopped by SIGINT, SIGTERM\n"
        "  with --dry-run: as gna diff\n",
        "  gna apply osc.yaml\n"
        "  gna apply --dry-run osc.yaml\n"
        "  gna apply                   # repair what has drifted\n"
        "  gna apply --previous        # go back to the OSC before this one\n"
        "  gna apply --root ./image --image-layout ./images osc.yaml\n"
        "  kill -USR1 \"$(pidof gna)\"\n",
        kState}},
      {"status",
       {"Tells what is applied and how the last run went, what is pending, what has drifted\n"
        "since, how the units are, and whether the registry mirrors answer. Changes nothing.\n"
        "Files from secretRefs are compared with what was written, or with --secrets.\n",
        "  0  all as wanted, or nothing was ever applied\n"
        "  1  something has drifted or is unhealthy, or the last run did not complete\n"
        "  2  usage\n"
        "  4  could not find out\n",
        "  gna status\n"
        "  gna status -o json | jq '.drift'\n",
        kState}},
      {"reset",
       {"Takes back what was applied: units are stopped, disabled and removed, files,\n"
        "drop-ins and mirrors go, keys in containerd's configuration return to what they\n"
        "were, and the records of it all go last. What gna did not apply stays. A file that\n"
        "lay there before and was overwritten is not restored but named. On a terminal it\n"
        "asks first; elsewhere it needs --yes.\n",
        "  0  done, or nothing was ever applied\n"
        "  1  a step failed; run it again to resume\n"
        "  2  usage, or --yes is missing\n",
        "  gna reset\n"
        "  gna reset --yes -o json\n",
        kState}},
      {"provision render",
       {"Makes the userdata of a new machine out of the provision OSC of its pool and the\n"
        "registry mirrors that it has to go through. Mirrors that are provisionRelevant (all\n"
        "of them with --all-mirrors) are on the machine before the first pull; the agent's\n"
        "image comes through them, by tag or by digest. With --reconcile-out the reconcile\n"
        "OSC gets all the mirrors, so that the agent finds below certs.d what it wants.\n"
        "\n"
        "Texts that the machine controller replaces (the bootstrap token, the machine's\n"
        "name) stay findable: plain, or URL-encoded in Ignition; the rest is compressed.\n"
        "Running the userdata again, or an older one, does nothing.\n",
        "  0  done\n"
        "  1  a file could not be written\n"
        "  2  an input is not valid or cannot be read, or the result is over the --limit\n"
        "  3  the form is not in this version of gna (talos)\n",
        "  gna provision render osc.yaml --mirrors mirrors.yaml > userdata.sh\n"
        "  gna provision render osc.yaml --mirrors mirrors.yaml --format ignition --limit aws\n"
        "  gna provision render osc.yaml --mirrors mirrors.yaml --require-mirror --out userdata \\\n"
        "    --reconcile reconcile.yaml --reconcile-out reconcile-with-mirrors.yaml\n"
        "  gna provision render osc.yaml --os ubuntu -o json --out userdata | jq .parts\n",
        {}}},
      {"provision run",
       {"On a new machine whose image carries gna: does what rendered userdata does elsewhere.\n"
        "Stages: fetch (inputs, generation, clock), verify (each mirror over TLS with its CA,\n"
        "at /v2/), files (mirrors, those that answer first; the OSC's files and units), pull\n"
        "(the agent's program out of its image, through the mirrors), hand-off (that program's\n"
        "bootstrap). Each may run again and is looked at again when it is done. A generation\n"
        "that was applied, one that is older, and a machine that the agent has taken over are\n"
        "left alone. Credentials for mirrors lie below /run, 0700, while the pull lasts.\n",
        "  0  done, or nothing to do\n"
        "  1  a stage failed: the message says which; with --require-mirror also: no mirror of\n"
        "     the agent's registry answers. Running it again resumes\n"
        "  2  an input is not valid or cannot be read: nothing was touched\n",
        "  gna provision run osc.yaml --mirrors mirrors.yaml\n"
        "  gna provision run osc.yaml --mirrors mirrors.yaml --all-mirrors --require-mirror\n",
        "  /var/lib/gardener-node-agent/provision-state\n"
        "      what was applied: generation, digest, phase, files below certs.d\n"}},
      {"bootstrap",
       {"The first start of the agent on a new machine: makes its directories, prepares the\n"
        "disk for /var/lib/kubelet if its configuration names one (by size), writes, enables\n"
        "and starts gardener-node-agent.service, and disables gardener-node-init.service. Each\n"
        "step may run again. A disk that holds a file system or a partition table, or is in\n"
        "use, is never formatted; one with the label KUBEDEV is taken as it is. That the API\n"
        "server does not answer is a warning.\n",
        "  0  done\n"
        "  1  a step failed: the message says which; run it again to resume\n"
        "  2  usage, or the configuration is wrong\n",
        "  gna bootstrap --config-dir=/var/lib/gardener-node-agent\n"
        "  gna bootstrap --config-dir=/var/lib/gardener-node-agent --root /mnt/image\n",
        "  /var/lib/gardener-node-agent/config-VERSION.yaml\n"
        "      the agent's configuration; of several the greatest version counts\n"
        "  /etc/systemd/system/gardener-node-agent.service\n"}},
      {"agent",
       {"Runs as gardener-node-agent.service: looks at the node when it starts and then every\n"
        "controllers.operatingSystemConfig.syncPeriod (10m), and repairs what is not as the OSC\n"
        "says that was applied last. What it finds and does is logged. It takes no OSC from the\n"
        "cluster: gna apply brings one, and gna apply --force another while the agent runs. A run\n"
        "of another OSC that has not ended is left alone.\n"
        "Under the name gardener-node-agent it is what happens without a command.\n"
        "\n"
        "SIGUSR1 makes it print where it is. SIGINT and SIGTERM stop it after the current step.\n"
        "When its own unit, program or configuration has changed it ends, to be started anew.\n",
        "  0  stopped, or to be started anew\n"
        "  1  not root, or there is no configuration yet\n"
        "  2  usage, or the configuration is wrong\n",
        "  gna agent --config-dir=/var/lib/gardener-node-agent\n"
        "  gna agent --config config.yaml --drift report\n",
        "  /var/lib/gardener-node-agent/config-VERSION.yaml\n"
        "      its configuration: syncPeriod, logLevel and logFormat count\n"}},
      {"version", {"Prints version, commit, backends and protocols.\n", "  0  done\n", "  gna version -o json\n", {}}},
      {"completion",
       {"Prints a completion script for bash, zsh or fish.\n",
        "  0  done\n",
        "  gna completion bash > /usr/share/bash-completion/completions/gna\n"
        "  gna completion zsh  > /usr/share/zsh/vendor-completions/_gna\n"
        "  gna completion fish > /usr/share/fish/vendor_completions.d/gna.fish\n",
        {}}},
      {"help", {"Prints this overview, or the page of a command.\n", "  0  done\n", "  gna help apply\n", {}}},
  };
  return all;
}

constexpr std::size_t kWidth = 84, kIndent = 28;

std::string wrapped(std::string_view text, std::size_t column) {
  std::string out;
  std::size_t at = column;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (at > column && at + 1 + word.size() > kWidth) {
      out += '\n';
      out.append(column, ' ');
      at = column;
    } else if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

// With the values that it takes, where its words do not name them.
std::string text_of(const FlagInfo& flag) {
  const bool named = std::ranges::all_of(
      flag.choices, [&](const std::string& choice) { return flag.text.find(choice) != std::string::npos; });
  return named ? flag.text : fmt::format("{}: {}", flag.text, fmt::join(flag.choices, ", "));
}

std::string flags_text(const CommandInfo& command) {
  std::string out;
  std::vector<std::string> groups;
  for (const auto& flag : command.flags)
    if (std::ranges::find(groups, flag.group) == groups.end()) groups.push_back(flag.group);
  for (const auto& group : groups) {
    out += fmt::format("\n{}:\n", group.empty() ? "Other" : group);
    for (const auto& flag : command.flags) {
      if (flag.group != group) continue;
      std::string left = flag.names[0].size() == 2 ? "  " : "      ";
      left += fmt::format("{}", fmt::join(flag.names, ", "));
      if (!flag.value.empty()) left += " " + flag.value;
      if (left.size() + 2 > kIndent)
        left += "\n" + std::string(kIndent, ' ');
      else
        left.append(kIndent - left.size(), ' ');
      out += left + wrapped(text_of(flag), kIndent) + "\n";
    }
  }
  return out;
}

bool takes_file(const CommandInfo& command) { return command.arguments.find("FILE") != std::string::npos; }

constexpr std::string_view kEnvironment =
    "  GNA_ROOT               as --root\n"
    "  GNA_LOG_LEVEL          as --log-level\n"
    "  CONTAINERD_ADDRESS     containerd's socket (/run/containerd/containerd.sock)\n"
    "  CONTAINERD_NAMESPACE   its namespace for pulls (default)\n"
    "  NO_COLOR               if set and not empty: no colour\n";

}  // namespace

std::string help_overview() {
  std::string out =
      "gna makes a node match its OperatingSystemConfig (OSC).\n"
      "\n"
      "Usage: gna COMMAND [FLAG...] [FILE...]\n";
  const auto group = [&](std::string_view title, std::initializer_list<std::string_view> names) {
    out += fmt::format("\n{}:\n", title);
    for (const auto name : names)
      for (const auto& command : grammar().commands)
        if (command.name == name) out += fmt::format("  {:<17} {}\n", command.name, command.summary);
  };
  group("Look, without a node", {"validate", "render"});
  group("Look at this node", {"diff", "status"});
  group("Change this node", {"apply", "reset", "agent"});
  group("A new machine", {"provision render", "provision run", "bootstrap"});
  group("About gna", {"version", "completion", "help"});
  out += "\n";
  out += kFileArgument;
  out +=
      "\nExit codes:\n"
      "  0  done, warnings alone included; diff: nothing to do; status: all as wanted\n"
      "  1  a step failed or the surroundings did; diff: differences; status: drift\n"
      "  2  the input or the usage is wrong: nothing was touched\n"
      "  3  the backend cannot express part of the OSC: nothing was touched\n"
      "  4  diff, status: could not find out\n"
      "\nEnvironment:\n";
  out += kEnvironment;
  out += "\nFiles:\n";
  out += kState;
  out += "\n`gna help COMMAND` or `gna COMMAND --help` tells more, man gna all of it.\n";
  return out;
}

std::string help_family(std::string_view first_word) {
  std::string out = fmt::format("Usage: gna {} COMMAND [FLAG...] [FILE...]\n\n", first_word);
  for (const auto& command : grammar().commands)
    if (command.name.starts_with(fmt::format("{} ", first_word)))
      out += fmt::format("  gna {:<17} {}\n", command.name, command.summary);
  return out + fmt::format("\n`gna help {} COMMAND` tells more.\n", first_word);
}

std::string help_page(const CommandInfo& command) {
  const auto& page = pages().at(command.name);
  std::string out = fmt::format("gna {}: {}\n\nUsage: gna {} [FLAG...]{}{}\n\n", command.name, command.summary,
                                command.name, command.arguments.empty() ? "" : " ", command.arguments);
  out += page.about;
  if (takes_file(command)) {
    out += "\n";
    out += kFileArgument;
  }
  if (!command.choices.empty() && command.name != "help")
    out += fmt::format("\n{} is one of: {}\n", command.arguments, fmt::join(command.choices, ", "));
  out += flags_text(command);
  out += "\nExamples:\n";
  out += page.examples;
  out += "\nExit codes:\n";
  out += page.exit_codes;
  if (!page.files.empty()) {
    out += "\nEnvironment:\n";
    out += kEnvironment;
    out += "\nFiles:\n";
    out += page.files;
  }
  return out;
}

}  // namespace gna::cli
