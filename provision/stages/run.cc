#include "provision/stages/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "agent/containerd/hosts_toml.h"
#include "gna/base/digest.h"
#include "provision/bootstrap/bootstrap.h"
#include "provision/init_script.h"
#include "provision/stages/login.h"
#include "provision/stages/private_hosts.h"
#include "provision/take_over.h"

namespace gna::provision {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr const char* kLastApplied = "/var/lib/gardener-node-agent/last-applied-osc.yaml";
constexpr auto kPerLogin = 10s;
constexpr const char* kProgramInImage = "/gardener-node-agent";  // or below /ko-app, as the source knows

std::string machine_id(const fs::RootFs& root) {
  auto id = root.read("/etc/machine-id", 4096);
  if (!id) return {};
  while (!id->empty() && id->back() == '\n') id->pop_back();
  return *id;
}

bool exists(const fs::RootFs& root, const std::string& path) {
  const auto found = root.look(path, false);
  return found && found->kind != observed::FileKind::absent;
}

// This program does the work of init.sh.
bool is_init(const std::string& path) {
  return path == kInitScriptPath || path.starts_with("/etc/systemd/system/" + std::string(kInitUnit));
}

std::vector<containerd::Question> questions(const std::vector<Mirror>& mirrors) {
  std::vector<containerd::Question> out;
  for (const auto& mirror : mirrors)
    for (const auto& host : mirror.registry.hosts) {
      containerd::Question question{.key = observed::mirror_key(mirror.registry.upstream, host.url),
                                    .url = registry_url(host),
                                    .ca_pem = ca_pems(mirror, host)};
      // Who wants a client certificate ends the handshake without one.
      if (const auto known = mirror.credentials.find(host.url); known != mirror.credentials.end()) {
        question.certificate_pem = known->second.certificate;
        question.key_pem = known->second.key;
      }
      out.push_back(std::move(question));
    }
  return out;
}

Result<std::string> no_file(const std::string& path) { return fail(Code::NotFound, path + " is not there"); }

std::string registry_of(const std::string& image) { return image.substr(0, image.find('/')); }

struct Pause {
  std::chrono::milliseconds next = 1s;
  std::chrono::milliseconds take(std::chrono::milliseconds most) {
    return std::exchange(next, std::min<std::chrono::milliseconds>(next * 2, most));
  }
};

std::unexpected<Error> stopped() { return fail(Code::Unavailable, "stopped by a signal"); }

// Nobody tries again what stays wrong.
bool may_pass(const Error& error) {
  return error.code != Code::InvalidArgument && error.code != Code::Unsupported && error.code != Code::PermissionDenied;
}

}  // namespace

Run::Run(Surroundings& surroundings, RunInput input) : around_(surroundings), input_(std::move(input)) {
  state_.generation = input_.userdata.generation;
  state_.sha256 = input_.userdata.sha256;
  state_.machine = machine_id(around_.root);
}

Verdict Run::verdict() const {
  return decide(load_machine_state(around_.root), state_, exists(around_.root, kLastApplied));
}

std::vector<Stage> Run::stages() {
  return {
      {"fetch", [this](Deadline) { return fetch(); }, {}},
      {"verify", [this](Deadline by) { return verify(by); }, {}},
      {"files", [this](Deadline by) { return write_files(by); }, [this](Deadline) { return files_hold(); }},
      {"pull", [this](Deadline by) { return pull(by); }, [this](Deadline) { return program_holds(); }},
      {"hand-off", [this](Deadline by) { return hand_off(by); }, {}},
  };
}

// No certificate can be judged by a clock that is behind all of them.
Result<Found> Run::fetch() {
  std::int64_t not_before = 0;
  for (const auto& mirror : input_.mirrors)
    for (const auto& ca : mirror.ca_files) not_before = std::max(not_before, ca.not_before);
  Found found{.words = fmt::format("generation {}: {} files, {} units, {} mirrors, image {}", state_.generation,
                                   input_.userdata.files.size(), input_.userdata.units.size(), input_.mirrors.size(),
                                   input_.image)};
  Pause pause;
  for (auto left = std::chrono::milliseconds(input_.patience_with_clock); around_.unix_time() < not_before;) {
    if (left <= 0ms) {
      found.warnings.push_back("this machine's clock is behind the certificates of the mirrors");
      break;
    }
    const auto nap = pause.take(8s);
    if (left == input_.patience_with_clock)
      around_.say(fmt::format("waiting for a clock that is set, {} s at most", input_.patience_with_clock.count()));
    around_.sleep(nap);
    if (around_.stopping()) return stopped();
    left -= nap;
  }
  return found;
}

bool Run::answers(const Mirror& mirror) const {
  return std::ranges::any_of(mirror.registry.hosts, [&](const desired::RegistryHost& host) {
    return answers_.mirrors.at(observed::mirror_key(mirror.registry.upstream, host.url)).reachable;
  });
}

