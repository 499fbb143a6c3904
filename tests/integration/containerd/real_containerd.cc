#include "tests/integration/containerd/real_containerd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace gna::integration {

namespace {

using namespace std::chrono_literals;

constexpr long kOverlayMagic = 0x794c7630;

std::string programs(Generation generation) {
  const char* cache = std::getenv("GNA_CACHE");
  return std::string(cache == nullptr ? "/var/cache/gna" : cache) + "/containerd/" +
         (generation == Generation::v1_6 ? "1.6" : "2.x");
}

std::string ctr_directory() { return programs(Generation::v1_6); }

// In a mount namespace of its own: what it mounts while it unpacks goes with it, even if it is killed.
pid_t start(const std::string& program, const std::string& config, const std::string& log) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::unshare(CLONE_NEWNS);
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  ::execl(program.c_str(), "containerd", "--config", config.c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

std::string why_no_containerd(Generation generation) {
  if (::geteuid() != 0) return "containerd needs root";
  if (::access((programs(generation) + "/containerd").c_str(), X_OK) != 0)
    return "no " + programs(generation) + "/containerd: tests/integration/containerd/prepare makes it";
  struct statfs status{};
  if (::statfs("/tmp", &status) == 0 && status.f_type == kOverlayMagic) return "no overlay on an overlay: /tmp";
  return {};
}

RealContainerd::RealContainerd(Generation generation) {
  registry_ =
      std::make_unique<support::TlsServer>(support::ServerOptions{.certificate = authority_.issue({"127.0.0.1"})},
                                           [this](const support::HttpRequest& request) {
                                             const std::lock_guard lock(mutex_);
                                             return support::registry_reply(images_, request);
                                           });
  // The server entry as well: 1.6 would tell the error of the upstream, which is that it has no address.
  const std::string mirror = registry_->url("");
  const std::string ca = "ca = \"" + path("certs.d/registry.example.test/ca.crt") + "\"\n";
  root_.write("/certs.d/registry.example.test/ca.crt", authority_.pem());
  root_.write("/certs.d/registry.example.test/hosts.toml", "server = \"" + mirror + "\"\n" + ca + "[host.\"" + mirror +
                                                               "\"]\n  capabilities = [\"pull\", \"resolve\"]\n  " +
                                                               ca);
  root_.write("/config.toml",
              "version = 2\nroot = \"" + path("root") + "\"\nstate = \"" + path("state") +
                  "\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.nri.v1.nri\"]\n"
                  "[grpc]\n  address = \"" +
                  path("containerd.sock") + "\"\n[ttrpc]\n  address = \"" + path("ttrpc.sock") + "\"\n");
  daemon_ = start(programs(generation) + "/containerd", path("config.toml"), path("log"));
  client_ = std::make_unique<containerd::Client>(
      containerd::Address{.socket = path("containerd.sock"), .name_space = "gna-test"});
  if (!client_->connect(std::chrono::steady_clock::now() + 60s)) {
    const std::string log = root_.read("/log");
    throw std::runtime_error("containerd did not start: " + log.substr(log.size() > 2000 ? log.size() - 2000 : 0));
  }
}

RealContainerd::~RealContainerd() {
  ::kill(daemon_, SIGTERM);
  int status = 0;
  ::waitpid(daemon_, &status, 0);
}

containerd::PullOptions RealContainerd::options() const {
  containerd::PullOptions options;
  options.hosts_directory = path("certs.d");
  options.ctr_directories = {ctr_directory()};
  return options;
}

void RealContainerd::push(const std::string& reference, const support::Image& image) {
  const std::lock_guard lock(mutex_);
  images_[reference.substr(reference.find('/') + 1)] = image;
}

std::string RealContainerd::ctr(const std::string& arguments) const {
  const std::string command =
      ctr_directory() + "/ctr -a " + path("containerd.sock") + " -n gna-test " + arguments + " 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen");
  std::string out;
  char buffer[4096];
  for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, count);
  ::pclose(pipe);
  return out;
}

std::string RealContainerd::leftovers() const {
  std::string out = ctr("leases ls -q");
  const std::string snapshots = ctr("snapshots ls");
  if (snapshots.find("View") != std::string::npos) out += snapshots;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);)
    if (line.find(root_.path().string()) != std::string::npos) out += line + "\n";
  return out;
}

}  // namespace gna::integration
