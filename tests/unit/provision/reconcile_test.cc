#include "provision/reconcile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/containerd/hosts_toml.h"
#include "gna/desired/render.h"
#include "gna/osc/parse.h"
#include "gna/osc/write.h"
#include "provision/userdata.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

osc::Osc reconcile() { return osc::parse(testing::read("osc/real/reconcile-worker.yaml")).document.value().osc; }

// The take-over: what the agent makes of this OSC is what the userdata has put there.
TEST(Reconcile, WantsBelowCertsDWhatUserdataHasWritten) {
  auto configs = testing::three_mirrors();
  for (const bool closed : {false, true}) {
    if (closed) std::ranges::for_each(configs.mirrors, close_upstream);
    const auto userdata = make_userdata(testing::worker(), configs.mirrors, {}).value();
    const auto amended = with_registries(reconcile(), configs);
    ASSERT_TRUE(amended) << amended.error().message;
    const auto parsed = osc::parse(osc::write(*amended));
    ASSERT_TRUE(parsed.ok()) << parsed.findings[0].message;
    const auto state = desired::render(parsed.document->osc, {}, nullptr).value();
    std::size_t compared = 0;
    for (const auto& file : userdata.files) {
      if (!file.path.starts_with("/etc/containerd/certs.d/")) continue;
      ++compared;
      if (!file.path.ends_with("/hosts.toml")) {
        EXPECT_EQ(std::get<std::string>(state.files.at(file.path).content), file.bytes);
        EXPECT_EQ(state.files.at(file.path).mode, file.mode);
        continue;
      }
      const auto upstream = file.path.substr(24, file.path.size() - 24 - 11);
      EXPECT_EQ(containerd::wanted_hosts_toml(state.registries.at(upstream), file.bytes, true, {}, {}), file.bytes);
    }
    EXPECT_EQ(compared, 6u);
  }
}

TEST(Reconcile, ReplacesTheEntryOfTheSameUpstreamAndKeepsTheOthers) {
  auto osc = reconcile();
  osc.spec.cri_config->containerd->registries = {{.upstream = "gcr.io"},
                                                 {.upstream = "quay.io", .server = "https://old"}};
  const auto amended = with_registries(osc, testing::three_mirrors()).value();
  const auto& registries = amended.spec.cri_config->containerd->registries;
  ASSERT_EQ(registries.size(), 4u);
  EXPECT_EQ(registries[0].upstream, "gcr.io");
  EXPECT_EQ(registries[1].server, "https://quay.io");
  EXPECT_EQ(registries[2].upstream, "europe-docker.pkg.dev");
}

TEST(Reconcile, TakesNoOtherDocument) {
  EXPECT_FALSE(with_registries(testing::worker(), testing::three_mirrors()));
  auto osc = reconcile();
  osc.spec.cri_config.reset();
  EXPECT_FALSE(with_registries(osc, testing::three_mirrors()));
}

TEST(MirrorFiles, OfAProvisionOscAreInBase64) {
  const auto osc = with_mirror_files(testing::worker(), testing::three_mirrors().mirrors);
  EXPECT_EQ(osc.spec.files.size(), testing::worker().spec.files.size() + 6);
  for (std::size_t i = testing::worker().spec.files.size(); i < osc.spec.files.size(); ++i) {
    EXPECT_EQ(osc.spec.files[i].content.inline_data->encoding, "b64");
    EXPECT_EQ(osc.spec.files[i].permissions, 0644u);
  }
}

}  // namespace
}  // namespace gna::provision
