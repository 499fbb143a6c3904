#include "agent/containerd/pull.h"

#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "agent/containerd/process.h"

namespace gna::containerd {

namespace {

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

// One border more: ctr has an exit code of 1 for everything and tells in words. Only "not found" is read
// out of them, because it alone changes what the caller does.
Error ctr_error(const Exit& exit) {
  const std::string line = last_line(exit.words);
  const std::string how = WIFEXITED(exit.status) ? "exit " + std::to_string(WEXITSTATUS(exit.status))
                                                 : "signal " + std::to_string(WTERMSIG(exit.status));
  const bool absent = line.ends_with("not found");
  return {absent ? Code::NotFound : Code::Unavailable, "ctr: " + (line.empty() ? how : line)};
}

// "v2.1.5" and "2.1.5~ds1" have the major version 2. Anything else counts as old: `ctr` works with all.
int major_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  int major = 0;
  std::from_chars(text.data(), text.data() + text.size(), major);
  return major;
}

enum class Way { transfer, ctr };

Result<Way> choose_way(Client& client, const PullOptions& options, Deadline by) {
  by = std::min<Deadline>(by, std::chrono::steady_clock::now() + options.patience);
  GNA_LET(version, client.version(by));
  if (major_version(version) < 2) return Way::ctr;
  GNA_LET(has_transfer, client.has_transfer(by));
  return has_transfer ? Way::transfer : Way::ctr;
}

Result<std::string> find_ctr(const std::vector<std::string>& directories) {
  for (const char* name : {"ctr", "containerd-ctr"})  // the latter is SUSE's
    if (auto path = find_program(name, directories)) return path;
  return fail(Code::NotFound, "no `ctr` on this machine, which a pull by mirrors needs before containerd 2.0",
              "install the ctr that belongs to this containerd into /usr/local/bin");
}

// "ctr github.com/containerd/containerd/v2 v2.1.5"
Result<int> major_version_of_ctr(const std::string& ctr, Deadline by) {
  GNA_LET(exit, run_program({ctr, "--version"}, by));
  auto line = last_line(exit.output);
  return major_version(std::string_view(line).substr(line.rfind(' ') + 1));
}

Result<void> pull_with_ctr(const Address& address, const std::string& reference, const PullOptions& options,
                           Deadline by) {
  GNA_LET(ctr, find_ctr(options.ctr_directories));
  GNA_LET(major, major_version_of_ctr(ctr, by));
  std::vector<std::string> arguments = {ctr, "-a", address.socket, "-n", address.name_space, "images", "pull"};
  // It would leave the pull to the daemon, whose transfer service is of no use here, and ask for the manifests of all
  // platforms, which not every mirror has.
  if (major >= 2) arguments.insert(arguments.end(), {"--local", "--skip-metadata"});
  for (const auto& word : {std::string("--hosts-dir"), options.hosts_directory, std::string("--platform"),
                           "linux/" + options.architecture, reference})
    arguments.push_back(word);
  GNA_LET(exit, run_program(std::move(arguments), by));
  if (exit.status != 0) return std::unexpected(ctr_error(exit));
  return {};
}

// Nothing that ctr could take for a flag, and nothing that no reference has.
Result<void> check_reference(const std::string& reference) {
  const bool clean = std::ranges::all_of(reference, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (reference.empty() || reference.front() == '-' || !clean)
    return fail(Code::InvalidArgument, "not an image reference: \"" + reference + "\"");
  return {};
}

}  // namespace

std::string host_architecture() {
  utsname machine{};
  ::uname(&machine);
  const std::string_view name = machine.machine;
  if (name == "x86_64") return "amd64";
  if (name == "aarch64") return "arm64";
  return std::string(name);
}

Result<void> can_pull(Client& client, const std::vector<std::string>& references, const PullOptions& options,
                      Deadline by) {
  for (const auto& reference : references) GNA_TRY(check_reference(reference));
  GNA_LET(way, choose_way(client, options, by));
  if (way == Way::ctr) GNA_TRY(find_ctr(options.ctr_directories));
  return {};
}

Result<void> pull(Client& client, const std::string& reference, const PullOptions& options, Deadline by) {
  const std::string step = "pull " + reference;
  GNA_TRY(check_reference(reference));
  GNA_LET_AT(step, way, choose_way(client, options, by));
  if (way == Way::transfer) {
    GNA_TRY_AT(step, client.transfer(reference, options.hosts_directory, options.architecture, options.lease, by));
  } else {
    GNA_TRY_AT(step, pull_with_ctr(client.address(), reference, options, by));
  }
  return {};
}

}  // namespace gna::containerd
