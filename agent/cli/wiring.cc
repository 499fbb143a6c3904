#include "agent/cli/wiring.h"

#include "agent/cli/input.h"
#include "agent/containerd/client.h"
#include "agent/content/containerd_source.h"
#include "agent/content/image_layout.h"
#include "backends/systemd/bus.h"
#include "gna/systemd/backend.h"
#include "gna/talos/machine_config.h"

namespace gna::cli {
namespace {

// Nothing of gRPC is touched before the first image is asked for.
class ContainerdOnDemand : public backend::ContentSource {
 public:
  explicit ContainerdOnDemand(bool offline) : offline_(offline) {}

  Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) override {
    if (sources.empty()) return {};
    auto result = source().available(sources, by);
    if (result || !offline_) return result;
    return fail(Code::InvalidArgument, "files come from images, and no containerd answers: " + result.error().message,
                "Name the images with --image-layout DIR.");
  }
  Result<Fd> open(const desired::ImageSource& source_file, Deadline by) override {
    return source().open(source_file, by);
  }

 private:
  backend::ContentSource& source() {
    if (!source_) {
      client_ = std::make_unique<containerd::Client>(containerd::Address::from_environment());
      source_ = content::from_containerd(*client_);
    }
    return *source_;
  }

  const bool offline_;
  std::unique_ptr<containerd::Client> client_;
  std::unique_ptr<backend::ContentSource> source_;
};

// A layout that was given on the command line is input: what is wrong with it, is wrong input.
class GivenLayout : public backend::ContentSource {
 public:
  explicit GivenLayout(const std::string& directory) : layout_(content::from_image_layout(directory)) {}

  Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) override {
    auto result = layout_->available(sources, by);
    if (result || result.error().code == Code::DeadlineExceeded) return result;
    return fail(Code::InvalidArgument, result.error().message, result.error().hint);
  }
  Result<Fd> open(const desired::ImageSource& source_file, Deadline by) override {
    return layout_->open(source_file, by);
  }

 private:
  std::unique_ptr<backend::ContentSource> layout_;
};

std::unique_ptr<backend::OsBackend> make_systemd(const fs::RootFs& root, const Options& options) {
  systemd::Options out{.host_name = options.host_name, .offline_config_version = options.containerd_config_version};
  if (!options.containerd_version.empty()) out.containerd_version = options.containerd_version;
  return options.offline() ? systemd::make_offline_backend(root, std::move(out))
                           : systemd::make_backend(root, std::move(out));
}

// Backends register here and nowhere else: objects that register themselves vanish from static libraries.
struct BackendEntry {
  const char* name;
  std::unique_ptr<backend::OsBackend> (*make)(const fs::RootFs&, const Options&);
};
constexpr BackendEntry kBackends[] = {{"systemd", make_systemd}};

std::unique_ptr<backend::ContentSource> make_content(const Options& options) {
  if (!options.image_layout.empty()) return std::make_unique<GivenLayout>(options.image_layout);
  return std::make_unique<ContainerdOnDemand>(options.offline());
}

}  // namespace

Node::Node(fs::RootFs opened, const Options& options)
    : root(std::move(opened)), store(root), os(kBackends[0].make(root, options)), content(make_content(options)) {
  pass = std::make_unique<apply::Pass>(
      *os, *content, store, [this](const std::string& name, const std::string& key) { return read_secret(name, key); });
}

Result<std::string> Node::read_secret(const std::string& name, const std::string& key) const {
  if (const auto secret = secrets.find(name); secret != secrets.end())
    if (const auto value = secret->second.find(key); value != secret->second.end()) return value->second;
  if (secret_fallback) return secret_fallback(name, key);
  return fail(Code::NotFound, "nothing answers for Secret " + name + ", key " + key,
              "Give the Secret with --secrets FILE.");
}

Result<osc::Secrets> read_secrets(const std::vector<std::string>& files) {
  constexpr std::size_t kLimit = 16u << 20;
  osc::Secrets out;
  for (const auto& file : files) {
    GNA_LET_AT("--secrets " + file, bytes, read_input(file, kLimit));
    GNA_LET_AT("--secrets " + file, secrets, osc::parse_secrets(bytes));
    for (auto& [name, values] : secrets) out[name].merge(values);
  }
  return out;
}

Result<std::unique_ptr<Node>> open_node(const Options& options) {
  GNA_LET(secrets, read_secrets(options.secrets));
  const auto path = options.offline() ? options.root : "/";
  auto root = fs::RootFs::open(path);
  if (!root) return fail(Code::InvalidArgument, "--root " + path + ": " + root.error().message, root.error().hint);
  auto node = std::make_unique<Node>(std::move(*root), options);
  node->secrets = std::move(secrets);
  return node;
}

Result<void> restart_agent(Deadline by) { return systemd::send_restart(kAgentUnit, by); }

std::vector<std::string> backend_names() {
  std::vector<std::string> out;
  for (const auto& entry : kBackends) out.emplace_back(entry.name);
  return out;
}

MachineConfig machine_config(const desired::State& wanted, const desired::Facts& facts) {
  auto made = talos::machine_documents(wanted, facts);
  MachineConfig out{.stream = talos::to_stream(made.documents), .refused = std::move(made.refused)};
  for (auto& document : made.documents)
    out.documents.push_back({.kind = std::move(document.kind),
                             .name = std::move(document.name),
                             .yaml = std::move(document.yaml),
                             .secret = document.secret,
                             .from = {document.from.begin(), document.from.end()}});
  return out;
}

Deadline deadline(const Options& options, std::chrono::milliseconds otherwise) {
  return std::chrono::steady_clock::now() + options.timeout.value_or(otherwise);
}

}  // namespace gna::cli
