// A directory of its own for a test, removed at the end.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gna::support {

class TempRoot {
 public:
  TempRoot();
  ~TempRoot();
  TempRoot(const TempRoot&) = delete;
  TempRoot& operator=(const TempRoot&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Paths are those of the node: "/etc/x" is path()/etc/x. Parents are made.
  void write(std::string_view node_path, std::string_view bytes, unsigned mode = 0644) const;
  std::string read(std::string_view node_path) const;
  bool exists(std::string_view node_path) const;
  std::filesystem::path on_host(std::string_view node_path) const;

 private:
  std::filesystem::path path_;
};

}  // namespace gna::support