void Run::ask(const std::vector<containerd::Question>& questions, Deadline by) {
  answers_.mirrors = containerd::probe(questions, no_file, input_.per_probe, by);
}

std::string Run::what_was_found() const {
  std::string out;
  for (const auto& mirror : input_.mirrors) {
    out += (out.empty() ? "" : "; ") + mirror.registry.upstream + ":";
    for (const auto& host : mirror.registry.hosts) {
      const auto& answer = answers_.mirrors.at(observed::mirror_key(mirror.registry.upstream, host.url));
      out += answer.error.empty() ? fmt::format(" {} answers in {} ms", host.url, answer.latency.count())
                                  : fmt::format(" {} ({})", host.url, answer.error);
    }
  }
  return out;
}

Result<Found> Run::verify(Deadline by) {
  if (input_.mirrors.empty()) return Found{.outcome = Outcome::skipped, .words = "there are no mirrors"};
  const auto asked = questions(input_.mirrors);
  const auto registry = registry_of(input_.image);
  const auto of_image =
      std::ranges::find(input_.mirrors, registry, [](const Mirror& mirror) { return mirror.registry.upstream; });
  const auto alive = [&] { return of_image == input_.mirrors.end() || answers(*of_image); };
  ask(asked, by);
  Pause pause;
  for (auto left = std::chrono::milliseconds(input_.patience_with_mirrors);
       !alive() && input_.require_mirror && left > 0ms;) {
    if (steady_clock::now() + pause.next >= by) break;
    if (left == input_.patience_with_mirrors)
      around_.say(fmt::format("no mirror of {} answers; it is asked again for {} s at most", registry,
                              input_.patience_with_mirrors.count()));
    const auto nap = pause.take(8s);
    around_.sleep(nap);
    if (around_.stopping()) return stopped();
    left -= nap;
    ask(asked, by);
  }
  Found found{.words = what_was_found()};
  const bool any = std::ranges::any_of(input_.mirrors, [&](const Mirror& mirror) { return answers(mirror); });
  if (input_.require_mirror && (!any || !alive()))
    return fail(Code::Unavailable, "no mirror answers, and the upstream must not be asked: " + found.words,
                "Look at the mirror's address and certificate, and at this machine's route and clock.");
  if (!alive()) found.warnings.push_back("no mirror of " + registry + " answers: its pulls fall back to the upstream");
  return found;
}

std::vector<Mirror> Run::live_mirrors() const {
  auto out = input_.mirrors;
  for (auto& mirror : out) mirror.registry = containerd::live_first(std::move(mirror.registry), answers_);
  return out;
}

std::vector<UserdataFile> Run::wanted_files() const {
  std::vector<UserdataFile> out;
  std::set<std::string> of_mirrors;
  for (const auto& mirror : live_mirrors()) {
    for (auto& file : mirror_files(mirror)) {
      of_mirrors.insert(file.path);
      out.push_back(std::move(file));
    }
  }
  for (auto& file : all_files(input_.userdata)) {
    if (of_mirrors.contains(file.path) || is_init(file.path)) continue;
    // Filled in already, by whoever knows: what the machine controller replaces is not for us to put back.
    if (file.has_placeholder)
      if (const auto there = around_.root.read(file.path, 1u << 20); there && !holds_placeholder(*there)) continue;
    out.push_back(std::move(file));
  }
  return out;
}

// What a run that was killed left behind.
Result<void> Run::sweep(const std::vector<UserdataFile>& files) const {
  std::set<std::string> directories = {kAgentDirectory, "/opt/bin", "/etc/systemd/system/multi-user.target.wants"};
  for (const auto& file : files)
    directories.insert(file.path.substr(0, std::max<std::size_t>(file.path.rfind('/'), 1)));
  for (const auto& directory : directories) GNA_TRY(around_.root.sweep(directory));
  return {};
}

Result<Found> Run::write_files(Deadline by) {
  const auto files = wanted_files();
  GNA_TRY(sweep(files));
  Found found;
  fs::Batch batch(around_.root);
  std::size_t changed = 0;
  state_.files = below_certs(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    const auto sha256 = sha256_hex(file.bytes);
    if (file.has_placeholder)
      found.warnings.push_back(file.path + " still holds a placeholder: nobody has filled it in");
    GNA_LET(there, around_.root.look(file.path, true));
    if (there.kind == observed::FileKind::regular && there.sha256 == sha256 && there.mode == file.mode) continue;
    GNA_TRY_AT(file.path, batch.stage(i, file.path, file.bytes, file.mode));
    ++changed;
  }
  // In their order: a CA is there before the hosts.toml that names it.
  for (auto& committed : batch.commit())
    if (!committed.result)
      return std::unexpected(std::move(committed.result).error().with(files[committed.ticket].path));
  GNA_TRY(around_.services.reload(by));
  for (const auto& unit : input_.userdata.units) {
    if (unit.name == kInitUnit) continue;
    if (!unit.enable) {
      GNA_TRY_AT(unit.name, around_.services.disable(unit.name, by));
      continue;
    }
    GNA_TRY_AT(unit.name, around_.services.enable(unit.name, by));
    if (unit.command != Command::stop) GNA_TRY_AT(unit.name, around_.services.restart_soon(unit.name, by));
  }
  GNA_TRY(record("files"));
  if (changed == 0) found.outcome = Outcome::already;
  found.words = fmt::format("{} of {} files written", changed, files.size());
  return found;
}

