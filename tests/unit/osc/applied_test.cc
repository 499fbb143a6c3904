// Documents that an agent wrote itself: what the Go agent took has to be read, what could do harm not.
#include <gtest/gtest.h>

#include <algorithm>

#include "gna/osc/parse.h"
#include "gna/osc/write.h"
#include "tests/unit/osc/read_file.h"

namespace gna::osc {
namespace {

namespace fs = std::filesystem;

TEST(Applied, ReadsEveryStateFileOfTheGoAgent) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(GNA_TESTDATA) / "golden")) {
    if (entry.path().filename() != "last-applied-osc.yaml") continue;
    const std::string bytes = read_file(entry.path());
    const Parsed parsed = parse_applied(bytes);
    ASSERT_TRUE(parsed.ok()) << entry.path() << ": " << parsed.findings.at(0).message;
    // Permissions beyond 0777 are dropped; all else is as the Go agent wrote it.
    const bool special =
        std::ranges::any_of(parsed.findings, [](const Finding& f) { return f.code == "special-bits"; });
    if (!special) {
      EXPECT_EQ(write(parsed.document->osc), bytes) << entry.path();
    }
    ++count;
  }
  EXPECT_GT(count, 150);
}

TEST(Applied, TakesWhatTheGoAgentTook) {
  for (const char* file :
       {"unit-command-case.yaml", "purpose-unknown.yaml", "path-duplicate.yaml", "upstream-duplicate.yaml",
        "cri-name-unknown.yaml", "hostname-invalid.yaml", "sandbox-image-empty.yaml", "inplace-version-invalid.yaml",
        "provision-with-containerd.yaml", "permissions-99999.yaml", "inline-data-null.yaml"}) {
    const Parsed parsed = parse_applied(read_file(kTestdata / "bad" / file));
    EXPECT_TRUE(parsed.ok()) << file;
    EXPECT_FALSE(parsed.findings.empty()) << file;
  }
}

TEST(Applied, RefusesWhatCouldDoHarm) {
  for (const char* file :
       {"path-traversal.yaml", "path-relative.yaml", "path-agent-state.yaml", "unit-name-traversal.yaml",
        "dropin-name-traversal.yaml", "upstream-traversal.yaml", "upstream-dotdot.yaml", "imageref-path-traversal.yaml",
        "server-injection.yaml", "inline-base64-invalid.yaml", "yaml-alias-bomb.yaml", "yaml-empty.yaml",
        "secret-no-checksum.yaml", "yaml-multi-document.yaml"})
    EXPECT_FALSE(parse_applied(read_file(kTestdata / "bad" / file)).ok()) << file;
}

TEST(Applied, LeavesOutWhatTheGoAgentSkips) {
  const Parsed parsed = parse_applied(R"(
spec:
  files:
  - {path: /none, content: {}}
  - path: /both
    content: {inline: {encoding: "", data: x}, imageRef: {image: a, filePathInImage: /b}}
  units:
  - {name: a.service, dropIns: [{name: "", content: ""}, {name: b.conf, content: x}]}
)");
  ASSERT_TRUE(parsed.ok());
  const Osc& osc = parsed.document->osc;
  ASSERT_EQ(osc.spec.files.size(), 1u);
  EXPECT_EQ(osc.spec.files[0].path, "/both");
  EXPECT_FALSE(osc.spec.files[0].content.image_ref);
  ASSERT_EQ(osc.spec.units[0].drop_ins.size(), 1u);
  EXPECT_EQ(osc.spec.units[0].drop_ins[0].name, "b.conf");
}

}  // namespace
}  // namespace gna::osc
