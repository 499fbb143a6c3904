// A UnitManager in memory, with a record of what it was asked for and a script of failures.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/systemd/unit_manager.h"
#include "tests/support/unit_model.h"

namespace gna::support {

class FakeUnitManager final : public systemd::UnitManager {
 public:
  enum class Unknown {
    exists,  // whatever unit is named exists, as for the recorder that made the golden data
    absent,  // only those in units() exist
  };
  explicit FakeUnitManager(Unknown unknown = Unknown::exists) : unknown_(unknown) {}

  // How units are; to be changed at will.
  std::map<std::string, ModelUnit>& units() { return units_; }
  ModelUnit& unit(const std::string& name);  // makes it if it is not there
  bool is_enabled(const std::string& name) const;

  // See Mishap; WORD is a gna Code or a job result.
  void script(std::string_view line) { script_.add(line); }

  // What was asked for, in order, in the words of actions.txt: "enable x", "disable x",
  // "daemon-reload", "restart y", "stop y -> failed". Questions are not recorded.
  const std::vector<std::string>& operations() const { return operations_; }
  std::vector<std::string> take_operations() { return std::exchange(operations_, {}); }
  // Sizes of the batches of jobs that run() was given.
  const std::vector<std::size_t>& batches() const { return batches_; }

  bool live() const override { return true; }
  Result<std::map<std::string, systemd::UnitStatus>> status(const std::set<std::string>& units, Deadline by) override;
  Result<void> enable(const std::string& unit, Deadline by) override;
  Result<void> disable(const std::string& unit, Deadline by) override;
  Result<void> reload(Deadline by) override;
  void run(std::span<const systemd::JobRequest> jobs, const std::function<void(std::size_t, Result<void>)>& ended,
           Deadline by) override;

 private:
  ModelUnit* find(const std::string& name);
  // Records the operation, and gives the failure that the script has for it.
  Result<void> operate(const std::string& verb, const std::string& unit);
  Result<void> run_one(const systemd::JobRequest& job);

  Unknown unknown_;
  std::map<std::string, ModelUnit> units_ = {};
  UnitScript script_ = {};
  std::vector<std::string> operations_ = {};
  std::vector<std::size_t> batches_ = {};
};

}  // namespace gna::support
