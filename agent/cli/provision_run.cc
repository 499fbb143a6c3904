// gna provision run FILE
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <thread>

#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/provision_input.h"
#include "agent/cli/services.h"
#include "agent/cli/stages.h"
#include "agent/cli/text.h"
#include "agent/cli/wiring.h"
#include "agent/containerd/client.h"
#include "agent/containerd/process.h"
#include "agent/content/containerd_source.h"
#include "agent/content/image_layout.h"
#include "provision/bootstrap/bootstrap.h"
#include "provision/init_script.h"
#include "provision/stages/run.h"

namespace gna::cli {
namespace {

// A machine that isn't there after 20 minutes is replaced: it has to be loud before.
constexpr std::chrono::minutes kWhole{15};

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

Result<std::string> bootstrap_with(const std::string& program, Deadline by) {
  GNA_LET(exit, containerd::run_program(
                    {program, "bootstrap", std::string("--config-dir=") + provision::kAgentDirectory}, by));
  if (!WIFEXITED(exit.status) || WEXITSTATUS(exit.status) != 0)
    return fail(Code::Unavailable,
                program + " bootstrap failed: " + last_line(exit.words.empty() ? exit.output : exit.words));
  return last_line(exit.output);
}

void sleep_unless(std::chrono::milliseconds nap, const std::function<bool()>& stopping) {
  const auto until = std::chrono::steady_clock::now() + nap;
  while (!stopping() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(nap, std::chrono::milliseconds(100)));
}

}  // namespace

int provision_run(const Options& options, Console& console) {
  if (!options.offline() && geteuid() != 0)
    return console.fail({.code = Code::PermissionDenied,
                         .message = "provision run changes this machine, so it has to run as root",
                         .hint = "--root DIR works on a tree of your own."},
                        kFailed);
  auto osc = read_osc(options.files[0], console);
  if (!osc) return osc.exit_code;
  auto inputs = read_mirror_inputs(options);
  if (!inputs) return console.fail(inputs.error(), exit_code(inputs.error(), false));
  for (const auto& warning : inputs->configs.warnings) console.warn(warning);
  provision::RunInput input{.mirrors = first_mirrors(options, inputs->configs),
                            .image = options.provision.image,
                            .require_mirror = options.provision.require_mirror};
  warn_of_none(input.mirrors, inputs->configs, console);
  if (input.image.empty()) input.image = provision::agent_image(*osc).value_or("");
  if (input.image.empty())
    return console.fail({.code = Code::InvalidArgument,
                         .message = options.files[0] + ": names no image of the agent",
                         .hint = "Name it with --image REF."},
                        kBadInput);
  auto userdata = provision::make_userdata(*osc, input.mirrors,
                                           {.require_mirror = input.require_mirror,
                                            .image = input.image,
                                            .generation = generation_of(options),
                                            .secrets = inputs->secrets});
  if (!userdata) return console.fail(userdata.error().with(options.files[0]), exit_code(userdata.error(), false));
  input.userdata = std::move(*userdata);
  for (const auto& warning : provision::mirror_warnings(input.mirrors, input.image, std::time(nullptr)))
    console.warn(warning);

  auto node = open_node(options);
  if (!node) return console.fail(node.error(), exit_code(node.error(), false));
  auto& root = (*node)->root;
  const auto services = make_services(root, options.offline());
  containerd::Client client(containerd::Address::from_environment());
  StagesView view(options, console, deadline(options, kWhole));
  provision::Surroundings around{
      .root = root,
      .services = *services,
      .content =
          [&](const std::string& hosts_directory) {
            return options.image_layout.empty() ? content::from_containerd(client, {.hosts_directory = hosts_directory})
                                                : content::from_image_layout(options.image_layout);
          },
      .hand_off = [](Deadline by) { return bootstrap_with(provision::kAgentProgram, by); },
      .say = [&](const std::string& words) { console.err("gna: " + words + "\n"); },
      .sleep = [&](std::chrono::milliseconds nap) { sleep_unless(nap, [&] { return view.stopping(); }); },
      .stopping = [&] { return view.stopping(); },
      .unix_time = [] { return static_cast<std::int64_t>(std::time(nullptr)); },
  };
  provision::Run run(around, std::move(input));
  const auto verdict = run.verdict();
  if (!verdict.why.empty()) console.err("gna: " + verdict.why + "\n");
  if (!verdict.apply) return view.run({});
  auto lock = (*node)->store.lock();
  if (!lock) return console.fail(lock.error(), exit_code(lock.error(), false));
  return view.run(run.stages());
}

}  // namespace gna::cli
