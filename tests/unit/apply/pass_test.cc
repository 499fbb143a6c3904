#include "gna/apply/pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/fs/root_fs.h"
#include "backends/systemd/lower.h"
#include "gna/base/digest.h"
#include "tests/support/temp_root.h"

namespace gna::apply {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A node that is told how it is, and notes what it is asked to do.
class FakeBackend : public backend::OsBackend {
 public:
  observed::State now = {};
  bool live = true;
  backend::Scope asked = {};
  std::set<std::string> failing = {};
  std::vector<std::string> applied = {};

  backend::Capabilities capabilities() const override {
    return {.name = "fake", .units = true, .files_anywhere = true};
  }
  Result<desired::Facts> facts(Deadline) override {
    return desired::Facts{.host_name = "node-1", .containerd = desired::Version{{1, 6, 20}}, .live = live};
  }
  Result<observed::State> observe(const backend::Scope& scope, Deadline) override {
    asked = scope;
    return now;
  }
  plan::Plan lower(const plan::Changes& work, const desired::State& wanted, const observed::State& seen,
                   const desired::Facts& known) const override {
    return systemd::lower(work, wanted, seen, known);
  }
  void apply(std::span<const plan::Step> stage, backend::ContentSource&, backend::StepSink& done, Deadline) override {
    for (const auto& step : stage) {
      done.sending(step, {});
      applied.push_back(step.id);
      if (failing.contains(step.id))
        done.ended(step, {.result = backend::Outcome::Result::failed, .error = Error{Code::Internal, "broken"}});
      else
        done.ended(step, {});
    }
  }
};

// Answers for no image.
class NoImages : public backend::ContentSource {
 public:
  Error error = {};
  Result<void> available(const std::vector<desired::ImageSource>&, Deadline) override { return std::unexpected(error); }
  Result<Fd> open(const desired::ImageSource&, Deadline) override { return std::unexpected(error); }
};

class PassTest : public ::testing::Test {
 protected:
  PassTest() : root_(fs::RootFs::open(temp_.path().string()).value()), store_(root_) {}

  Result<Prepared> prepare(const std::string& spec) { return prepare(spec, content_); }
  Result<Prepared> prepare(const std::string& spec, backend::ContentSource& content) {
    const std::string text =
        "apiVersion: extensions.gardener.cloud/v1alpha1\nkind: OperatingSystemConfig\nspec:\n"
        "  type: t\n  purpose: reconcile\n" +
        spec;
    auto parsed = osc::parse(text);
    EXPECT_TRUE(parsed.ok()) << (parsed.findings.empty() ? "" : parsed.findings.front().message);
    Pass pass(os_, content, store_, {});
    return pass.prepare(*parsed.document, sha256_hex(text), {}, Deadline::max());
  }

