// Where systemd looks. Source: man 5 systemd.unit, "Unit File Load Path".
#pragma once

#include <string>
#include <string_view>

namespace gna::systemd {

inline constexpr const char* kUnitDirectory = "/etc/systemd/system";

inline std::string unit_path(const std::string& unit) { return std::string(kUnitDirectory) + "/" + unit; }
inline std::string drop_in_directory(const std::string& unit) { return unit_path(unit) + ".d"; }
inline std::string drop_in_path(const std::string& unit, const std::string& drop_in) {
  return drop_in_directory(unit) + "/" + drop_in;
}

inline std::string path_in(const std::string& directory, std::string_view name) {
  std::string path = directory;
  path += '/';
  path += name;
  return path;
}

// A change below one of these is seen by systemd only after daemon-reload.
bool is_read_by_manager(std::string_view path);

}  // namespace gna::systemd
