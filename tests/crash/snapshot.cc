#include "tests/crash/snapshot.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/fs/root_fs.h"

namespace gna::crash {

namespace stdfs = std::filesystem;

Snapshot read_tree(const std::string& root) {
  Snapshot out;
  for (const auto& entry : stdfs::recursive_directory_iterator(root)) {
    struct stat st{};
    if (::lstat(entry.path().c_str(), &st) != 0) continue;  // gone meanwhile
    auto& told = out[entry.path().string().substr(root.size())];
    if (S_ISLNK(st.st_mode)) {
      told = {.kind = Entry::Kind::symlink, .bytes = stdfs::read_symlink(entry.path()).string()};
    } else if (S_ISDIR(st.st_mode)) {
      told = {.kind = Entry::Kind::directory, .mode = st.st_mode & 07777};
    } else {
      std::ifstream in(entry.path(), std::ios::binary);
      told = {.mode = st.st_mode & 07777, .bytes = {std::istreambuf_iterator<char>(in), {}}};
    }
  }
  return out;
}

void write_tree(const Snapshot& tree, const std::string& root) {
  stdfs::create_directories(root);
  for (const auto& [path, entry] : tree) {  // a directory sorts before what is in it
    const auto name = root + path;
    switch (entry.kind) {
      case Entry::Kind::directory:
        stdfs::create_directory(name);
        ::chmod(name.c_str(), entry.mode);
        break;
      case Entry::Kind::symlink: stdfs::create_symlink(entry.bytes, name); break;
      case Entry::Kind::file:
        std::ofstream(name, std::ios::binary)
            .write(entry.bytes.data(), static_cast<std::streamsize>(entry.bytes.size()));
        ::chmod(name.c_str(), entry.mode);
        break;
    }
  }
}

std::string difference(const Snapshot& actual, const Snapshot& expected) {
  const auto octal = [](std::uint32_t mode) {
    char text[16] = {};
    std::snprintf(text, sizeof text, "%o", mode);
    return std::string(text);
  };
  std::string out;
  for (const auto& [path, entry] : expected) {
    const auto found = actual.find(path);
    if (found == actual.end())
      out += path + ": missing\n";
    else if (found->second.kind != entry.kind)
      out += path + ": of another kind\n";
    else if (found->second.mode != entry.mode)
      out += path + ": mode " + octal(found->second.mode) + ", not " + octal(entry.mode) + "\n";
    else if (found->second.bytes != entry.bytes)
      out +=
          path + ": holds \"" + found->second.bytes.substr(0, 400) + "\", not \"" + entry.bytes.substr(0, 400) + "\"\n";
  }
  for (const auto& [path, entry] : actual)
    if (!expected.contains(path)) out += path + ": should not be there\n";
  return out;
}

Snapshot filtered(Snapshot tree, const std::function<bool(const std::string& path, const Entry&)>& keep) {
  std::erase_if(tree, [&](const auto& item) { return !keep(item.first, item.second); });
  return tree;
}

bool is_temp_file(const std::string& path) {
  const auto name = std::string_view(path).substr(path.rfind('/') + 1);
  return name.starts_with(fs::kTempPrefix) && name.ends_with(fs::kTempSuffix);
}

}  // namespace gna::crash
