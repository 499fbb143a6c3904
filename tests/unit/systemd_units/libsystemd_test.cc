#include "backends/systemd/libsystemd.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

namespace gna::systemd {
namespace {

// Name → N of LIBSYSTEMD_N, as this machine's library tells.
std::map<std::string, int> symbol_versions() {
  std::map<std::string, int> out;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      ::popen("readelf --dyn-syms --wide \"$(ldconfig -p | awk '/libsystemd.so.0/ {print $NF; exit}')\"", "r"),
      ::pclose);
  std::array<char, 1024> line = {};
  while (std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    const std::string text = line.data();
    const auto at = text.find("@@LIBSYSTEMD_");
    if (at == std::string::npos) continue;
    const auto begin = text.rfind(' ', at) + 1;
    out[text.substr(begin, at - begin)] = std::stoi(text.substr(at + 13));
  }
  return out;
}

TEST(Libsystemd, LoadsOnRequest) {
  const auto table = libsystemd();
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_NE((*table)->sd_bus_new, nullptr);
}

TEST(Libsystemd, NeedsNothingNewerThanUbuntu2204Has) {
  const auto versions = symbol_versions();
  ASSERT_FALSE(versions.empty());
  for (const auto name : libsystemd_symbols()) {
    const auto found = versions.find(std::string(name));
    ASSERT_NE(found, versions.end()) << name;
    EXPECT_LE(found->second, 249) << name;
  }
}

}  // namespace
}  // namespace gna::systemd
