#include "agent/osc/rules.h"

#include <gtest/gtest.h>

namespace gna::osc::rules {
namespace {

std::string code(const WhyNot& reason) { return reason ? reason->code : ""; }

TEST(FilePath, IsAbsoluteCleanAndAFile) {
  for (const char* good : {"/etc/x", "/a", "/etc/name with blanks", "/etc/\"quote'", "/etc/..x", "/etc/x..", "/etc/...",
                           "/etc/.hidden", "/process/x", "/var/lib/gardener-node-agent/machine-name",
                           "/var/lib/gardener-node-agent/gnat", "/etc/\xe4\xb8\x96"})
    EXPECT_EQ(code(why_not_file_path(good)), "") << good;
  EXPECT_EQ(code(why_not_file_path("")), "required");
  EXPECT_EQ(code(why_not_file_path("etc/x")), "not-absolute");
  EXPECT_EQ(code(why_not_file_path("/etc/../x")), "path-traversal");
  EXPECT_EQ(code(why_not_file_path("/..")), "path-traversal");
  EXPECT_EQ(code(why_not_file_path("/")), "not-a-file");
  EXPECT_EQ(code(why_not_file_path("/etc/")), "not-a-file");
  EXPECT_EQ(code(why_not_file_path("/etc//x")), "not-clean");
  EXPECT_EQ(code(why_not_file_path("/etc/./x")), "not-clean");
  EXPECT_EQ(code(why_not_file_path("/etc/.")), "not-clean");
  EXPECT_EQ(code(why_not_file_path(std::string_view("/a\0b", 4))), "nul");
  EXPECT_EQ(code(why_not_file_path("/a\nb")), "control-character");
  EXPECT_EQ(code(why_not_file_path("/a\xc2\x9b"
                                   "b")),
            "control-character");
}

TEST(FilePath, HasTheLengthsOfLinux) {
  const std::string name(255, 'x');
  EXPECT_EQ(code(why_not_file_path("/" + name)), "");
  EXPECT_EQ(code(why_not_file_path("/x" + name)), "too-long");
  std::string path;
  while (path.size() + 256 < 4095) path += "/" + name;
  EXPECT_EQ(code(why_not_file_path(path + "/" + std::string(4095 - path.size() - 1, 'y'))), "");
  EXPECT_EQ(code(why_not_file_path(path + "/" + std::string(4096 - path.size() - 1, 'y'))), "too-long");
}

TEST(FilePath, IsNeitherTheKernelsNorTheAgentsOwn) {
  for (const char* reserved :
       {"/proc/x", "/sys", "/dev/null", "/var/lib/gardener-node-agent/last-applied-osc.yaml",
        "/var/lib/gardener-node-agent/last-computed-osc-changes.yaml", "/var/lib/gardener-node-agent/gna/journal",
        "/var/lib/gardener-node-agent/provision-state", "/var/lib/gardener-node-agent/provision-order",
        "/var/lib/gardener-node-agent", "/var"})
    EXPECT_EQ(code(why_not_file_path(reserved)), "reserved") << reserved;
}

TEST(UnitName, IsWhatSystemdTakes) {
  for (const char* good : {"a.service", "a@.service", "a@b.service", "-.mount", "-.slice", "var-lib\\x2dx.mount",
                           "a:b_c.timer", "a.b.socket", "dev-sda.device"})
    EXPECT_EQ(code(why_not_unit_name(good)), "") << good;
  EXPECT_EQ(code(why_not_unit_name("")), "required");
  EXPECT_EQ(code(why_not_unit_name(".service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("@.service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("--now.service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("a b.service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("*.service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("\xc3\xa9.service")), "invalid");
  EXPECT_EQ(code(why_not_unit_name("../a.service")), "path-traversal");
  EXPECT_EQ(code(why_not_unit_name("a")), "unit-type");
  EXPECT_EQ(code(why_not_unit_name("a.unit")), "unit-type");
  EXPECT_EQ(code(why_not_unit_name(std::string(248, 'x') + ".service")), "too-long");
  EXPECT_EQ(code(why_not_unit_name(std::string(247, 'x') + ".service")), "");
}

TEST(UnitName, IsATemplateWithoutItsInstance) {
  EXPECT_TRUE(is_template("a@.service"));
  EXPECT_FALSE(is_template("a@b.service"));
  EXPECT_FALSE(is_template("a.service"));
}

TEST(Upstream, IsAHostWithAPort) {
  for (const char* good : {"_default", "docker.io", "localhost", "quay.io:443", "10.0.0.1:5000", "registry:65535"})
    EXPECT_EQ(code(why_not_upstream(good)), "") << good;
  EXPECT_EQ(code(why_not_upstream("")), "required");
  for (const char* bad : {"..", "a/b", "Docker.io", "https://docker.io", "a:0", "a:70000", "a:01", "a:", ":5000",
                          "a..b", "-a", "[::1]:5000", "_defaults"})
    EXPECT_EQ(code(why_not_upstream(bad)), "invalid") << bad;
}

TEST(Url, IsHttpWithAHost) {
  for (const char* good : {"https://a", "http://a:8080/v2/x", "https://10.4.0.9:5000", "https://[2001:db8::5]:5000",
                           "https://u:p@a/x?y=z"})
    EXPECT_EQ(code(why_not_url(good)), "") << good;
  for (const char* bad : {"https://", "https:///x", "https://:5000", "https://a:0", "https://a:x", "https://a b",
                          "https://a\"b", "https://[::1", "https://[]", "https://\xc3\xa9"})
    EXPECT_EQ(code(why_not_url(bad)), "invalid") << bad;
  for (const char* other : {"a", "ftp://a", "file:///x", "HTTPS://a", "//a"})
    EXPECT_EQ(code(why_not_url(other)), "unsupported") << other;
}

TEST(Url, HidesItsUserInfo) {
  EXPECT_TRUE(has_user_info("https://u:p@a"));
  EXPECT_FALSE(has_user_info("https://a/x@y"));
  EXPECT_EQ(without_user_info("https://u:p@a/x"), "https://***@a/x");
  EXPECT_EQ(without_user_info("https://a/x"), "https://a/x");
}

TEST(Image, IsAReference) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  for (const std::string& good :
       {std::string("a"), std::string("a:1"), std::string("a/b"), std::string("registry.k8s.io/pause:3.10"),
        std::string("localhost:5000/x/y__z:v1.2-3_4"), "eu.gcr.io/x/y:tag@" + digest, "x@" + digest,
        std::string("[2001:db8::1]:5000/x"), std::string("Registry.Example/x")})
    EXPECT_EQ(code(why_not_image(good)), "") << good;
  for (const std::string& bad :
       {std::string("Upper"), std::string("a//b"), std::string("a:"), std::string("a:b c"), std::string("a@sha256:12"),
        std::string("a/b/"), std::string("-a"), std::string("a___b"), std::string("a:.x"), std::string("https://a/b"),
        std::string("a\"b")})
    EXPECT_EQ(code(why_not_image(bad)), "invalid") << bad;
  EXPECT_EQ(code(why_not_image("")), "required");
}

TEST(Version, HasUpToThreeNumbers) {
  for (const char* good : {"1592", "1.34", "1.34.1", "v1.34.1", "1592.2.0-rc.1+x"})
    EXPECT_TRUE(is_version(good)) << good;
  for (const char* bad : {"", "v", "latest", "one.two", "1.2.3.4", "1..2", "1.2-", "1.2 "})
    EXPECT_FALSE(is_version(bad)) << bad;
}

TEST(Time, IsUtcWithWholeSeconds) {
  EXPECT_EQ(utc_time("2026-08-01T10:00:00Z"), "2026-08-01T10:00:00Z");
  EXPECT_EQ(utc_time("2026-08-01T12:00:00.5+02:00"), "2026-08-01T10:00:00Z");
  EXPECT_EQ(utc_time("2026-01-01T00:30:00+01:00"), "2025-12-31T23:30:00Z");
  EXPECT_EQ(utc_time("2024-02-29T23:59:59-01:30"), "2024-03-01T01:29:59Z");
  for (const char* bad :
       {"yesterday", "2026-08-01", "2026-08-01 10:00:00Z", "2026-02-29T10:00:00Z", "2026-08-01T24:00:00Z",
        "2026-08-01T10:00:00", "2026-08-01T10:00:00Zx", "2026-13-01T10:00:00Z"})
    EXPECT_EQ(utc_time(bad), std::nullopt) << bad;
}

TEST(Shown, EscapesAndShortens) {
  EXPECT_EQ(shown("a\nb\x1b[31m"), "\"a\\nb\\x1b[31m\"");
  EXPECT_EQ(shown("\xc2\x9b"), "\"\\u009b\"");
  EXPECT_EQ(shown(std::string(100, 'x')), "\"" + std::string(80, 'x') + "...\"");
  // A character is not cut in two.
  EXPECT_EQ(shown(std::string(79, 'x') + "\xc3\xa9y"), "\"" + std::string(79, 'x') + "...\"");
}

}  // namespace
}  // namespace gna::osc::rules
