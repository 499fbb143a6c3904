#include "tests/support/temp_root.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace gna::support {

namespace stdfs = std::filesystem;

TempRoot::TempRoot() {
  // In memory if there is room for it: what is under test syncs a lot, and a busy disk would decide how
  // long the suites take.
  const stdfs::path memory = "/dev/shm";
  const auto folder = ::access(memory.c_str(), W_OK) == 0 ? memory : stdfs::temp_directory_path();
  std::string name = (folder / "gna-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  ::chmod(name.c_str(), 0755);
  path_ = name;
}

TempRoot::~TempRoot() {
  std::error_code ignored;
  stdfs::remove_all(path_, ignored);
}

stdfs::path TempRoot::on_host(std::string_view node_path) const {
  while (node_path.starts_with('/')) node_path.remove_prefix(1);
  return path_ / node_path;
}

void TempRoot::write(std::string_view node_path, std::string_view bytes, unsigned mode) const {
  const auto file = on_host(node_path);
  stdfs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ::chmod(file.c_str(), mode);
}

std::string TempRoot::read(std::string_view node_path) const {
  std::ifstream in(on_host(node_path), std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + on_host(node_path).string());
  return {std::istreambuf_iterator<char>(in), {}};
}

bool TempRoot::exists(std::string_view node_path) const {
  std::error_code ignored;
  return stdfs::exists(stdfs::symlink_status(on_host(node_path), ignored));
}

}  // namespace gna::support
