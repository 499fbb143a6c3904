#include "tests/unit/talos/stored.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gna/desired/render.h"
#include "gna/osc/parse.h"

namespace gna::talos {

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

std::string name_of(const std::string& osc) {
  const auto slash = osc.rfind('/') + 1;
  return osc.substr(slash, osc.rfind('.') - slash);
}

desired::State stored(const std::string& name) {
  const auto parsed = osc::parse(bytes_of(GNA_TESTDATA "/osc/" + name));
  EXPECT_TRUE(parsed.ok()) << name;
  if (!parsed.ok()) return {};
  const auto secret = [](const std::string& secret_name, const std::string& key) -> Result<std::string> {
    return secret_name + "/" + key + "\n";
  };
  auto state = desired::render(parsed.document->osc, {.host_name = "node-a"}, secret);
  EXPECT_TRUE(state) << name;
  return state ? std::move(*state) : desired::State{};
}

bool agrees(const std::string& golden, const std::string& text) {
  const std::string path = GNA_SOURCE_DIR "/tests/unit/talos/golden/" + golden;
  if (const char* accept = std::getenv("GNA_ACCEPT"); accept != nullptr && std::string(accept) == "1") {
    std::ofstream(path, std::ios::binary) << text;
    return false;
  }
  EXPECT_EQ(bytes_of(path), text) << golden;
  return true;
}

}  // namespace gna::talos
