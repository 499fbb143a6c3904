// Random files, random settings: what is not ours stays, and what was ours goes without a trace.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/toml.h"

namespace gna::containerd {
namespace {

using toml::Array;
using toml::Table;
using toml::Value;

// Few names, so that patches meet each other and the file.
class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}

  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(engine_); }
  bool one_in(int n) { return below(n) == 0; }
  template <typename T>
  const T& of(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
  }

  std::string name() { return of<std::string>({"a", "b", "c", "d.e", "f \"g\"", "$table", "", "\u00e9\x01"}); }

  Value value(int levels) {
    switch (below(levels > 0 ? 9 : 6)) {
      case 0: return Value{below(2) == 0};
      case 1: return Value{std::int64_t{below(100)} - 50};
      case 2: return Value{below(100) / 4.0};
      case 3: return Value{name()};
      case 4: return Value{toml::Datetime{"1979-05-27T07:32:00Z"}};
      case 5: return Value{of<double>({0.0, HUGE_VAL, -HUGE_VAL, std::nan("")})};
      case 6: {
        Array array;
        for (int n = below(3); n > 0; --n) array.push_back(value(levels - 1));
        return Value{array};
      }
      default: return Value{table(levels - 1)};
    }
  }
  Table table(int levels) {
    Table out;
    for (int n = below(4); n > 0; --n) out[name()] = value(levels);
    return out;
  }

  std::string json(int levels) {
    switch (below(levels > 0 ? 7 : 5)) {
      case 0: return "true";
      case 1: return std::to_string(below(100));
      case 2: return std::to_string(below(100) / 4.0);
      case 3: return "\"text\"";
      case 4: return "null";
      default: return object(levels - 1);
    }
  }
  std::string object(int levels) {
    static const std::vector<std::string> kNames = {"a", "b", "c", "d.e", "$table"};
    std::string out = "{";
    for (const auto& key : kNames)
      if (one_in(3)) out += (out.size() > 1 ? ",\"" : "\"") + key + "\":" + json(levels);
    return out + "}";
  }

  desired::Containerd settings() {
    desired::Containerd out = {.sandbox_image = name()};
    if (one_in(2)) out.systemd_cgroup = one_in(2);
    for (int n = below(5); n > 0; --n) {
      desired::PluginPatch plugin = {.remove = one_in(3)};
      for (int m = 1 + below(3); m > 0; --m) plugin.path.push_back(of<std::string>({"a", "b", "c", "d.e"}));
      if (one_in(4)) plugin.path.insert(plugin.path.begin(), "io.containerd.grpc.v1.cri");
      if (!plugin.remove && !one_in(4)) plugin.values = one_in(10) ? "null" : object(2);
      out.plugins.push_back(plugin);
    }
    return out;
  }

  std::string file(int version) {
    auto out = table(3);
    out["version"] = Value{std::int64_t{version}};
    if (!one_in(4)) out["plugins"] = Value{table(3)};
    out.erase("imports");
    if (auto* plugins = out["plugins"].table(); plugins != nullptr && one_in(2)) {
      const char* name = version < 3 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime";
      Table cni;
      if (one_in(2)) cni["bin_dir"] = Value{std::string(one_in(2) ? "" : "/opt/cni/bin")};
      if (one_in(2)) cni["bin_dirs"] = Value{Array{Value{std::string("/opt/cni/bin")}}};
      (*plugins)[name] = Value{Table{{"cni", Value{cni}}, {"containerd", Value{table(2)}}}};
    }
    return toml::write(out);
  }

 private:
  std::mt19937 engine_;
};

Table tree(const std::string& text) {
  const auto parsed = toml::parse(text);
  EXPECT_TRUE(parsed) << parsed.error().message << "\n" << text;
  return parsed.value_or(Table{});
}

void edit(Originals& originals, const OriginalsEdit& edits) {
  for (const auto& [key, value] : edits) {
    if (value)
      originals[key] = *value;
    else
      originals.erase(key);
  }
}

