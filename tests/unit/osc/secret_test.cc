#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gna/base/digest.h"
#include "gna/osc/parse.h"
#include "gna/osc/secrets.h"
#include "tests/unit/osc/read_file.h"

namespace gna::osc {
namespace {

constexpr std::string_view kOsc = "spec:\n  files:\n  - path: /etc/x\n    content: {inline: {data: x}}\n";

std::string secret(std::string_view osc, std::string_view annotations) {
  return fmt::format(
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: pool\n  annotations: {{{}}}\ndata:\n  osc.yaml: {}\n",
      annotations, base64_encode(osc));
}

bool has_code(const Parsed& parsed, std::string_view code) {
  return std::ranges::any_of(parsed.findings, [code](const Finding& finding) { return finding.code == code; });
}

TEST(Secret, GivesTheInnerDocumentAndItsOrigin) {
  const std::string sum = sha256_hex(kOsc);
  const Parsed parsed = parse(secret(kOsc, "checksum/data-script: " + sum));
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed.from_secret);
  EXPECT_TRUE(parsed.findings.empty());
  EXPECT_EQ(parsed.document->checksum, sum);
  EXPECT_EQ(parsed.document->origin, (Origin{.secret = true, .secret_name = "pool", .serial = false}));
  EXPECT_EQ(parsed.document->osc.spec.files.at(0).path, "/etc/x");
}

TEST(Secret, TrustsTheAnnotation) {
  const Parsed wrong = parse(secret(kOsc, "checksum/data-script: abc"));
  ASSERT_TRUE(wrong.ok());
  EXPECT_EQ(wrong.document->checksum, "abc");
  EXPECT_TRUE(has_code(wrong, "checksum-mismatch"));
  // Digits alone are a number for YAML.
  EXPECT_EQ(parse(secret(kOsc, "checksum/data-script: 0012")).document->checksum, "0012");
  const Parsed none = parse(secret(kOsc, ""));
  EXPECT_EQ(none.document->checksum, sha256_hex(kOsc));
  EXPECT_TRUE(has_code(none, "no-checksum"));
}

TEST(Secret, KnowsSerialMode) {
  constexpr std::string_view kSerial = "reconciliation.osc.node-agent.gardener.cloud/serial: ";
  EXPECT_TRUE(parse(secret(kOsc, fmt::format("{}\"true\"", kSerial))).document->origin.serial);
  EXPECT_FALSE(parse(secret(kOsc, fmt::format("{}\"false\"", kSerial))).document->origin.serial);
  EXPECT_FALSE(parse(read_file(kTestdata / "cases/secret-stringdata.yaml")).document->origin.serial);
  EXPECT_TRUE(parse(read_file(kTestdata / "cases/secret-serial.yaml")).document->origin.serial);
}

TEST(Secret, FindingsAreAboutTheInnerDocument) {
  const Parsed parsed = parse(secret("spec:\n  files:\n  - path: etc\n", "checksum/data-script: x"));
  EXPECT_TRUE(parsed.from_secret);
  const auto finding = std::ranges::find(parsed.findings, "not-absolute", &Finding::code);
  ASSERT_NE(finding, parsed.findings.end());
  EXPECT_EQ(finding->line, 3);
  EXPECT_EQ(finding->column, 11);
  EXPECT_EQ(finding->field, "spec.files[0].path");
}

TEST(Secret, HoldsNoSecret) { EXPECT_TRUE(has_code(parse(secret(secret(kOsc, ""), "")), "wrong-kind")); }

TEST(Document, HasTheChecksumOfItsBytes) {
  const std::string bytes = read_file(kTestdata / "cases/empty-spec.yaml");
  const Parsed parsed = parse(bytes);
  EXPECT_EQ(parsed.document->checksum, sha256_hex(bytes));
  EXPECT_EQ(parsed.document->origin, Origin{});
  EXPECT_FALSE(parsed.from_secret);
}

TEST(Findings, NeverShowTheValueOfASecret) {
  constexpr std::string_view kMarker = "MARKER-4711";
  const std::string text = fmt::format(R"(
{0}: 1
metadata: {{annotations: {{x: [{0}]}}}}
spec:
  files:
  - path: /a
    content: {{inline: {{encoding: b64, data: "{0}"}}}}
  - path: /b
    content: {{inline: {{encoding: "", data: [{0}]}}}}
  - path: /c
    content: {{inline: {{encoding: {0}, data: "{0}"}}}}
  - path: /d
    permissions: {0}
    content: {{inline: {{data: x}}}}
  units:
  - name: a.service
    content: [{0}]
    command: {0}
  criConfig:
    name: containerd
    containerd:
      sandboxImage: "{0} {0}"
      registries:
      - upstream: a
        server: https://user:{0}@[
        hosts: [{{url: "https://user:{0}@x"}}, {{url: "https://user:{0}@x"}}]
      plugins: [{{path: [a], values: {0}}}]
)",
                                       kMarker);
  const Parsed parsed = parse(text);
  EXPECT_GT(parsed.findings.size(), 9u);
  for (const Finding& finding : parsed.findings) EXPECT_FALSE(finding.message.contains(kMarker)) << finding.message;
  // The text may break off anywhere.
  for (std::size_t end = 0; end < text.size(); ++end)
    for (const Finding& finding : parse(text.substr(0, end)).findings)
      EXPECT_FALSE(finding.message.contains(kMarker)) << finding.message;
}

TEST(ParseSecrets, ReadsDataAndStringData) {
  const auto secrets = parse_secrets(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
      "data: {k: aGk=, both: eA==}\nstringData: {s: plain, both: z}\n"
      "---\n---\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"b\"}}\n");
  ASSERT_TRUE(secrets) << secrets.error().message;
  EXPECT_EQ(*secrets, (Secrets{{"a", {{"k", "hi"}, {"both", "z"}, {"s", "plain"}}}, {"b", {}}}));
  EXPECT_TRUE(parse_secrets("")->empty());
}

TEST(ParseSecrets, RefusesWithoutShowingAValue) {
  constexpr std::string_view kHead = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
  for (const std::string& text :
       {fmt::format("{}data: {{k: MARKER%}}", kHead), fmt::format("{}data: {{k: [MARKER]}}", kHead),
        fmt::format("{}data: MARKER", kHead), fmt::format("{}data: {{../k: eA==}}", kHead),
        fmt::format("{0}---\n{0}", kHead), std::string("kind: ConfigMap"), std::string("- MARKER"),
        std::string("apiVersion: v1\nkind: Secret\nmetadata: {name: ../a}\n"),
        fmt::format("{}data: {{k: 'MARKER", kHead)}) {
    const auto secrets = parse_secrets(text);
    ASSERT_FALSE(secrets) << text;
    EXPECT_EQ(secrets.error().code, Code::InvalidArgument);
    EXPECT_FALSE(secrets.error().message.contains("MARKER")) << secrets.error().message;
    EXPECT_TRUE(secrets.error().message.contains("line ")) << secrets.error().message;
  }
}

}  // namespace
}  // namespace gna::osc
