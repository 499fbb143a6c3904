#include "tests/crash/watcher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace gna::crash {

Watcher::Watcher(const std::string& root, const Snapshot& before, const Snapshot& after,
                 const std::function<bool(const std::string& path)>& watched) {
  std::set<std::string> paths;
  for (const auto* tree : {&before, &after})
    for (const auto& [path, entry] : *tree)
      if (entry.kind == Entry::Kind::file && watched(path)) paths.insert(path);
  for (const auto& path : paths) {
    Watched one{.path = root + path};
    for (const auto* tree : {&before, &after}) {
      const auto found = tree->find(path);
      if (found != tree->end() && found->second.kind == Entry::Kind::file)
        one.whole.insert(found->second);
      else
        one.may_be_absent = true;
    }
    watched_.push_back(std::move(one));
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    do {
      for (const auto& one : watched_) look(one);
      ++rounds_;
    } while (!stop.stop_requested());
  });
}

Watcher::~Watcher() = default;

std::set<std::string> Watcher::torn() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return torn_;
}

void Watcher::look(const Watched& watched) {
  const int fd = ::open(watched.path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (!watched.may_be_absent) torn_.insert(watched.path + ": gone");
    return;
  }
  struct stat st{};
  ::fstat(fd, &st);
  Entry seen{.mode = st.st_mode & 07777};
  std::array<char, 65536> buffer;
  for (ssize_t size = 0; (size = ::read(fd, buffer.data(), buffer.size())) > 0;)
    seen.bytes.append(buffer.data(), static_cast<std::size_t>(size));
  ::close(fd);
  if (S_ISREG(st.st_mode) && !watched.whole.contains(seen)) torn_.insert(watched.path + ": torn");
}

}  // namespace gna::crash
