// Either program continues where the other stopped.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "gna/base/digest.h"
#include "tests/golden/go_run.h"

namespace gna::golden {
namespace {

constexpr const char* kBase = "/var/lib/gardener-node-agent/";

// Bytes by SHA-256 of everything that the documents of a run put on the disk.
class KnownBytes {
 public:
  explicit KnownBytes(const GoRun& run) {
    for (const auto& [path, bytes] : run.files) add(bytes);
    for (const auto& step : run.steps) {
      for (const auto& [path, bytes] : step.write) add(bytes);
      const auto document = parse_file(step.osc_path);
      for (const auto& file : osc::files_for_host(document.osc, run.host_name)) add_file(file);
      for (const auto& unit : osc::merged_units(document.osc)) {
        if (unit.content) add(*unit.content);
        for (const auto& drop_in : unit.drop_ins) add(drop_in.content);
      }
    }
  }
  const std::string& at(const std::string& sha256) const { return bytes_.at(sha256); }

 private:
  std::map<std::string, std::string> bytes_;
  void add(const std::string& bytes) { bytes_[sha256_hex(bytes)] = bytes; }
  void add_file(const osc::File& file) {
    const auto& content = file.content;
    if (content.inline_data) add(osc::decode(*content.inline_data).value());
    if (content.image_ref) add("from " + content.image_ref->image + " " + content.image_ref->file_path_in_image + "\n");
    if (content.secret_ref) add("data of " + content.secret_ref->name + "/" + content.secret_ref->data_key + "\n");
  }
};

// The tree exactly as upstream left it.
void restore(const GoRun& run, const Node& node) {
  const KnownBytes known(run);
  for (const auto& line : run.tree) {
    if (line.starts_with("d ")) std::filesystem::create_directories(node.root().on_host(line.substr(line.find('/'))));
    if (!line.starts_with("f ")) continue;
    const auto sha256 = line.substr(line.rfind(' ') + 1);
    auto path = line.substr(line.find('/'));
    path = path.substr(0, path.rfind(' '));
    path = path.substr(0, path.rfind(' '));
    node.write(path, known.at(sha256), std::stoul(line.substr(2, 4), nullptr, 8));
  }
}

void restore_units(const GoRun& run, Node& node) {
  for (const auto& step : run.steps) {
    for (const auto& line : step.operations) {
      if (line.ends_with("failed") || line.find(' ') == std::string::npos) continue;
      auto& unit = node.units().unit(line.substr(line.find(' ') + 1));
      if (line.starts_with("enable ")) unit.enablement = "enabled";
      if (line.starts_with("disable ")) unit.enablement = "disabled";
      if (line.starts_with("restart ")) unit.start();
      if (line.starts_with("stop ")) unit.stop();
    }
  }
}

std::vector<std::string> half_done_runs() {
  std::vector<std::string> names;
  for (const auto& name : run_names())
    if (name.starts_with("half-") && !name.ends_with("-healed")) names.push_back(name);
  return names;
}

std::string label(const ::testing::TestParamInfo<std::string>& info) {
  return std::regex_replace(info.param, std::regex("[^A-Za-z0-9]"), "_");
}

// Where the half-done run would have ended: upstream's own healed run, or ours without the failure.
std::vector<std::string> healed_tree(const GoRun& run) {
  for (const auto& name : run_names())
    if (name == run.name + "-healed") return what_counts(load_run(name).tree);
  Node whole(run.host_name, run.containerd, run.no_state);
  for (const auto& step : run.steps) {
    for (const auto& [path, bytes] : step.write) whole.write(path, bytes);
    EXPECT_TRUE(whole.apply(step.osc_path));
  }
  return what_counts(whole.tree());
}

// The Go agent's next pass over a node that we left: of what it goes by the changes file alone, and what
// is not listed there does not happen.
// Source: gardener operatingsystemconfig/reconciler.go, from the inline files to the deleted ones.
class GoAgent {
 public:
  explicit GoAgent(Node& node) : node_(node) {}