void keep(Originals& originals, const Patched& patched) {
  edit(originals, patched.originals);
  edit(originals, patched.originals_after);
}

// Settings that this file refuses (something is in the way) are none of this test's business.
std::optional<Patched> apply(const std::string& file, const desired::Containerd& wanted,
                             const std::optional<desired::Version>& containerd,
                             const std::optional<desired::Containerd>& before, const Originals& originals) {
  auto patched = patch_config(file, wanted, containerd, before, originals);
  if (patched) return *patched;
  EXPECT_EQ(patched.error().code, Code::InvalidArgument) << patched.error().message;
  return std::nullopt;
}

constexpr int kRounds = 25;  // held for 1500 as well

class ConfigProperty : public ::testing::TestWithParam<int> {};

TEST_P(ConfigProperty, ManySettingsThenRestoreGiveTheFileBack) {
  const int version = GetParam();
  int chains = 0;
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const auto original = dice.file(version);
    std::string file = original;
    Originals originals;
    std::optional<desired::Containerd> before;
    for (int n = 0; n < 4; ++n) {
      const auto wanted = dice.settings();
      const std::optional<desired::Version> containerd = desired::Version{{2, dice.below(4)}};
      const auto patched = apply(file, wanted, containerd, before, originals);
      if (!patched) continue;
      // The result does not depend on the way: it is what these settings make of the original file.
      const auto direct = apply(original, wanted, containerd, std::nullopt, {});
      ASSERT_TRUE(direct);
      ASSERT_EQ(tree(patched->toml), tree(direct->toml)) << original << "\n---\n" << file;
      ASSERT_EQ(patched->changed, tree(file) != tree(patched->toml));

      // A run cut short before its write has its records all the same.
      if (dice.one_in(3)) {
        edit(originals, patched->originals);
        if (dice.one_in(2)) before = wanted;  // ... or just before its end
        continue;
      }
      file = patched->toml;
      keep(originals, *patched);
      before = wanted;

      const auto again = apply(file, wanted, containerd, before, originals);
      ASSERT_TRUE(again);
      ASSERT_FALSE(again->changed);
      ASSERT_TRUE(again->originals.empty() && again->originals_after.empty());
      ++chains;
    }
    if (!before && originals.empty()) continue;  // all were refused: nothing of ours is in there
    const auto restored = restore_config(file, before.value_or(desired::Containerd{}), originals);
    ASSERT_TRUE(restored) << restored.error().message;
    ASSERT_EQ(tree(restored->toml), tree(original)) << original << "\n---\n" << file;
  }
  EXPECT_GT(chains, kRounds / 2);  // most of them must not have been refused
}

// Somebody writes beside our keys while ours come and go.
TEST_P(ConfigProperty, WhatOthersWriteMeanwhileStays) {
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const std::optional<desired::Version> containerd = desired::Version{{2, 1}};
    std::string file = dice.file(GetParam());
    auto expected = tree(file);
    Originals originals;
    std::optional<desired::Containerd> before;
    for (int n = 0; n < 3; ++n) {
      const auto wanted = dice.settings();
      if (const auto patched = apply(file, wanted, containerd, before, originals)) {
        file = patched->toml;
        keep(originals, *patched);
        before = wanted;
      }
      const auto theirs = "theirs" + std::to_string(n);
      auto now = tree(file);
      now[theirs] = expected[theirs] = dice.value(2);
      auto& plugins = now["plugins"];
      if (plugins.table() == nullptr) continue;  // a file with a scalar there
      if (expected["plugins"].table() == nullptr) expected["plugins"] = Value{};
      (*plugins.table())[theirs] = (*expected["plugins"].table())[theirs] = dice.value(2);
      file = toml::write(now);
    }
    if (!before) continue;
    const auto restored = restore_config(file, *before, originals);
    ASSERT_TRUE(restored) << restored.error().message;
    ASSERT_EQ(tree(restored->toml), expected) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, ConfigProperty, ::testing::Values(1, 2, 3, 4),
                         [](const auto& param) { return "V" + std::to_string(param.param); });

}  // namespace
}  // namespace gna::containerd
