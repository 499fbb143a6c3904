#include "provision/os/os.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gna/base/digest.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kSystems[] = {"gardenlinux", "ubuntu", "suse-chost", "memoryone", "flatcar", "local"};

std::string made(const std::string& os, const osc::Osc& osc) {
  const auto text = render_os(os, osc, {});
  return text ? *text : "error: " + text.error().message;
}

// Bytes that gardener's provider-local extension gives.
TEST(LocalUserdata, IsTheExtensionsByteForByte) {
  const auto worker = made("local", testing::worker());
  EXPECT_EQ(worker.size(), 9837u);
  EXPECT_EQ(sha256_hex(worker), "fd29a235b889bd535b91651eeb51ce3ee50390a2297f19537cd959a7af96ee58");

  osc::Osc small;
  auto file = testing::plain_file("/a/b", "<<MACHINE_NAME>>");
  file.permissions = 0640;
  file.content.transmit_unencoded = true;
  small.spec.files = {file};
  small.spec.units = {{.name = "u.service", .content = "[Unit]\n", .drop_ins = {{"x.conf", "[Service]\n"}}}};
  EXPECT_EQ(made("local", small).size(), 575u);
  EXPECT_EQ(sha256_hex(made("local", small)), "f361a81aae9f768da307b039017ff530df6762151c466b28c9a27b49704d4219");
}

TEST(OsUserdata, BeginsAndEndsAsTheExtensions) {
  const auto worker = testing::worker();
  const std::string guard = "#!/bin/bash\nif [ -f \"/var/lib/osc/provision-osc-applied\" ]; then\n";
  const std::string end = "\n\nmkdir -p /var/lib/osc\ntouch /var/lib/osc/provision-osc-applied\n";
  for (const char* os : {"gardenlinux", "suse-chost", "local"}) {
    EXPECT_THAT(made(os, worker), StartsWith(guard)) << os;
    EXPECT_THAT(made(os, worker), EndsWith(end)) << os;
  }
  EXPECT_THAT(made("ubuntu", worker), StartsWith("#cloud-config-archive\n- content: |\n    #!/bin/bash\n    if [ -f"));
  EXPECT_THAT(made("ubuntu", worker), EndsWith("  type: text/x-shellscript\n"));
  EXPECT_THAT(made("memoryone", worker), HasSubstr("Content-Type: text/x-vsmp; section=vsmp\n\n"));
  EXPECT_THAT(made("memoryone", worker), EndsWith("--==BOUNDARY==--\n"));
  EXPECT_THAT(
      made("flatcar", worker),
      StartsWith(
          "{\"ignition\":{\"config\":{\"replace\":{\"verification\":{}}},\"proxy\":{},\"security\":{\"tls\":{}},"
          "\"timeouts\":{},\"version\":\"3.3.0\"},\"kernelArguments\":{},\"passwd\":{},\"storage\":{\"files\":["));
}

TEST(OsUserdata, EnablesAndRestartsEveryUnitInOrder) {
  const auto text = made("gardenlinux", testing::worker());
  std::size_t at = text.find("systemctl restart containerd\n");
  for (const std::string unit :
       {"gardener-node-init.service", "gardener-user.service", "gardener-user.path", "sshd-ensurer.service"}) {
    const auto next = text.find("systemctl enable '" + unit + "' && systemctl restart --no-block '" + unit + "'\n");
    ASSERT_NE(next, std::string::npos) << unit;
    EXPECT_GT(next, at);
    at = next;
  }
}

TEST(OsUserdata, PlaceholdersAreFoundByTheMachineController) {
  for (const std::string os : kSystems) {
    const auto filled =
        testing::machine_controller(made(os, testing::worker()), "abcdef.0123456789abcdef", "machine-1");
    EXPECT_THAT(filled, Not(HasSubstr("BOOTSTRAP_TOKEN"))) << os;
    EXPECT_THAT(filled, Not(HasSubstr("MACHINE_NAME"))) << os;
    EXPECT_THAT(filled, HasSubstr("abcdef.0123456789abcdef")) << os;
  }
}

// The extensions' here-documents are not quoted: what a shell would run is refused.
TEST(OsUserdata, RefusesTextThatAShellWouldChange) {
  for (const std::string text : {"$(reboot)", "`reboot`", "a\\b", "x\nEOF\nreboot\n", "$HOME"}) {
    osc::Osc osc;
    osc.spec.files = {testing::plain_file("/etc/x", text)};
    osc.spec.files[0].content.transmit_unencoded = true;
    for (const std::string os : {"gardenlinux", "ubuntu", "suse-chost", "memoryone", "local"})
      EXPECT_EQ(render_os(os, osc, {}).error().code, Code::InvalidArgument) << os << " " << text;
    EXPECT_TRUE(render_os("flatcar", osc, {})) << text;
  }
  for (const std::string path : {"/etc/$(reboot)", "/etc/a\"b", "/etc/`x`"}) {
    osc::Osc osc;
    osc.spec.files = {testing::base64_file(path, "x")};
    EXPECT_FALSE(render_os("local", osc, {})) << path;
  }
}