  void resume(const store::ChangesFile& left) {
    for (const auto& file : left.files_changed) node_.write(file.path, bytes_of(file), file.permissions.value_or(0600));
    // These need its own renderer; none of the runs leaves any.
    EXPECT_TRUE(left.registries_desired.empty());
    for (const auto& entry : left.units_changed) change(entry);
    for (const auto& unit : left.units_deleted) retire(unit);
    (void)node_.units().reload(Deadline::max());  // each time; a failure that was meant for us may still befall it
    bool containerd = left.config_file_changed;
    for (const auto& command : left.unit_commands) {
      EXPECT_TRUE(command.command == "restart" || command.command == "stop") << command.command;
      job(command.name, command.command == "stop" ? plan::Job::stop : plan::Job::restart);
      if (command.name == "containerd.service") containerd = false;
    }
    if (containerd) job("containerd.service", plan::Job::restart);
    for (const auto& registry : left.registries_deleted) node_.remove("/etc/containerd/certs.d/" + registry.upstream);
    for (const auto& file : left.files_deleted) node_.remove(file.path);
    if (left.must_restart_node_agent) job("gardener-node-agent.service", plan::Job::restart);
  }

 private:
  Node& node_;

  static std::string bytes_of(const osc::File& file) {
    const auto& content = file.content;
    if (content.inline_data) return osc::decode(*content.inline_data).value();
    if (content.secret_ref) return "data of " + content.secret_ref->name + "/" + content.secret_ref->data_key + "\n";
    return "from " + content.image_ref->image + " " + content.image_ref->file_path_in_image + "\n";
  }
  static std::string path_of(const std::string& unit) { return "/etc/systemd/system/" + unit; }

  void change(const store::UnitEntry& entry) {
    const auto& unit = entry.unit;
    const auto drop_ins = path_of(unit.name) + ".d/";
    if (unit.content) node_.write(path_of(unit.name), *unit.content, 0600);
    if (unit.drop_ins.empty()) node_.remove(drop_ins);
    for (const auto& drop_in : entry.drop_ins_changed) {
      ASSERT_NE(drop_in.name, "") << "it would read the folder as a file, and fail for ever";
      node_.write(drop_ins + drop_in.name, drop_in.content, 0600);
    }
    for (const auto& drop_in : entry.drop_ins_deleted) node_.remove(drop_ins + drop_in.name);
    const bool enabled = unit.enable.value_or(true) || unit.name == "gardener-node-agent.service";
    EXPECT_TRUE(enabled ? node_.units().enable(unit.name, Deadline::max())
                        : node_.units().disable(unit.name, Deadline::max()));
  }
  void retire(const osc::Unit& unit) {
    if (unit.content && node_.root().exists(path_of(unit.name))) {
      EXPECT_TRUE(node_.units().disable(unit.name, Deadline::max()));
      job(unit.name, plan::Job::stop);
      node_.remove(path_of(unit.name));
    }
    for (const auto& drop_in : unit.drop_ins) node_.remove(path_of(unit.name) + ".d/" + drop_in.name);
  }
  void job(const std::string& unit, plan::Job job) {
    const systemd::JobRequest request = {unit, job};
    node_.units().run(
        {&request, 1}, [&](std::size_t, const Result<void>& result) { EXPECT_TRUE(result) << unit; }, Deadline::max());
  }
};

class Handover : public ::testing::TestWithParam<std::string> {};

TEST_P(Handover, ContinuesWhatTheGoAgentLeftHalfDone) {
  const auto run = load_run(GetParam());
  Node node(run.host_name, run.containerd, run.no_state);
  restore(run, node);
  ASSERT_EQ(differences(what_counts(run.tree), what_counts(node.tree())), std::vector<std::string>{})
      << "the starting point is not upstream's";
  restore_units(run, node);
  const auto& last = run.steps.back();
  const auto summary = node.apply(last.osc_path);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->failed, 0u);
  EXPECT_EQ(differences(healed_tree(run), what_counts(node.tree())), std::vector<std::string>{});
  const auto operations = node.take_operations();
  // What failed is done now, and once. A reload or an enabling without an effect is not owed (U3, U11).
  for (const auto& failed : last.fail) {
    if (failed == "daemon-reload" || failed.starts_with("enable ")) continue;
    EXPECT_EQ(std::ranges::count(operations, failed), 1) << failed;
  }
  const auto again = node.prepare(last.osc_path);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->plan.empty());
}

