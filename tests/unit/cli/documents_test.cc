#include "agent/cli/documents.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gna::cli {
namespace {

const Masker kMasker("key");

TEST(Documents, CarryVersionAndKind) {
  const auto parsed = nlohmann::json::parse(findings_document({}, kMasker));
  EXPECT_EQ(parsed["apiVersion"], "cli.gna.dev/v1");
  EXPECT_EQ(parsed["kind"], "Findings");
}

TEST(Documents, AreMaskedInEveryString) {
  const std::string secret = "https://u:MARKER@host and abcdef.0123456789abcdef";
  const plan::Step step{.id = secret, .target = secret, .reason = secret};
  const plan::Plan plan{.stages = {{.steps = {step}}}, .refused = {{secret, secret, secret}}};
  const Error error{.message = secret, .hint = secret};
  apply::Summary summary{.failures = {{step, error}}};
  const apply::StepReport report{.step = &step, .outcome = {.error = error}};
  const Status status{.applied = true,
                      .last_run = store::LastRun{.steps = {{secret, "failed", secret}}},
                      .pending = {{secret, secret}},
                      .drift = {{secret, secret, secret, secret}},
                      .units = {{secret, secret, secret, secret, secret}},
                      .mirrors = {{secret, secret, true, 1, secret}}};
  const Rendered rendered{.files = {{.path = secret, .image = desired::ImageSource{secret, secret}, .from = secret}},
                          .registries = {{.upstream = secret, .server = secret, .hosts = {{.url = secret}}}}};
  for (const auto& document :
       {findings_document({{secret, false, {{.field = secret, .code = "c", .message = secret}}}}, kMasker),
        error_document(error, 1, kMasker), diff_document("systemd", plan, kMasker),
        apply_step_document(report, kMasker), apply_summary_document(summary, &plan, kMasker),
        reset_summary_document(summary, {secret}, kMasker), status_document(status, kMasker),
        rendered_document(rendered, kMasker)}) {
    EXPECT_EQ(document.find("MARKER"), std::string::npos) << document;
    EXPECT_EQ(document.find("abcdef.0123"), std::string::npos) << document;
    EXPECT_EQ(document.find('\n'), document.size() - 1) << "one line";
  }
}

TEST(Documents, BearBytesThatAreNoText) {
  const auto document = findings_document({{"\xff\x1b", false, {}}}, kMasker);
  EXPECT_EQ(document.find('\x1b'), std::string::npos);
  EXPECT_TRUE(nlohmann::json::accept(document));
}

TEST(Documents, CountWhatAPlanDoes) {
  plan::Plan plan;
  for (const auto verb : {plan::Verb::create, plan::Verb::update, plan::Verb::patch, plan::Verb::remove,
                          plan::Verb::restart, plan::Verb::stop, plan::Verb::reload})
    plan.stages.push_back({.steps = {{.verb = verb}}});
  const auto counts = count(plan);
  EXPECT_EQ(counts.create, 1u);
  EXPECT_EQ(counts.update, 2u);
  EXPECT_EQ(counts.remove, 1u);
  EXPECT_EQ(counts.restart, 2u);
}

TEST(Status, IsAsWantedWithoutDriftAndFailures) {
  EXPECT_TRUE(Status{.applied = true}.as_wanted());
  EXPECT_TRUE((Status{.pending = {{"registry:a", "", true}}}).as_wanted());
  EXPECT_FALSE((Status{.pending = {{"file:/x", "", false}}}).as_wanted());
  EXPECT_FALSE((Status{.drift = {{}}}).as_wanted());
  EXPECT_FALSE((Status{.interrupted = true}).as_wanted());
  EXPECT_FALSE((Status{.units = {{.problem = "failed"}}}).as_wanted());
}

}  // namespace
}  // namespace gna::cli