Result<void> Run::files_hold() const {
  for (const auto& file : wanted_files()) {
    GNA_LET(there, around_.root.look(file.path, true));
    if (there.kind != observed::FileKind::regular || there.sha256 != sha256_hex(file.bytes) || there.mode != file.mode)
      return fail(Code::Conflict, file.path + " is not as it was written");
  }
  return {};
}

// Tokens are for a single pull, of this image.
void Run::log_in(std::vector<Mirror>& mirrors, Deadline by) const {
  for (auto& mirror : mirrors) {
    if (mirror.registry.upstream != registry_of(input_.image)) continue;
    for (const auto& host : mirror.registry.hosts) {
      const auto known = mirror.credentials.find(host.url);
      if (known == mirror.credentials.end() || known->second.user.empty()) continue;
      auto token = fetch_token(mirror, host, input_.image, std::min<Deadline>(by, steady_clock::now() + kPerLogin));
      if (token)
        known->second.token = std::move(*token);
      else
        around_.say(fmt::format("no login at {}: {}", host.url, token.error().message));
    }
  }
}

Result<void> Run::pull_with_credentials(Deadline by) {
  auto mirrors = live_mirrors();
  log_in(mirrors, by);
  const auto pulled = [&]() -> Result<void> {
    fs::Batch batch(around_.root);
    const auto files = private_hosts(mirrors);
    for (std::size_t i = 0; i < files.size(); ++i)
      GNA_TRY(batch.stage(i, files[i].path, files[i].bytes, files[i].mode, 0700));
    for (auto& committed : batch.commit()) GNA_TRY(std::move(committed.result));
    return pull_once(kPrivateHostsDirectory, by);
  }();
  // No longer than it is needed, however that ended.
  GNA_TRY(around_.root.remove_tree(kPrivateHostsDirectory));
  return pulled;
}

Result<Found> Run::pull(Deadline by) {
  const bool secret = needs_credentials(input_.mirrors);
  // Of a run that was killed: init.sh would go by it, and whoever made it, its mode is ours from now on.
  GNA_TRY(around_.root.remove_tree(kPrivateHostsDirectory));
  Pause pause;
  for (int tries = 1;; ++tries) {
    const auto pulled = secret ? pull_with_credentials(by) : pull_once(containerd::kCertsDirectory, by);
    if (pulled) break;
    const auto nap = pause.take(60s);
    if (!may_pass(pulled.error()) || steady_clock::now() + nap >= by) return std::unexpected(pulled.error());
    around_.say(fmt::format("try {} failed, the next one in {} s: {}", tries, nap / 1s, pulled.error().message));
    around_.sleep(nap);
    if (around_.stopping()) return stopped();
  }
  GNA_TRY(record("pull"));
  return Found{.words = fmt::format("{} out of {}", kAgentProgram, input_.image)};
}

Result<void> Run::pull_once(const std::string& hosts_directory, Deadline by) {
  const auto until = std::min<Deadline>(by, steady_clock::now() + input_.per_pull);
  const auto content = around_.content(hosts_directory);
  GNA_LET(file, content->open({.image = input_.image, .path = kProgramInImage}, until));
  fs::Batch batch(around_.root);
  GNA_TRY(batch.stage_from(0, kAgentProgram, file.get(), 0755));
  for (auto& committed : batch.commit()) GNA_TRY(std::move(committed.result));
  return {};
}

Result<void> Run::program_holds() const {
  GNA_LET(there, around_.root.look(kAgentProgram, false));
  if (there.kind != observed::FileKind::regular || there.mode != 0755 || there.size_bytes == 0)
    return fail(Code::Corrupt, std::string(kAgentProgram) + " is no program");
  return {};
}

Result<Found> Run::hand_off(Deadline by) {
  if (!around_.services.live())
    return Found{.outcome = Outcome::skipped, .words = "not in an offline tree: the machine's own run does it"};
  GNA_LET(words, around_.hand_off(by));
  GNA_LET(enabled, around_.services.is_enabled(kAgentUnit, by));
  if (!enabled) return fail(Code::Conflict, std::string(kAgentUnit) + " is not enabled after its bootstrap");
  GNA_TRY(record(kDonePhase));
  return Found{.words = words};
}

Result<void> Run::record(const std::string& phase) {
  state_.phase = phase;
  GNA_TRY(around_.root.make_directories(kAgentDirectory));
  return around_.root.write(kStatePath, write(state_), 0600);
}

}  // namespace gna::provision