// It truncates the changes file before it writes it anew: killed between the two it leaves an empty one.
TEST_P(Handover, ContinuesFromAChangesFileThatWasCutShort) {
  const auto run = load_run(GetParam());
  Node node(run.host_name, run.containerd, run.no_state);
  restore(run, node);
  restore_units(run, node);
  node.write(std::string(kBase) + "last-computed-osc-changes.yaml", "", 0600);
  const auto& last = run.steps.back();
  const auto summary = node.apply(last.osc_path);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->failed, 0u);
  EXPECT_EQ(differences(healed_tree(run), what_counts(node.tree())), std::vector<std::string>{});
  const auto operations = node.take_operations();
  for (const auto& failed : last.fail)
    if (failed.starts_with("restart ") || failed.starts_with("stop ")) {
      EXPECT_EQ(std::ranges::count(operations, failed), 1) << failed;
    }
}

// Our own records gone, as if the Go agent's were all that a successor finds.
TEST_P(Handover, LeavesWhatTheGoAgentCanContinue) {
  const auto run = load_run(GetParam());
  Node node(run.host_name, run.containerd, run.no_state);
  for (const auto& step : run.steps) {
    for (const auto& [path, bytes] : step.write) node.write(path, bytes);
    ASSERT_TRUE(node.apply(step.osc_path, step.fail));
  }
  const auto checksum = parse_file(run.steps.back().osc_path).checksum;
  const auto left = store::parse_changes(node.read(std::string(kBase) + "last-computed-osc-changes.yaml"));
  ASSERT_TRUE(left);
  EXPECT_EQ(left->checksum, checksum);
  node.remove(std::string(kBase) + "gna");
  node.take_operations();
  const auto summary = node.apply(run.steps.back().osc_path);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->failed, 0u);
  EXPECT_EQ(differences(healed_tree(run), what_counts(node.tree())), std::vector<std::string>{});
}

TEST_P(Handover, ListsAllThatTheGoAgentHasToDo) {
  const auto run = load_run(GetParam());
  Node node(run.host_name, run.containerd, run.no_state);
  for (const auto& step : run.steps) {
    for (const auto& [path, bytes] : step.write) node.write(path, bytes);
    ASSERT_TRUE(node.apply(step.osc_path, step.fail));
  }
  const auto left = store::parse_changes(node.read(std::string(kBase) + "last-computed-osc-changes.yaml"));
  ASSERT_TRUE(left);
  std::vector<std::string> failed;
  for (const auto& line : node.take_operations())
    if (const auto end = line.find(" -> "); end != std::string::npos) failed.push_back(line.substr(0, end));
  GoAgent(node).resume(*left);
  EXPECT_EQ(differences(healed_tree(run), what_counts(node.tree())), std::vector<std::string>{});
  const auto operations = node.units().take_operations();
  for (const auto& operation : failed) EXPECT_EQ(std::ranges::count(operations, operation), 1) << operation;
}

INSTANTIATE_TEST_SUITE_P(HalfDone, Handover, ::testing::ValuesIn(half_done_runs()), label);

TEST(HandoverData, IsWhole) { EXPECT_EQ(half_done_runs().size(), 11u); }

// A finished run of the Go agent is known: nothing is written again, nothing is restarted.
class Finished : public ::testing::TestWithParam<std::string> {};

TEST_P(Finished, TakesOverWithoutTouchingAnything) {
  const auto run = load_run(GetParam());
  Node node(run.host_name, run.containerd, run.no_state);
  restore(run, node);
  restore_units(run, node);
  const auto prepared = node.prepare(run.steps.back().osc_path);
  ASSERT_TRUE(prepared) << prepared.error().message;
  for (const auto& stage : prepared->plan.stages)
    for (const auto& step : stage.steps) ADD_FAILURE() << step.id << ": " << step.reason;
}

INSTANTIATE_TEST_SUITE_P(Worker, Finished,
                         ::testing::Values("upgrade-01-file-changed", "upgrade-10-unit-removed",
                                           "upgrade-12-dropin-changed", "upgrade-28-imageref-changed",
                                           "upgrade-35-sandbox-image-changed", "upgrade-38-plugin-remove-op-v4",
                                           "case-extension-merge", "case-units-dropin-only-vendor"),
                         label);

}  // namespace
}  // namespace gna::golden
