#include "tests/unit/store/random_records.h"

#include <string>

namespace gna::store {

namespace {

class Dice {
 public:
  explicit Dice(std::mt19937& random) : random_(random) {}
  unsigned below(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  bool one_in(unsigned sides) { return below(sides) == 0; }
  // Few different ones, so that edits meet; some that a careless format would trip over.
  std::string word() {
    static const std::string kWords[] = {
        "", "a", "b", "/etc/x", "kubelet.service", "line\nbreak", "\"quoted\"\\", "grüße ☃", "\x01\x7f", "null"};
    return kWords[below(std::size(kWords))];
  }
  std::string key() { return "k" + std::to_string(below(6)); }
  desired::Run run() { return static_cast<desired::Run>(below(3)); }

  plan::AppliedFile file() {
    plan::AppliedFile out{.mode = below(01000), .sha256 = word(), .overwrote = one_in(2)};
    if (one_in(2)) out.image = {.image = word(), .path = word()};
    return out;
  }
  plan::AppliedRegistry registry() { return {.digest = word(), .sha256 = word()}; }
  desired::Containerd containerd() {
    desired::Containerd out{.sandbox_image = word()};
    if (one_in(2)) out.systemd_cgroup = one_in(2);
    for (unsigned i = below(3); i > 0; --i) {
      auto& plugin = out.plugins.emplace_back(desired::PluginPatch{.remove = one_in(2), .path = {word(), word()}});
      if (one_in(2)) plugin.values = R"({"a":[1,2.5,"x"]})";
    }
    return out;
  }

 private:
  std::mt19937& random_;
};

}  // namespace

plan::Record random_record(std::mt19937& random) {
  Dice dice(random);
  plan::Record out;
  for (unsigned i = dice.below(3); i > 0; --i) {
    auto& file = out.files[dice.key()];
    if (!dice.one_in(3)) file = dice.file();
  }
  for (unsigned i = dice.below(3); i > 0; --i) {
    auto& unit = out.units[dice.key()];
    if (dice.one_in(2)) unit.owns_file = dice.one_in(2);
    if (dice.one_in(2)) unit.file_sha256 = dice.word();
    for (unsigned j = dice.below(3); j > 0; --j) unit.add_drop_ins[dice.key()] = dice.word();
    for (unsigned j = dice.below(2); j > 0; --j) unit.remove_drop_ins.insert(dice.key());
    if (dice.one_in(2)) unit.enabled = dice.one_in(2);
    if (dice.one_in(2)) unit.run = dice.run();
    if (dice.one_in(2)) unit.expected = dice.one_in(2);
    if (dice.one_in(2)) unit.started_with = dice.word();
    if (dice.one_in(2)) unit.sent_with = dice.word();
    if (dice.one_in(2)) unit.invocation_before = dice.word();
    unit.forget = dice.one_in(4);
  }
  for (unsigned i = dice.below(2); i > 0; --i) {
    auto& registry = out.registries[dice.key()];
    if (!dice.one_in(3)) registry = dice.registry();
  }
  for (unsigned i = dice.below(3); i > 0; --i) {
    auto& original = out.containerd_originals[dice.key()];
    if (!dice.one_in(3)) original = "null";
  }
  if (dice.one_in(4)) out.containerd = dice.containerd();
  out.containerd_restored = dice.one_in(5);
  if (dice.one_in(4)) out.containerd_config_sha256 = dice.word();
  if (dice.one_in(4)) out.containerd_started_with = dice.word();
  if (dice.one_in(4)) out.containerd_sent_with = dice.word();
  if (dice.one_in(4)) out.containerd_invocation_before = dice.word();
  if (dice.one_in(4)) out.cpu_manager_policy = dice.word();
  if (dice.one_in(4)) out.reload_owed = dice.one_in(2);
  if (dice.one_in(4)) out.agent_restart_owed = dice.one_in(2);
  return out;
}

plan::Applied random_applied(std::mt19937& random) {
  plan::Applied out;
  for (int i = 0; i < 8; ++i) plan::edit(out, random_record(random));
  out.checksum = Dice(random).word();
  return out;
}

}  // namespace gna::store
