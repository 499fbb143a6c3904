// What the Go agent made of the same OSCs: equal in meaning for config.toml, in bytes for hosts.toml.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/hosts_toml.h"
#include "agent/containerd/toml.h"
#include "gna/desired/render.h"
#include "gna/osc/parse.h"

namespace gna::containerd {
namespace {

namespace stdfs = std::filesystem;
using nlohmann::json;

const stdfs::path kTestdata = GNA_TESTDATA;

std::string bytes_of(const stdfs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Case {
  std::string name;
  stdfs::path folder;
  desired::Facts facts;
  std::string config_before;
  std::string osc;
};

// Runs of one step that end with a config.toml.
std::vector<Case> single_steps() {
  std::vector<Case> out;
  for (const auto& entry : stdfs::directory_iterator(kTestdata / "golden")) {
    if (!stdfs::exists(entry.path() / "files/etc/containerd/config.toml")) continue;
    const auto input = json::parse(bytes_of(entry.path() / "input.json"));
    if (input.at("steps").size() != 1) continue;
    const auto& step = input.at("steps")[0];
    const auto osc = step.at("osc").get<std::string>();
    // Where nothing lay there, upstream had asked containerd for its default.
    const auto version = input.at("containerd").get<std::string>();
    const auto config = step.contains("write") ? step["write"].value("/etc/containerd/config.toml", std::string())
                                               : "@" + version + ".toml";
    auto path = kTestdata / osc;
    if (!stdfs::exists(path)) path = entry.path() / osc;
    out.push_back({.name = entry.path().filename(),
                   .folder = entry.path(),
                   .facts = {.host_name = input.at("hostName"),
                             .containerd = desired::parse_version(input.at("containerd").get<std::string>())},
                   .config_before = bytes_of(kTestdata / "golden/containerd" / config.substr(1)),
                   .osc = bytes_of(path)});
  }
  std::ranges::sort(out, {}, &Case::name);
  return out;
}

// nullopt: the Go agent took what our rules refuse (tests of osc tell why).
std::optional<desired::State> wanted_of(const Case& run) {
  const auto parsed = osc::parse(run.osc);
  if (!parsed.ok()) return std::nullopt;
  const auto state = desired::render(parsed.document->osc, run.facts, [](const auto& name, const auto& key) {
    return Result<std::string>("data of " + name + "/" + key + "\n");
  });
  EXPECT_TRUE(state) << run.name << ": " << state.error().message;
  return state.value_or(desired::State{});
}

// Upstream turns the integers of plugin values into floats; ours are integers.
bool same(const toml::Value& ours, const toml::Value& theirs) {
  const auto* integer = std::get_if<std::int64_t>(&ours.is);
  const auto* number = std::get_if<double>(&theirs.is);
  if (integer != nullptr && number != nullptr) return static_cast<double>(*integer) == *number;
  if (ours.array() != nullptr && theirs.array() != nullptr)
    return std::ranges::equal(*ours.array(), *theirs.array(), same);
  if (ours.table() != nullptr && theirs.table() != nullptr)
    return std::ranges::equal(*ours.table(), *theirs.table(), [](const auto& a, const auto& b) {
      return a.first == b.first && same(a.second, b.second);
    });
  return ours == theirs;
}

TEST(GoldenConfig, MeansWhatTheGoAgentsDoes) {
  int patched_files = 0;
  int untouched = 0;
  int refused = 0;
  for (const auto& run : single_steps()) {
    SCOPED_TRACE(run.name);
    const auto wanted = wanted_of(run);
    if (!wanted) {
      ++refused;
      continue;
    }
    const auto theirs = toml::parse(bytes_of(run.folder / "files/etc/containerd/config.toml"));
    ASSERT_TRUE(theirs);
    std::string ours = run.config_before;
    ++(wanted->containerd ? patched_files : untouched);
    if (wanted->containerd) {
      const auto patched = patch_config(ours, *wanted->containerd, run.facts.containerd, std::nullopt, {});
      ASSERT_TRUE(patched) << patched.error().message;
      ours = patched->toml;

      // Where the Go agent was before us, all that we had to change is its floats.
      const auto taken_over = patch_config(bytes_of(run.folder / "files/etc/containerd/config.toml"),
                                           *wanted->containerd, run.facts.containerd, wanted->containerd, {});
      ASSERT_TRUE(taken_over) << taken_over.error().message;
      EXPECT_EQ(toml::parse(taken_over->toml).value(), toml::parse(ours).value());
    }
    const auto is = toml::parse(ours);
    ASSERT_TRUE(is);
    EXPECT_TRUE(same(toml::Value{*is}, toml::Value{*theirs})) << ours;
  }
  EXPECT_EQ(patched_files + untouched + refused, 78);
  EXPECT_GE(patched_files, 34);
  EXPECT_LE(refused, 4);
}

TEST(GoldenHostsToml, HasTheGoAgentsBytes) {
  int files = 0;
  for (const auto& run : single_steps()) {
    const auto certs = run.folder / "files/etc/containerd/certs.d";
    if (!run.name.starts_with("case-") || !stdfs::exists(certs)) continue;
    const auto wanted = wanted_of(run);
    ASSERT_TRUE(wanted) << run.name;
    for (const auto& upstream : stdfs::directory_iterator(certs)) {
      const std::string name = upstream.path().filename();
      SCOPED_TRACE(run.name + " " + name);
      const auto registry = wanted->registries.find(name);
      ASSERT_NE(registry, wanted->registries.end());
      const auto theirs = bytes_of(upstream.path() / "hosts.toml");
      EXPECT_EQ(render_hosts_toml(registry->second, std::nullopt), theirs);
      EXPECT_EQ(wanted_hosts_toml(registry->second, theirs, true, {}, run.facts), theirs);
      ++files;
    }
  }
  EXPECT_EQ(files, 19);
}

}  // namespace
}  // namespace gna::containerd
