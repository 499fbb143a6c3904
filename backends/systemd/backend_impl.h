// The backend: observing is here, the order of work in lower.cc, its steps in steps/.
#pragma once

#include <memory>
#include <vector>

#include "backends/systemd/environment.h"
#include "backends/systemd/mirror_watch.h"
#include "backends/systemd/unit_manager.h"
#include "gna/systemd/backend.h"

namespace gna::systemd {

class Backend : public backend::OsBackend {
 public:
  Backend(const fs::RootFs& root, std::unique_ptr<UnitManager> units, Environment environment, Options options);
  ~Backend() override;

  backend::Capabilities capabilities() const override;
  Result<desired::Facts> facts(Deadline by) override;
  Result<observed::State> observe(const backend::Scope& scope, Deadline by) override;
  plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& now,
                   const desired::Facts& facts) const override;
  void apply(std::span<const plan::Step> stage, backend::ContentSource& bytes, backend::StepSink& done,
             Deadline by) override;

 private:
  desired::Version offline_containerd_version() const;
  Result<void> observe_files(const backend::Scope& scope, observed::State& now) const;
  Result<void> observe_leftovers(const backend::Scope& scope, observed::State& now) const;
  Result<void> observe_containerd(const backend::Scope& scope, observed::State& now, Deadline by) const;
  Result<void> observe_units(const backend::Scope& scope, observed::State& now, Deadline by);
  Result<observed::Unit> observe_unit_files(const std::string& name) const;

  const fs::RootFs& root_;
  std::unique_ptr<UnitManager> units_;
  Environment environment_;
  MirrorWatch mirrors_;
  Options options_;
};

}  // namespace gna::systemd