// In base64, or with JSON's escapes, it would stay in the file for ever.
TEST(OsUserdata, RefusesPlaceholdersThatNobodyWouldFind) {
  std::vector<osc::Osc> hidden(3);
  hidden[0].spec.files = {testing::base64_file("/etc/x", "name: <<MACHINE_NAME>>\n")};
  hidden[1].spec.units = {{.name = "u.service", .content = "# <<MACHINE_NAME>>\n"}};
  hidden[2].spec.units = {{.name = "u.service", .drop_ins = {{"x.conf", "# <<BOOTSTRAP_TOKEN>>\n"}}}};
  for (const std::string os : kSystems)
    for (const auto& osc : hidden) EXPECT_EQ(render_os(os, osc, {}).error().code, Code::InvalidArgument) << os;
}

TEST(FlatcarUserdata, HasADropInOnce) {
  osc::Osc osc;
  osc.spec.units = {{.name = "u.service", .drop_ins = {{"x.conf", "old"}, {"y.conf", "y"}, {"x.conf", "new"}}}};
  EXPECT_THAT(made("flatcar", osc), HasSubstr("\"dropins\":[{\"contents\":\"y\",\"name\":\"y.conf\"},"
                                              "{\"contents\":\"new\",\"name\":\"x.conf\"}]"));
}

TEST(FlatcarUserdata, KeepsTheKeysAndTheirOrder) {
  osc::Osc osc;
  auto token = testing::plain_file("/t", "<<MACHINE_NAME>>");
  token.permissions = 0640;
  osc.spec.files = {token, testing::plain_file("/s", "a b+c\n"), testing::base64_file("/b", "x")};
  osc.spec.units = {
      {.name = "u.service", .enable = false, .content = "[Unit]\n# a < b\n", .drop_ins = {{"x.conf", "y"}}}};
  const auto text = made("flatcar", osc);
  EXPECT_THAT(text, HasSubstr("{\"group\":{},\"path\":\"/t\",\"user\":{},\"contents\":{\"source\":"
                              "\"data:,%3C%3CMACHINE_NAME%3E%3E\",\"verification\":{}},\"mode\":416}"));
  EXPECT_THAT(text, HasSubstr("data:,a%20b%2Bc%0A")) << "Ignition leaves a + as it is";
  EXPECT_THAT(text, HasSubstr("{\"source\":\"data:;base64,eA==\",\"verification\":{}},\"mode\":420}"));
  EXPECT_THAT(
      text,
      HasSubstr("{\"contents\":\"[Unit]\\n# a \\u003c b\\n\",\"dropins\":[{\"contents\":\"y\",\"name\":\"x.conf\"}],"
                "\"enabled\":false,\"name\":\"u.service\"}"));
  EXPECT_THAT(text, HasSubstr("{\"group\":{},\"overwrite\":true,\"path\":\"/etc/systemd/system/update-engine.service\","
                              "\"user\":{},\"target\":\"/dev/null\"}"));
  EXPECT_FALSE(text.ends_with('\n'));
  EXPECT_TRUE(nlohmann::json::accept(text));
  osc.spec.units[0].name = "containerd.service";
  EXPECT_FALSE(render_os("flatcar", osc, {})) << "Ignition takes a unit once";
}

TEST(MemoryOneUserdata, TakesItsSettingsFromTheProviderConfig) {
  auto osc = testing::worker();
  osc.spec.type = "memoryone-chost";
  EXPECT_THAT(made("memoryone", osc), HasSubstr("\n\nsystem_memory=6x\nmem_topology=2\n--==BOUNDARY==\n"));
  osc.spec.provider_config = R"({"memoryTopology":"4","systemMemory":"8x"})";
  EXPECT_THAT(made("memoryone", osc), HasSubstr("\n\nsystem_memory=8x\nmem_topology=4\n"));
  osc.spec.provider_config = R"({"memoryTopology":"4\nx=y"})";
  EXPECT_FALSE(render_os("memoryone", osc, {}));
}

TEST(UbuntuUserdata, FallsBackToAQuotedScalar) {
  osc::Osc osc;
  osc.spec.files = {testing::plain_file("/x", "ends in a blank \n")};
  osc.spec.files[0].content.transmit_unencoded = true;
  EXPECT_THAT(made("ubuntu", osc), StartsWith("#cloud-config-archive\n- content: \"#!/bin/bash\\n"));
}

// JSON would write two escapes, and YAML read two characters that are none.
TEST(UbuntuUserdata, QuotesCharactersBeyond16BitsAsYamlDoes) {
  osc::Osc osc;
  osc.spec.files = {testing::plain_file("/x", "\U0001F600 \u00e9\n")};
  osc.spec.files[0].content.transmit_unencoded = true;
  EXPECT_THAT(made("ubuntu", osc), HasSubstr("\\U0001f600 \\u00e9\\n"));
  osc.spec.files = {testing::base64_file("/x", "\xff\n")};
  osc.spec.files[0].content.transmit_unencoded = true;
  EXPECT_FALSE(render_os("ubuntu", osc, {})) << "no text";
  EXPECT_TRUE(render_os("gardenlinux", osc, {}));
}

}  // namespace
}  // namespace gna::provision
