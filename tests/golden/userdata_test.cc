// The userdata of a real pool with three mirrors, in every form. What is compressed is shown unpacked, since
// other versions of zlib give other bytes for it.
//
// GNA_ACCEPT=1 rewrites the files, and then the test has shown nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/init_script.h"
#include "provision/render.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

using Json = nlohmann::ordered_json;

struct Case {
  std::string name = {};
  RenderOptions options = {};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const char* form : {"script", "cloud-config", "mime", "ignition"}) out.push_back({form, {.form = form}});
  for (const char* os : {"gardenlinux", "ubuntu", "suse-chost", "memoryone", "flatcar", "local"})
    out.push_back({"os-" + std::string(os), {.os = os}});
  for (auto& one : out) one.options.userdata.generation = 1790000000;
  return out;
}

// The archive's line in place, between marks.
std::string unpacked_script(std::string text) {
  const auto begin = text.find("H4sI");
  if (begin == std::string::npos) return text;
  const auto end = text.find('\n', begin);
  const auto packed = base64_decode(text.substr(begin, end - begin)).value();
  return text.replace(begin, end - begin, "=== unpacked ===\n" + testing::gunzip(packed) + "=== end ===");
}

std::string unpacked_ignition(const std::string& text) {
  auto config = Json::parse(text);
  auto& merge = config["ignition"]["config"]["merge"][0];
  const std::string source = merge["source"];
  merge["source"] = "=== below ===";
  return config.dump(2) + "\n=== below ===\n" +
         Json::parse(testing::gunzip(base64_decode(source.substr(source.find(',') + 1)).value())).dump(2) + "\n";
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), by);
}

// init.sh has tests of its own; here its text, and the stamp that changes with it, would only be in the way.
std::string without_init(std::string text, const RenderOptions& options) {
  const auto userdata = make_userdata(testing::worker(), testing::three_mirrors().mirrors, options.userdata).value();
  const auto init = std::ranges::find(userdata.files, kInitScriptPath, &UserdataFile::path)->bytes;
  replace(text, init, "=== init.sh ===\n");
  replace(text, percent_encode(init), "=== init.sh ===");
  for (const auto* before : {"sha256=", "sha256 ", "sha256%20"})
    replace(text, before + userdata.sha256, "=== SHA-256 ===");
  return text;
}

class UserdataGolden : public ::testing::TestWithParam<Case> {};

TEST_P(UserdataGolden, IsAsItWas) {
  const auto rendered = render(testing::worker(), testing::three_mirrors().mirrors, GetParam().options);
  ASSERT_TRUE(rendered) << rendered.error().message;
  const auto text = without_init(
      GetParam().name == "ignition" ? unpacked_ignition(rendered->bytes) : unpacked_script(rendered->bytes),
      GetParam().options);
  const auto path = std::string(GNA_SOURCE_DIR) + "/tests/golden/userdata/" + GetParam().name;
  if (std::getenv("GNA_ACCEPT") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    GTEST_SKIP() << "rewritten";
  }
  std::ifstream in(path, std::ios::binary);
  const std::string wanted{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(wanted, text) << "GNA_ACCEPT=1 rewrites " << path;
}

INSTANTIATE_TEST_SUITE_P(All, UserdataGolden, ::testing::ValuesIn(cases()), [](const auto& one) {
  auto name = one.param.name;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace gna::provision
