#include "agent/cli/services.h"

#include <optional>

#include "backends/systemd/bus.h"
#include "backends/systemd/offline.h"

namespace gna::cli {
namespace {

class UnitServices : public provision::Services {
 public:
  UnitServices(std::unique_ptr<systemd::UnitManager> units) : units_(std::move(units)) {}

  bool live() const override { return units_->live(); }
  Result<void> reload(Deadline by) override { return units_->reload(by); }
  Result<void> enable(const std::string& unit, Deadline by) override {
    GNA_TRY(units_->enable(unit, by));
    return units_->settle();
  }
  Result<void> disable(const std::string& unit, Deadline by) override {
    GNA_TRY(units_->disable(unit, by));
    return units_->settle();
  }
  Result<bool> is_enabled(const std::string& unit, Deadline by) override {
    GNA_LET(status, units_->status({unit}, by));
    const auto& enablement = status[unit].enablement;
    return enablement == "enabled";
  }
  Result<void> start(const std::string& unit, Deadline by) override {
    std::optional<Result<void>> ended;
    const systemd::JobRequest job{.unit = unit, .job = plan::Job::start};
    units_->run({&job, 1}, [&](std::size_t, Result<void> result) { ended = std::move(result); }, by);
    if (!ended) return fail(Code::Internal, "the start of " + unit + " never ended");
    return *ended;
  }
  Result<void> restart_soon(const std::string& unit, Deadline by) override {
    if (!live()) return {};
    return systemd::send_restart(unit, by);
  }

 private:
  std::unique_ptr<systemd::UnitManager> units_;
};

}  // namespace

std::unique_ptr<provision::Services> make_services(const fs::RootFs& root, bool offline) {
  return std::make_unique<UnitServices>(offline ? systemd::make_offline_unit_manager(root)
                                                : systemd::make_bus_unit_manager({.unit_files = &root}));
}

}  // namespace gna::cli
