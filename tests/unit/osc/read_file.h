// Test data as bytes.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace gna::osc {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

inline const std::filesystem::path kTestdata = std::filesystem::path(GNA_TESTDATA) / "osc";

}  // namespace gna::osc
