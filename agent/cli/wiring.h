// From options to the objects that work: the only place that names a concrete backend.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/cli/documents.h"
#include "agent/cli/options.h"
#include "agent/fs/root_fs.h"
#include "gna/apply/pass.h"
#include "gna/backend/os_backend.h"
#include "gna/osc/secrets.h"
#include "gna/store/store.h"

namespace gna::cli {

// The node that a command works on, or the offline tree.
struct Node {
  fs::RootFs root;
  store::Store store;
  std::unique_ptr<backend::OsBackend> os;
  std::unique_ptr<backend::ContentSource> content;
  osc::Secrets secrets;
  // Asked when `secrets` has no answer; may be empty.
  desired::ReadSecret secret_fallback = {};
  std::unique_ptr<apply::Pass> pass;

  Node(fs::RootFs opened, const Options& options);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Result<std::string> read_secret(const std::string& name, const std::string& key) const;
};

// Errors: InvalidArgument for a --root, --image-layout or --secrets that cannot be read.
Result<std::unique_ptr<Node>> open_node(const Options& options);

Result<osc::Secrets> read_secrets(const std::vector<std::string>& files);

// Tells the service manager to restart the agent, and does not wait: we may be running inside of it.
Result<void> restart_agent(Deadline by);

std::vector<std::string> backend_names();

// What an OSC becomes on an operating system that is one machine configuration. Pure.
struct MachineConfig {
  std::vector<RenderedDocument> documents = {};
  std::string stream = {};  // all of them as one YAML stream
  std::vector<plan::Refused> refused = {};
};
MachineConfig machine_config(const desired::State& wanted, const desired::Facts& facts);

inline constexpr const char* kAgentUnit = "gardener-node-agent.service";

// When the run has to be over.
Deadline deadline(const Options& options, std::chrono::milliseconds otherwise);

}  // namespace gna::cli
