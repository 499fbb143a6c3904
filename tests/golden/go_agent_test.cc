// The same OSCs give the Go agent's trees, unit operations and state files, apart from the
// deviations that COMPATIBILITY.md numbers: deviations/RUN.txt holds, after "# D1 D2", the
// exact difference. GNA_ACCEPT=1 rewrites these files; a person then names the numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "tests/golden/go_run.h"

namespace gna::golden {
namespace {

// They need a Node object or the in-place gate, so they wait for the daemon.
const std::set<std::string> kNeedTheDaemon = {"real-worker-first-boot", "real-worker-inplace-waits",
                                              "upgrade-47-inplace-os-and-kubelet", "upgrade-48-inplace-nothing"};

std::string deviation_path(const std::string& run) {
  return std::string(GNA_SOURCE_DIR) + "/tests/golden/deviations/" + run + ".txt";
}

struct Deviation {
  std::vector<std::string> numbers = {};
  std::vector<std::string> lines = {};
};

Deviation load_deviation(const std::string& run) {
  Deviation out;
  std::ifstream in(deviation_path(run));
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("# ")) {
      out.lines.push_back(line);
      continue;
    }
    std::istringstream words(line.substr(2));
    for (std::string number; words >> number;) out.numbers.push_back(number);
  }
  return out;
}

void accept(const std::string& run, const Deviation& before, const std::vector<std::string>& lines) {
  const auto path = deviation_path(run);
  if (lines.empty()) {
    std::filesystem::remove(path);
    return;
  }
  std::ofstream out(path);
  out << "#";
  for (const auto& number : before.numbers) out << " " << number;
  if (before.numbers.empty()) out << " unnamed";
  out << "\n";
  for (const auto& line : lines) out << line << "\n";
}

std::vector<std::string> state_differences(const GoRun& run, const Node& node) {
  std::vector<std::string> out;
  const std::string base = "/var/lib/gardener-node-agent/";
  const auto theirs = run.files.find(base + "last-applied-osc.yaml");
  if (theirs != run.files.end()) {
    const auto ours = osc::parse_applied(node.read(base + "last-applied-osc.yaml"));
    const auto expected = osc::parse_applied(theirs->second);
    EXPECT_TRUE(expected.ok()) << "upstream's last-applied-osc.yaml";
    if (!ours.ok() || ours.document->osc != expected.document->osc) out.push_back("!last-applied-osc.yaml differs");
  }
  const auto changes = run.files.find(base + "last-computed-osc-changes.yaml");
  if (changes != run.files.end()) {
    const auto ours = store::parse_changes(node.read(base + "last-computed-osc-changes.yaml"));
    const auto expected = store::parse_changes(changes->second);
    EXPECT_TRUE(expected) << "upstream's last-computed-osc-changes.yaml";
    if (!ours || *ours != *expected) out.push_back("!last-computed-osc-changes.yaml differs");
  }
  return out;
}

std::vector<std::string> compared_runs() {
  auto names = run_names();
  std::erase_if(names, [](const auto& name) { return kNeedTheDaemon.contains(name); });
  return names;
}

class GoAgent : public ::testing::TestWithParam<std::string> {};

TEST_P(GoAgent, LeavesTheSameNode) {
  const auto run = load_run(GetParam());
  const bool half = run.name.starts_with("half-") && !run.name.ends_with("-healed");
  Node node(run.host_name, run.containerd, run.no_state);
  std::vector<std::string> found;
  std::set<std::string> enabled_there, enabled_here;
  for (std::size_t i = 0; i < run.steps.size(); ++i) {
    const auto& step = run.steps[i];
    for (const auto& [path, bytes] : step.write) node.write(path, bytes);
    for (const auto& path : step.remove) node.remove(path);
    for (const auto& line : refusals(step.osc_path)) found.push_back("step " + std::to_string(i + 1) + " " + line);
    const auto summary = node.apply(step.osc_path, step.fail);
    ASSERT_TRUE(summary) << summary.error().message;
    const bool restarts_agent = summary->agent_restart_due;
    const auto theirs = effects(step.operations, enabled_there);
    const auto operations = node.take_operations();
    const auto failed = std::ranges::count_if(operations, [](const auto& line) { return line.ends_with("failed"); });
    EXPECT_EQ(summary->failed, static_cast<std::size_t>(failed)) << "step " << i + 1;
    const auto ours = effects(operations, enabled_here);
    for (const auto& line : differences({theirs.begin(), theirs.end()}, {ours.begin(), ours.end()}))
      found.push_back("step " + std::to_string(i + 1) + " " + line);
    for (const auto& line : order_differences(step.operations, operations))
      found.push_back("step " + std::to_string(i + 1) + " " + line);
    if (step.restarted != restarts_agent)
      found.push_back("step " + std::to_string(i + 1) + (restarts_agent ? " +" : " -") + "restart of the agent");
  }
  for (const auto& line : differences(what_counts(run.tree), what_counts(node.tree()))) found.push_back(line);
  const auto config = run.files.find("/etc/containerd/config.toml");
  for (const auto& line :
       config_differences(config == run.files.end() ? "" : config->second, node.read("/etc/containerd/config.toml")))
    found.push_back(line);
  if (!half && !run.no_state)
    for (const auto& line : state_differences(run, node)) found.push_back(line);

  const auto deviation = load_deviation(run.name);
  if (std::getenv("GNA_ACCEPT") != nullptr) {
    accept(run.name, deviation, found);
    GTEST_SKIP() << "accepted, not compared";
  }
  EXPECT_EQ(found, deviation.lines);
}

INSTANTIATE_TEST_SUITE_P(All, GoAgent, ::testing::ValuesIn(compared_runs()), [](const auto& test) {
  return std::regex_replace(test.param, std::regex("[^A-Za-z0-9]"), "_");
});

TEST(GoAgentData, IsWhole) {
  EXPECT_EQ(run_names().size(), 205u);
  EXPECT_EQ(compared_runs().size(), 205u - 4u);
}

TEST(GoAgentData, OrderCountsBetweenBlocks) {
  const std::vector<std::string> theirs = {"copy-from-image a /b 0755", "enable a.service", "daemon-reload",
                                           "restart a.service"};
  EXPECT_EQ(order_differences(theirs, theirs), std::vector<std::string>{});
  EXPECT_EQ(order_differences(theirs, {theirs[1], theirs[0], theirs[2], theirs[3]}),
            std::vector<std::string>{"order of copy-from-image a /b"});
  EXPECT_EQ(order_differences(theirs, {theirs[0], theirs[3], theirs[2], theirs[1]}),
            (std::vector<std::string>{"order of enable a.service", "order of restart a.service"}));
}

// Each deviation that a run shows has a number, and COMPATIBILITY.md explains it.
TEST(GoAgentData, DeviationsAreNamed) {
  const auto page = read_host_file(std::string(GNA_SOURCE_DIR) + "/COMPATIBILITY.md");
  const auto names = run_names();
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(GNA_SOURCE_DIR) + "/tests/golden/deviations")) {
    const std::string run = entry.path().stem();
    EXPECT_THAT(names, ::testing::Contains(run)) << "deviation of a run that is not there";
    const auto deviation = load_deviation(run);
    EXPECT_FALSE(deviation.lines.empty()) << run;
    EXPECT_FALSE(deviation.numbers.empty()) << run;
    for (const auto& number : deviation.numbers)
      EXPECT_NE(page.find("| " + number + " |"), std::string::npos) << run << " names " << number;
  }
}

}  // namespace
}  // namespace gna::golden
