#include "tests/crash/live_run.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace gna::crash {

namespace stdfs = std::filesystem;

namespace {

// What the program needs beside the tree: libraries, itself, its input, the bus.
constexpr const char* kSystem[] = {"/usr", "/lib", "/lib64", "/proc"};
constexpr const char* kProgram = "/gna-program";
constexpr const char* kInput = "/gna-input";
constexpr const char* kOsc = "/gna-osc";
constexpr const char* kBus = "/run/gna-bus";

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) {
  stdfs::create_directories(stdfs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

LateMirror::LateMirror()
    : server({.tls = false}, [this](const support::HttpRequest&) {
        return support::HttpReply{.status = stdfs::exists(waits_for) ? 200 : 503};
      }) {}

LiveRun::LiveRun() : GnaRun("http://127.0.0.1:" + std::to_string(server.port())) {
  waits_for = tree() + "/etc/demo/comes";
  for (const auto* path : kSystem)
    if (stdfs::is_directory(path)) stdfs::create_directories(tree() + path);
  for (const auto* path : {kInput, kOsc, kBus, "/tmp"}) stdfs::create_directories(tree() + path);
  write(tree() + kProgram, "");
  write(tree() + "/etc/containerd/config.toml", "version = 2\n");
  stdfs::create_directories(tree() + "/etc/systemd/system");
  // Units of others: one gets a drop-in of ours for a while.
  write(tree() + "/etc/systemd/system/foreign.service", "[Service]\nExecStart=/bin/foreign\n");
  // containerd's unit is the distribution's.
  write(tree() + "/etc/systemd/system/containerd.service",
        "[Service]\nExecStart=/bin/c\n[Install]\nWantedBy=multi-user.target\n");
  stdfs::create_directory(scratch().path("/bus"));
  bus_ = std::make_unique<support::PrivateBus>(scratch().path("/bus"));
  serve();
}

LiveRun::~LiveRun() = default;

void LiveRun::serve() const {
  systemd_.reset();
  systemd_ = std::make_unique<support::FakeSystemd1>(
      support::FakeSystemd1Options{.address = bus_->address(), .log = log(), .root = tree()});
}

void LiveRun::set(const Snapshot& disk) const {
  systemd_.reset();
  GnaRun::set(disk);
  write(log(), "");
  write(log() + ".state", units_before_);
  serve();
}

Program LiveRun::program(const std::string& osc) const {
  struct Mount {
    std::string from, to;
  };
  std::vector<Mount> mounts = {{GNA_BINARY_DIR "/gna", tree() + kProgram},
                               {scratch().path("/layout"), tree() + kInput},
                               {osc_directory(), tree() + kOsc},
                               {scratch().path("/bus"), tree() + kBus}};
  for (const auto* path : kSystem)
    if (stdfs::is_directory(path)) mounts.push_back({path, tree() + path});
  auto program = GnaRun::program(osc);
  program.argv = {kProgram,         "apply", "--force",    "--host-name", "node-a",
                  "--image-layout", kInput,  "--progress", "none",        std::string(kOsc) + "/" + osc + ".yaml"};
  program.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                         "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + std::string(kBus) + "/bus"};
  // The output file's name is the host's: it is opened before the root changes.
  program.enter = [mounts, root = tree()] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(125);
    for (const auto& [from, to] : mounts)
      if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) ::_exit(125);
    if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0) ::_exit(125);
  };
  return program;
}

void LiveRun::applied_once(bool is_old) {
  if (is_old) {
    // One has ended by itself since: it is to be started.
    systemd_.reset();
    units_before_ = std::regex_replace(read(log() + ".state"), std::regex("(ends.service \\S+ \\S+) active running"),
                                       "$1 inactive dead");
    write(log() + ".state", units_before_);
    write(log(), "");
    serve();
  } else {
    undisturbed_ = starts();
  }
}

LiveRun::Starts LiveRun::starts() const {
  Starts out;
  std::ifstream in(log());
  std::string word;
  for (std::string line; std::getline(in, line);) {
    const auto space = line.find(' ');
    const auto verb = line.substr(0, space);
    const auto rest = line.substr(space + 1);
    const auto unit = rest.substr(0, rest.find(' '));
    if (verb == "started") out[unit].push_back("started " + rest.substr(std::min(rest.size(), unit.size() + 1)));
    // Stopping what is stopped does nothing.
    auto& events = out[unit];
    if (verb == "stopped" && (events.empty() || events.back() != "stopped")) events.push_back("stopped");
  }
  return out;
}

std::string LiveRun::unlike_an_undisturbed_run() const {
  auto out = GnaRun::unlike_an_undisturbed_run();
  const auto now = starts();
  const auto said = [](const Starts& starts, const std::string& unit) {
    const auto found = starts.find(unit);
    std::string text;
    if (found != starts.end())
      for (const auto& event : found->second) text += event + ", ";
    return text;
  };
  std::set<std::string> units;
  for (const auto* list : {&undisturbed_, &now})
    for (const auto& [unit, events] : *list) units.insert(unit);
  for (const auto& unit : units)
    if (const auto was = said(now, unit), should = said(undisturbed_, unit); was != should)
      out += unit + ": was " + was + "and should have been " + should + "\n";
  return out;
}

}  // namespace gna::crash
