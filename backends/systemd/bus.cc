#include "backends/systemd/bus.h"

#include <utility>

#include <fmt/format.h>

#include "backends/systemd/bus_client.h"
#include "backends/systemd/job_run.h"
#include "backends/systemd/offline.h"
#include "backends/systemd/unit_name.h"

namespace gna::systemd {

namespace {

class BusUnitManager final : public UnitManager {
 public:
  explicit BusUnitManager(BusOptions options)
      : files_(options.unit_files == nullptr ? nullptr : make_offline_unit_manager(*options.unit_files)),
        client_(std::move(options)) {}

  bool live() const override { return true; }
  Result<std::map<std::string, UnitStatus>> status(const std::set<std::string>& units, Deadline by) override;
  Result<void> enable(const std::string& unit, Deadline by) override;
  Result<void> disable(const std::string& unit, Deadline by) override;
  Result<void> reload(Deadline by) override;
  void run(std::span<const JobRequest> jobs, const std::function<void(std::size_t, Result<void>)>& ended,
           Deadline by) override {
    if (!jobs.empty()) JobRun(client_, jobs, ended, by).go();
  }

 private:
  using Units = std::map<std::string, UnitStatus>;
  void ask_states(BusClient::Asking& asking, const std::vector<std::string>& loadable, Units& out);
  bool read_enablement(const std::set<std::string>& units, Deadline by, Units& out);
  void ask_enablement(BusClient::Asking& asking, const std::string& name, UnitStatus& out);
  void ask_properties(BusClient::Asking& asking, const std::string& name, UnitStatus& out);

  std::unique_ptr<UnitManager> files_;  // may be null
  BusClient client_;
};

void BusUnitManager::ask_states(BusClient::Asking& asking, const std::vector<std::string>& loadable, Units& out) {
  asking.call(manager_call("ListUnitsByNames", {loadable}), [&](const Reply& reply) -> Result<void> {
    if (!reply) return std::unexpected(reply.error().error);
    // The answer calls an alias by its unit's name, so the order has to tell which is which.
    const auto listed = read_units(client_.api(), *reply);
    if (listed.size() != loadable.size())
      return fail(Code::Internal, fmt::format("asked for {} units, told of {}", loadable.size(), listed.size()));
    for (std::size_t i = 0; i < listed.size(); ++i) {
      auto& unit = out.at(loadable[i]);
      unit.load = listed[i].load;
      unit.active = listed[i].active;
      unit.sub = listed[i].sub;
      unit.job_queued = listed[i].has_job();
    }
    return {};
  });
}

// False if the tree cannot be read as it should: then systemd is to be asked.
bool BusUnitManager::read_enablement(const std::set<std::string>& units, Deadline by, Units& out) {
  auto seen = files_->status(units, by);
  if (!seen) return false;
  for (auto& [name, unit] : out) unit.enablement = std::move(seen->at(name).enablement);
  return true;
}

void BusUnitManager::ask_enablement(BusClient::Asking& asking, const std::string& name, UnitStatus& out) {
  // Not the property UnitFileState: systemd keeps that from before an enable until the next reload.
  asking.call(manager_call("GetUnitFileState", {name}), [&](const Reply& reply) -> Result<void> {
    if (!reply) {
      if (reply.error().error.code == Code::NotFound) return {};
      return std::unexpected(reply.error().error.with(name));
    }
    const char* state = nullptr;
    if (client_.api().sd_bus_message_read(*reply, "s", &state) >= 0 && state != nullptr) out.enablement = state;
    return {};
  });
}

void BusUnitManager::ask_properties(BusClient::Asking& asking, const std::string& name, UnitStatus& out) {
  const auto get = [&](const char* interface, const char* property, auto take) {
    asking.call(get_property(name, interface, property), [this, &name, take](const Reply& reply) -> Result<void> {
      if (reply) {
        take(client_.api(), *reply);
        return {};
      }
      if (reply.error().error.code == Code::NotFound) return {};  // gone meanwhile
      return std::unexpected(reply.error().error.with(name));
    });
  };
  get(kUnitInterface, "InvocationID",
      [&out](const Libsystemd& api, sd_bus_message* reply) { out.invocation = read_bytes_as_hex(api, reply); });
  get(kUnitInterface, "TriggeredBy",
      [&out](const Libsystemd& api, sd_bus_message* reply) { out.triggered = read_whether_any_text(api, reply); });
  get(kUnitInterface, "NeedDaemonReload",
      [&out](const Libsystemd& api, sd_bus_message* reply) { out.need_reload = read_flag(api, reply); });
  if (unit_suffix(name) == "service")
    get(kServiceInterface, "Type",
        [&out](const Libsystemd& api, sd_bus_message* reply) { out.type = read_text(api, reply); });
}

Result<std::map<std::string, UnitStatus>> BusUnitManager::status(const std::set<std::string>& units, Deadline by) {
  Units out;
  std::vector<std::string> loadable;  // systemd leaves out, or refuses, what cannot be a unit of its own
  for (const auto& name : units) {
    out[name] = {.load = "not-found", .active = "inactive", .sub = "dead"};
    if (is_unit_name(name) && !is_template(name)) loadable.push_back(name);
  }
  const bool has_read = files_ != nullptr && read_enablement(units, by, out);
  GNA_TRY_AT("look at units", client_.ask(by, [&](BusClient::Asking& asking) {
    ask_states(asking, loadable, out);
    if (has_read) return;
    for (auto& [name, unit] : out)
      if (is_unit_name(name)) ask_enablement(asking, name, unit);
  }));
  // Single properties, since GetAll makes systemd compute some hundred others for each unit.
  GNA_TRY_AT("look at units", client_.ask(by, [&](BusClient::Asking& asking) {
    for (const auto& name : loadable)
      if (out.at(name).load != "not-found") ask_properties(asking, name, out.at(name));
  }));
  return out;
}

Result<void> BusUnitManager::enable(const std::string& unit, Deadline by) {
  GNA_TRY_AT("enable " + unit, client_.tell(manager_call("EnableUnitFiles", {std::vector{unit}, false, true}), by));
  return {};
}

Result<void> BusUnitManager::disable(const std::string& unit, Deadline by) {
  auto told = client_.tell(manager_call("DisableUnitFiles", {std::vector{unit}, false}), by);
  if (!told && told.error().code != Code::NotFound) return std::unexpected(told.error().with("disable " + unit));
  return {};
}

Result<void> BusUnitManager::reload(Deadline by) {
  GNA_TRY_AT("daemon-reload", client_.tell(manager_call("Reload"), by));
  return {};
}

}  // namespace

std::unique_ptr<UnitManager> make_bus_unit_manager(BusOptions options) {
  return std::make_unique<BusUnitManager>(std::move(options));
}

Result<void> send_restart(const std::string& unit, Deadline by, BusOptions options) {
  BusClient client(std::move(options));
  GNA_TRY_AT("restart " + unit, client.tell(manager_call("RestartUnit", {unit, "replace"}), by));
  return {};
}

}  // namespace gna::systemd
