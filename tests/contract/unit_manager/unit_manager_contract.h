// What every UnitManager keeps, whatever stands behind it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "backends/systemd/unit_manager.h"

namespace gna::systemd {

// Something with units: a fake, a tree, a node.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual UnitManager& units() = 0;
  // Puts a unit file there, or another text in its place; an empty text masks the unit.
  virtual void install(const std::string& name, const std::string& text) = 0;
};

struct Candidate {
  std::string name = {};
  std::function<std::unique_ptr<Machine>()> make = {};
};
inline void PrintTo(const Candidate& candidate, std::ostream* out) { *out << candidate.name; }

class UnitManagerContract : public ::testing::TestWithParam<Candidate> {
 protected:
  UnitManager& units() { return machine_->units(); }
  UnitStatus status(const std::string& name);
  // The results of jobs, each of which has to be told once.
  std::vector<Result<void>> run(const std::vector<JobRequest>& jobs);
  Result<void> run_one(const std::string& unit, plan::Job job) { return run({{unit, job}}).at(0); }

  static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }
  std::unique_ptr<Machine> machine_ = GetParam().make();
};

// Of these the jobs run.
class LiveUnitManagerContract : public UnitManagerContract {};

}  // namespace gna::systemd
