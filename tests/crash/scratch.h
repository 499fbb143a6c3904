// A folder in memory: syncs cost nothing there, and what they are for is judged by a model.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace gna::crash {

class Scratch {
 public:
  Scratch() {
    const std::string base = std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    root_ = base + "/gna-crash-XXXXXX";
    if (::mkdtemp(root_.data()) == nullptr) throw std::runtime_error("mkdtemp " + root_);
    ::chmod(root_.c_str(), 0755);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path(const std::string& below) const { return root_ + below; }

 private:
  std::string root_;
};

}  // namespace gna::crash
