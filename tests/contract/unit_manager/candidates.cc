// Who keeps the contract on any machine: the fake, an offline tree, the bus with a fake
// systemd behind it.
#include <filesystem>

#include "agent/fs/root_fs.h"
#include "backends/systemd/bus.h"
#include "backends/systemd/offline.h"
#include "tests/contract/unit_manager/unit_manager_contract.h"
#include "tests/support/fake_systemd1.h"
#include "tests/support/fake_unit_manager.h"
#include "tests/support/private_bus.h"
#include "tests/support/temp_root.h"

namespace gna::systemd {
namespace {

void write_unit(const support::TempRoot& tree, const std::string& name, const std::string& text) {
  const auto path = "/etc/systemd/system/" + name;
  std::filesystem::remove(tree.on_host(path));
  if (!text.empty()) return tree.write(path, text);
  std::filesystem::create_directories(tree.on_host(path).parent_path());
  std::filesystem::create_symlink("/dev/null", tree.on_host(path));
}

class InMemory final : public Machine {
 public:
  UnitManager& units() override { return fake_; }
  void install(const std::string& name, const std::string& text) override {
    auto& unit = fake_.unit(name);
    const bool changed = unit.starts > 0;
    const auto before = unit;
    unit = support::ModelUnit::of(name, text);
    if (!changed) return;
    unit.active = before.active;
    unit.sub = before.sub;
    unit.starts = before.starts;
    unit.need_reload = true;
  }

 private:
  support::FakeUnitManager fake_{support::FakeUnitManager::Unknown::absent};
};

class Tree final : public Machine {
 public:
  UnitManager& units() override { return *units_; }
  void install(const std::string& name, const std::string& text) override { write_unit(tree_, name, text); }

 private:
  support::TempRoot tree_;
  fs::RootFs root_ = fs::RootFs::open(tree_.path().string()).value();
  std::unique_ptr<UnitManager> units_ = make_offline_unit_manager(root_);
};

class FakeBehindBus final : public Machine {
 public:
  UnitManager& units() override { return *units_; }
  void install(const std::string& name, const std::string& text) override { write_unit(tree_, name, text); }

 private:
  support::TempRoot work_;
  support::TempRoot tree_;
  support::PrivateBus bus_{work_.path() / "bus"};
  support::FakeSystemd1 systemd_{
      {.address = bus_.address(), .log = work_.path() / "log", .root = tree_.path().string()}};
  std::unique_ptr<UnitManager> units_ = make_bus_unit_manager({.address = bus_.address()});
};

template <typename T>
Candidate candidate(const std::string& name) {
  return {name, [] { return std::make_unique<T>(); }};
}

const auto kName = [](const auto& of) { return of.param.name; };

INSTANTIATE_TEST_SUITE_P(Everywhere, UnitManagerContract,
                         ::testing::Values(candidate<InMemory>("Fake"), candidate<Tree>("Offline"),
                                           candidate<FakeBehindBus>("BusToFakeSystemd")),
                         kName);
INSTANTIATE_TEST_SUITE_P(Everywhere, LiveUnitManagerContract,
                         ::testing::Values(candidate<InMemory>("Fake"), candidate<FakeBehindBus>("BusToFakeSystemd")),
                         kName);

}  // namespace
}  // namespace gna::systemd
