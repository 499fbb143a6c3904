#include "provision/init_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gna::provision {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const InitScript kScript = {.image = "registry.example:5000/gardener/node-agent:v1", .not_before = 1790000000};

TEST(InitScript, IsOneTextForOneInput) {
  EXPECT_EQ(init_script(kScript), init_script(kScript));
  EXPECT_THAT(init_script(kScript), StartsWith("#!/bin/sh\n"));
  EXPECT_THAT(init_script(kScript), HasSubstr("image='registry.example:5000/gardener/node-agent:v1'"));
}

TEST(InitScript, AsksForTheUpstreamsNameOnlyWhereTheUpstreamMayBeAsked) {
  auto script = kScript;
  EXPECT_THAT(init_script(script), HasSubstr("names='registry.example'"));
  script.require_mirror = true;
  EXPECT_THAT(init_script(script), HasSubstr("names=''"));
}

TEST(InitScript, FetchesTheRegistryCaOnlyOfAClusterThatHasOne) {
  auto script = kScript;
  EXPECT_THAT(init_script(script), Not(HasSubstr("bootstrap-token")));
  script.registry_ca = "https://api.example";
  EXPECT_THAT(init_script(script), HasSubstr("api='https://api.example'"));
}

// It is shipped in userdata, of which the smallest cloud takes 16 KiB for everything.
TEST(InitScript, IsSmall) {
  EXPECT_LT(init_script(kScript).size(), 4900u);
  auto with_ca = kScript;
  with_ca.registry_ca = "https://api.example";
  EXPECT_LT(init_script(with_ca).size(), 5900u);
}

TEST(InitUnit, SurvivesARestartOfContainerdAndAMissingEnvironment) {
  EXPECT_THAT(init_unit(), HasSubstr("\nWants=containerd.service"));
  EXPECT_THAT(init_unit(), Not(HasSubstr("Requires=")));
  EXPECT_THAT(init_unit(), HasSubstr("\nEnvironmentFile=-/etc/environment\n"));
}

}  // namespace
}  // namespace gna::provision
