#include "provision/userdata.h"

#include <fmt/core.h>

#include "gna/base/digest.h"

namespace gna::provision {
namespace {

// Lengths in front, so that no two contents have one text.
void append(std::string& out, std::string_view field) { out += fmt::format("{}:{}\n", field.size(), field); }

}  // namespace

bool holds_placeholder(std::string_view text) {
  return text.find(kBootstrapToken) != std::string_view::npos || text.find(kMachineName) != std::string_view::npos;
}

std::string content_sha256(const Userdata& userdata) {
  std::string canonical;
  for (const auto& file : userdata.files) {
    canonical += "file ";
    append(canonical, file.path);
    append(canonical, fmt::format("{:04o}", file.mode));
    append(canonical, sha256_hex(file.bytes));
  }
  for (const auto& unit : userdata.units) {
    canonical += "unit ";
    append(canonical, unit.name);
    append(canonical, fmt::format("{} {} {}", unit.enable, static_cast<int>(unit.command), unit.content.has_value()));
    append(canonical, unit.content.value_or(""));
    for (const auto& [name, text] : unit.drop_ins) {
      canonical += "drop-in ";
      append(canonical, name);
      append(canonical, text);
    }
  }
  return sha256_hex(canonical);
}

}  // namespace gna::provision