  support::TempRoot temp_;
  fs::RootFs root_;
  store::Store store_;
  FakeBackend os_;
  backend::NoContent content_;
  NoImages images_;
  Pass pass_{os_, content_, store_, {}};
};

constexpr const char* kFile = "  files:\n  - {path: /etc/a, content: {inline: {data: a}}}\n";
constexpr const char* kImageAndContainerd =
    "  files:\n  - {path: /opt/bin/tool, permissions: 493, content: {imageRef: {image: \"r.example/a:1\", "
    "filePathInImage: /tool}}}\n"
    "  units:\n  - {name: containerd.service, enable: true, command: start, dropIns: [{name: a.conf, content: "
    "\"[Service]\\n\"}]}\n";

TEST_F(PassTest, PreparingTouchesNothing) {
  ASSERT_TRUE(prepare(kFile));
  EXPECT_THAT(os_.applied, IsEmpty());
  EXPECT_FALSE(temp_.exists("/var"));
}

TEST_F(PassTest, WhatDependsOnAFailureIsSkippedAndTheRunIsNotOnRecordAsComplete) {
  const auto prepared = prepare(std::string(kFile) +
                                "  units:\n  - {name: a.service, enable: true, command: start, filePaths: [/etc/a], "
                                "content: \"[Service]\\n\"}\n");
  ASSERT_TRUE(prepared);
  os_.failing = {"file:/etc/a"};
  const auto summary = pass_.execute(*prepared, {}, {}, Deadline::max());
  ASSERT_TRUE(summary);
  EXPECT_FALSE(summary->complete());
  EXPECT_THAT(os_.applied, ::testing::Not(::testing::Contains("restart:a.service")));
  EXPECT_FALSE(temp_.exists("/var/lib/gardener-node-agent/last-applied-osc.yaml"));
  EXPECT_TRUE(store_.load()->changes);
}

constexpr const char* kAgent =
    "  units:\n  - {name: gardener-node-agent.service, enable: true, content: \"[Service]\\n\"}\n";

// Recorded as done before it happens: what ends in between must not lose it.
TEST_F(PassTest, TheAgentsRestartIsOwedUntilItsInvocationChanges) {
  auto& agent = os_.now.units["gardener-node-agent.service"];
  agent = {.enablement = "enabled", .load = "loaded", .active = "active", .sub = "running", .invocation = "1"};
  const auto first = prepare(kAgent);
  ASSERT_TRUE(first);
  const auto summary = pass_.execute(*first, {.restart_agent = false}, {}, Deadline::max());
  ASSERT_TRUE(summary);
  EXPECT_TRUE(summary->agent_restart_due);
  EXPECT_THAT(os_.applied, ::testing::Not(::testing::Contains("restart:gardener-node-agent.service")));
  agent.unit_file = {.kind = observed::FileKind::regular, .mode = 0600, .sha256 = sha256_hex("[Service]\n")};
  EXPECT_TRUE(prepare(kAgent)->changes.restart_agent);
  EXPECT_FALSE(*pass_.up_to_date(first->input_sha256, {}, Deadline::max()));
  agent.invocation = "2";
  EXPECT_TRUE(prepare(kAgent)->plan.empty());
  EXPECT_TRUE(*pass_.up_to_date(first->input_sha256, {}, Deadline::max()));
}

TEST_F(PassTest, AnOscThatWouldRemoveEverythingIsRefused) {
  const auto first = prepare(kFile);
  ASSERT_TRUE(first);
  ASSERT_TRUE(pass_.execute(*first, {}, {}, Deadline::max()));
  const auto empty = prepare("  files: []\n");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Code::InvalidArgument);
  EXPECT_THAT(empty.error().hint, HasSubstr("--allow-empty"));
}

// Else nobody could reset a node whose containerd was removed, file and program.
TEST_F(PassTest, OnlyWhatPatchesAskContainerdForItsDefaults) {
  constexpr const char* kContainerd =
      "  criConfig: {name: containerd, containerd: {sandboxImage: \"pause:1\"}}\n"
      "  files:\n  - {path: /etc/a, content: {inline: {data: a}}}\n";
  const auto first = prepare(kContainerd);
  ASSERT_TRUE(first);
  EXPECT_TRUE(os_.asked.containerd_config && os_.asked.containerd_default);
  ASSERT_TRUE(pass_.execute(*first, {}, {}, Deadline::max()));
  ASSERT_TRUE(pass_.prepare_reset(Deadline::max()));
  EXPECT_TRUE(os_.asked.containerd_config);
  EXPECT_FALSE(os_.asked.containerd_default);
}

TEST_F(PassTest, ImagesThatNobodyHasAreRefusedBeforeTheFirstChange) {
  os_.now.units["containerd.service"] = {.load = "loaded", .active = "active", .sub = "running"};
  const auto prepared = prepare(kImageAndContainerd);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::InvalidArgument);
}

// The run may mend it: by its unit, its drop-ins, its configuration, or a file that it reads.
TEST_F(PassTest, ButALiveContainerdThatIsDownFailsItsStepsAlone) {
  for (const auto code : {Code::Unavailable, Code::DeadlineExceeded}) {
    images_.error = {code, "no answer"};
    os_.live = true;
    for (const auto* active : {"active", "activating", "failed"}) {
      os_.now.units["containerd.service"] = {.load = "loaded", .active = active};
      EXPECT_TRUE(prepare(kImageAndContainerd, images_)) << active;
    }
    os_.live = false;
    EXPECT_FALSE(prepare(kImageAndContainerd, images_)) << "offline nothing starts";
  }
}

}  // namespace
}  // namespace gna::apply
