#include "provision/bootstrap/bootstrap.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/http/client.h"
#include "provision/init_script.h"

namespace gna::provision {
namespace {

constexpr std::chrono::seconds kPatienceWithApi{10};

Result<Found> directories(const Bootstrap& of) {
  const auto path = std::string(kAgentDirectory) + "/tmp";
  GNA_TRY(of.root.make_directories(path, 0700));
  // What a run that was killed left behind.
  for (const auto* directory : {kAgentDirectory, "/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants"})
    GNA_TRY(of.root.sweep(directory));
  return Found{.words = path};
}

Result<Found> disk(const Bootstrap& of, Deadline by) {
  if (!of.config.kubelet_disk_bytes)
    return Found{.outcome = Outcome::skipped, .words = "no disk of its own is configured for the kubelet"};
  if (!of.services.live()) return Found{.outcome = Outcome::skipped, .words = "not in an offline tree"};
  auto disk = of.disk;
  disk.size_bytes = *of.config.kubelet_disk_bytes;
  return prepare_kubelet_disk(disk, by);
}

Result<void> disk_holds(const Bootstrap& of) {
  GNA_LET(mounted, is_mount_point(of.disk.directory));
  if (!mounted) return fail(Code::Internal, "nothing is mounted on " + of.disk.directory);
  return {};
}

Result<Found> write_unit(const Bootstrap& of) {
  const auto there = of.root.read(kAgentUnitPath, 1u << 20);
  const auto words = std::string(kAgentUnitPath);
  if (there && *there == agent_unit()) return Found{.outcome = Outcome::already, .words = words};
  GNA_TRY(of.root.write(kAgentUnitPath, agent_unit(), 0644));
  return Found{.words = words};
}

Result<void> unit_holds(const Bootstrap& of) {
  GNA_LET(bytes, of.root.read(kAgentUnitPath, 1u << 20));
  if (bytes != agent_unit()) return fail(Code::Conflict, std::string(kAgentUnitPath) + " has another text");
  return {};
}

Result<Found> enable(const Bootstrap& of, Deadline by) {
  GNA_TRY(of.services.enable(kAgentUnit, by));
  return Found{.words = std::string(kAgentUnit) + " is enabled"};
}

Result<void> is_enabled(const Bootstrap& of, const char* unit, bool wanted, Deadline by) {
  GNA_LET(enabled, of.services.is_enabled(unit, by));
  if (enabled == wanted) return {};
  return fail(Code::Conflict, std::string(unit) + (wanted ? " is not enabled" : " is still enabled"));
}

Result<Found> start(const Bootstrap& of, Deadline by) {
  if (!of.services.live()) return Found{.outcome = Outcome::skipped, .words = "not in an offline tree"};
  GNA_TRY(of.services.start(kAgentUnit, by));
  return Found{.words = std::string(kAgentUnit) + " was started"};
}

// Not stopped: this process may be its own.
Result<Found> retire_init(const Bootstrap& of, Deadline by) {
  GNA_TRY(of.services.disable(kInitUnit, by));
  return Found{.words = std::string(kInitUnit) + " will not run again"};
}

// Says early what would otherwise show as a node that never joins. No failure: the agent itself keeps trying.
Result<Found> ask_api_server(const Bootstrap& of, Deadline by) {
  if (!of.services.live()) return Found{.outcome = Outcome::skipped, .words = "not in an offline tree"};
  if (of.config.api_server.empty()) return Found{.outcome = Outcome::skipped, .words = "no API server is configured"};
  const auto warn = [&](const std::string& why) {
    return Found{.words = of.config.api_server,
                 .warnings = {"the API server does not answer, this machine may not join: " + why}};
  };
  http::Request request{.url = of.config.api_server + "/version", .redirects = 0};
  if (!of.config.api_ca_file.empty()) {
    auto ca = of.root.read(of.config.api_ca_file, 1u << 20);
    if (!ca) return warn(ca.error().message);
    request.trust.ca_pem.push_back(std::move(*ca));
  }
  auto token = of.root.read(std::string(kAgentDirectory) + "/credentials/bootstrap-token", 4096);
  if (!token) return warn(token.error().message);
  while (!token->empty() && (token->back() == '\n' || token->back() == ' ')) token->pop_back();
  if (token->empty() || std::ranges::any_of(*token, [](unsigned char c) { return c <= ' ' || c > '~'; }))
    return warn("credentials/bootstrap-token holds no token");
  request.headers.emplace_back("Authorization", "Bearer " + *token);
  const auto answer = http::get(request, std::min(by, std::chrono::steady_clock::now() + kPatienceWithApi));
  if (!answer) return warn(answer.error().message);
  if (answer->status != 200) return warn(fmt::format("GET /version gives status {}", answer->status));
  return Found{.words = of.config.api_server + " answers"};
}

}  // namespace

std::string agent_unit() {
  return "[Unit]\n"
         "Description=Gardener Node Agent\n"
         "After=network-online.target\n"
         "\n"
         "[Service]\n"
         "LimitMEMLOCK=infinity\n"
         "ExecStart=/opt/bin/gardener-node-agent --config-dir=/var/lib/gardener-node-agent\n"
         "Restart=always\n"
         "RestartSec=5\n"
         "StandardOutput=journal+console\n"
         "StandardError=journal\n"
         "\n"
         "[Install]\n"
         "WantedBy=multi-user.target";
}

std::vector<Stage> bootstrap_stages(Bootstrap& of) {
  // What systemd is told of a unit file comes after a reload, always: an earlier run may have ended between the two.
  return {
      {"directories", [&of](Deadline) { return directories(of); }, {}},
      {"kubelet-disk", [&of](Deadline by) { return disk(of, by); }, [&of](Deadline) { return disk_holds(of); }},
      {"agent-unit", [&of](Deadline) { return write_unit(of); }, [&of](Deadline) { return unit_holds(of); }},
      {"reload",
       [&of](Deadline by) -> Result<Found> {
         GNA_TRY(of.services.reload(by));
         return Found{};
       },
       {}},
      {"enable", [&of](Deadline by) { return enable(of, by); },
       [&of](Deadline by) { return is_enabled(of, kAgentUnit, true, by); }},
      {"start", [&of](Deadline by) { return start(of, by); }, {}},
      {"init-unit", [&of](Deadline by) { return retire_init(of, by); },
       [&of](Deadline by) { return is_enabled(of, kInitUnit, false, by); }},
      {"api-server", [&of](Deadline by) { return ask_api_server(of, by); }, {}},
  };
}

}  // namespace gna::provision
