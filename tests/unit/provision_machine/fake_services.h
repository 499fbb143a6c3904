// A service manager in memory, with a record of what it was asked for.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "provision/bootstrap/services.h"

namespace gna::provision {

class FakeServices : public Services {
 public:
  bool live() const override { return live_; }
  Result<void> reload(Deadline) override { return done("reload"); }
  Result<void> enable(const std::string& unit, Deadline) override {
    enabled_.insert(unit);
    return done("enable " + unit);
  }
  Result<void> disable(const std::string& unit, Deadline) override {
    enabled_.erase(unit);
    return done("disable " + unit);
  }
  Result<bool> is_enabled(const std::string& unit, Deadline) override { return enabled_.contains(unit); }
  Result<void> start(const std::string& unit, Deadline) override { return done("start " + unit); }
  Result<void> restart_soon(const std::string& unit, Deadline) override { return done("restart " + unit); }

  bool live_ = true;
  std::string failing_ = {};
  std::set<std::string> enabled_ = {kInit};
  std::vector<std::string> calls_ = {};
  static constexpr const char* kInit = "gardener-node-init.service";

 private:
  Result<void> done(const std::string& call) {
    calls_.push_back(call);
    if (call == failing_) return fail(Code::Unavailable, "scripted");
    return {};
  }
};

}  // namespace gna::provision
