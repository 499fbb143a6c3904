// One path, one owner: files where a unit, a mirror or containerd's settings belong.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gna/osc/parse.h"

namespace gna::osc {
namespace {

struct Case {
  const char* name;
  const char* path;
  const char* answer;
  friend void PrintTo(const Case& it, std::ostream* out) { *out << it.name; }
};

class Owners : public ::testing::TestWithParam<Case> {};

std::string document(const std::string& path) {
  return fmt::format(R"(apiVersion: extensions.gardener.cloud/v1alpha1
kind: OperatingSystemConfig
spec:
  files:
  - path: {}
    content: {{inline: {{encoding: "", data: x}}}}
  units:
  - name: a.service
    content: "[Service]"
    dropIns: [{{name: x.conf, content: z}}]
  - name: b.service
    dropIns: [{{name: x.conf, content: z}}]
  criConfig:
    name: containerd
    containerd:
      sandboxImage: pause
      registries: [{{upstream: docker.io}}]
)",
                     path);
}

TEST_P(Owners, AreFoundByPath) {
  const Parsed parsed = parse(document(GetParam().path));
  std::string answer;
  for (const Finding& finding : parsed.findings)
    answer += fmt::format("{} {}:{} {} {}", finding.severity == Severity::error ? "error" : "warning", finding.line,
                          finding.column, finding.field, finding.code);
  EXPECT_EQ(answer, GetParam().answer);
  // What an agent applied may have been so.
  EXPECT_TRUE(parse_applied(document(GetParam().path)).ok());
}

constexpr const char* kWarned = "warning 5:11 spec.files[0].path conflict";

INSTANTIATE_TEST_SUITE_P(
    Osc, Owners,
    ::testing::Values(
        Case{"unit", "/etc/systemd/system/a.service", kWarned},
        Case{"drop_in", "/etc/systemd/system/b.service.d/x.conf", kWarned},
        Case{"mirror", "/etc/containerd/certs.d/docker.io/hosts.toml", kWarned},
        Case{"containerd", "/etc/containerd/config.toml", "error 5:11 spec.files[0].path conflict"},
        Case{"folder_of_drop_ins", "/etc/systemd/system/a.service.d", "error 5:11 spec.files[0].path parent-is-file"},
        Case{"folder_of_a_mirror", "/etc/containerd/certs.d/docker.io", "error 5:11 spec.files[0].path parent-is-file"},
        Case{"below_a_unit", "/etc/systemd/system/a.service/x", "error 5:11 spec.files[0].path parent-is-file"},
        Case{"unit_of_others", "/etc/systemd/system/b.service", ""},
        Case{"other_drop_in", "/etc/systemd/system/a.service.d/y.conf", ""},
        Case{"other_mirror", "/etc/containerd/certs.d/quay.io/hosts.toml", ""},
        Case{"ca_of_a_mirror", "/etc/containerd/certs.d/docker.io/ca.pem", ""}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace gna::osc
