// The same contract with the machine's own systemd: to be run as root inside a throwaway node.
// It writes units gna-* and takes them away again.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "agent/fs/root_fs.h"
#include "backends/systemd/bus.h"
#include "backends/systemd/unit_name.h"
#include "backends/systemd/unit_tree.h"
#include "tests/contract/unit_manager/unit_manager_contract.h"

namespace gna::systemd {
namespace {

class Node final : public Machine {
 public:
  ~Node() override {
    const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::vector<JobRequest> stops;
    for (const auto& name : installed_) {
      stops.push_back({name, plan::Job::stop});
      (void)units_->disable(name, by);
    }
    units_->run(stops, [](std::size_t, Result<void>) {}, by);
    for (const auto& name : installed_) std::filesystem::remove(path_of(name));
    (void)units_->reload(by);
  }
  UnitManager& units() override { return *units_; }
  void install(const std::string& name, const std::string& text) override {
    installed_.insert(name);
    const auto path = path_of(name);
    std::filesystem::remove(path);
    if (text.empty()) {
      std::filesystem::create_symlink("/dev/null", path);
      return;
    }
    std::ofstream(path) << text;
    // systemd tells changes by time; two within one tick of it would look the same.
    const timespec times[] = {{0, UTIME_OMIT}, {1'000'000'000 + ++ticks_, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
  }

 private:
  static std::filesystem::path path_of(const std::string& name) {
    return std::filesystem::path("/run/systemd/system") / name;
  }
  fs::RootFs root_ = fs::RootFs::open("/").value();
  std::unique_ptr<UnitManager> units_ = make_bus_unit_manager({.unit_files = &root_});
  std::set<std::string> installed_ = {};
  inline static long ticks_ = 0;
};

constexpr const char* kBusVariable = "DBUS_SYSTEM_BUS_ADDRESS";

const auto kWays = ::testing::Values(Candidate{"SystemBus",
                                               [] {
                                                 ::unsetenv(kBusVariable);
                                                 return std::make_unique<Node>();
                                               }},
                                     Candidate{"PrivateSocket", [] {
                                                 ::setenv(kBusVariable, "unix:path=/nonexistent", 1);
                                                 return std::make_unique<Node>();
                                               }});
const auto kName = [](const auto& of) { return of.param.name; };

class Reexecution : public UnitManagerContract {};

TEST_P(Reexecution, IsFollowedByJobsAndQuestions) {
  const std::filesystem::path starts = "/run/gna-starts";
  std::filesystem::remove(starts);
  machine_->install("gna-slow.service",
                    "[Service]\nExecStartPre=/bin/sh -c 'echo started >> /run/gna-starts'\n"
                    "ExecStartPre=/bin/sleep 1.5\nExecStart=/bin/sleep infinity\n");
  ASSERT_TRUE(units().reload(soon()));
  int reexecuted = -1;
  std::jthread meddler([&] {
    while (!std::filesystem::exists(starts)) std::this_thread::yield();
    reexecuted = std::system("systemctl daemon-reexec");
  });
  const auto result = run_one("gna-slow.service", plan::Job::restart);
  EXPECT_TRUE(result) << result.error().message;
  meddler.join();
  EXPECT_EQ(reexecuted, 0);
  EXPECT_EQ(status("gna-slow.service").active, "active");
  EXPECT_EQ(std::filesystem::file_size(starts), std::string("started\n").size()) << "restarted once";

  std::jthread again([&] { reexecuted = std::system("systemctl daemon-reexec"); });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(units().status({"gna-slow.service"}, soon()));
  ASSERT_TRUE(units().reload(soon()));
  again.join();
}

// systemd is asked for nothing that we can read ourselves: every unit of the machine.
TEST(RealSystemdToo, ReadsEnablementAsSystemdTellsIt) {
  const auto root = fs::RootFs::open("/").value();
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::set<std::string> names = {"getty@tty1.service", "serial-getty@.service", "-.mount", "init.scope", "no.service"};
  for (const auto& directory : unit_search_path())
    for (const auto& name : root.list(directory).value_or(std::vector<std::string>()))
      if (is_unit_name(name)) names.insert(name);
  ASSERT_GT(names.size(), 100u);
  const auto asked = make_bus_unit_manager()->status(names, by);
  const auto read = make_bus_unit_manager({.unit_files = &root})->status(names, by);
  ASSERT_TRUE(asked && read);
  for (const auto& name : names) EXPECT_EQ(read->at(name).enablement, asked->at(name).enablement) << name;
}

INSTANTIATE_TEST_SUITE_P(RealSystemd, Reexecution, kWays, kName);
INSTANTIATE_TEST_SUITE_P(RealSystemd, UnitManagerContract, kWays, kName);
INSTANTIATE_TEST_SUITE_P(RealSystemd, LiveUnitManagerContract, kWays, kName);

}  // namespace
}  // namespace gna::systemd
