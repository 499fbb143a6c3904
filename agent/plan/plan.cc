#include "gna/plan/plan.h"

#include <algorithm>

#include "gna/plan/changes.h"

namespace gna::plan {

std::string_view to_string(Why why) {
  switch (why) {
    case Why::created: return "new";
    case Why::changed: return "changed";
    case Why::drifted: return "drifted";
    case Why::owed: return "left over from an earlier run";
    case Why::removed: return "no longer wanted";
  }
  return "";
}

std::string_view to_string(Disruption disruption) {
  switch (disruption) {
    case Disruption::none: return "none";
    case Disruption::restartsUnit: return "restartsUnit";
    case Disruption::restartsContainerd: return "restartsContainerd";
    case Disruption::restartsKubelet: return "restartsKubelet";
    case Disruption::restartsAgent: return "restartsAgent";
    case Disruption::reboots: return "reboots";
  }
  return "";
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::file: return "file";
    case Kind::unit: return "unit";
    case Kind::dropIn: return "dropIn";
    case Kind::containerdConfig: return "containerdConfig";
    case Kind::registry: return "registry";
    case Kind::unitState: return "unitState";
    case Kind::daemonReload: return "daemonReload";
    case Kind::machineConfig: return "machineConfig";
    case Kind::image: return "image";
  }
  return "";
}

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::create: return "create";
    case Verb::update: return "update";
    case Verb::remove: return "delete";
    case Verb::restart: return "restart";
    case Verb::start: return "start";
    case Verb::stop: return "stop";
    case Verb::enable: return "enable";
    case Verb::disable: return "disable";
    case Verb::reload: return "reload";
    case Verb::patch: return "patch";
    case Verb::pull: return "pull";
  }
  return "";
}

bool Plan::empty() const {
  return std::ranges::all_of(stages, [](const Stage& stage) { return stage.steps.empty(); });
}

std::size_t Plan::size() const {
  std::size_t steps = 0;
  for (const auto& stage : stages) steps += stage.steps.size();
  return steps;
}

}  // namespace gna::plan
