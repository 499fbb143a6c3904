#include "agent/cli/output_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "gna/base/fd.h"

namespace gna::cli {
namespace {

Result<void> write_all(int fd, const std::string& bytes, const std::string& name) {
  for (std::size_t done = 0; done < bytes.size();) {
    const auto count = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_errno(errno, name);
    done += static_cast<std::size_t>(count);
  }
  return {};
}

// Where the bytes belong if a new file may take the place of what is there.
std::optional<std::string> replaceable(const std::string& name) {
  std::error_code error;
  const auto what = std::filesystem::status(name, error);
  if (!std::filesystem::exists(what)) return name;
  if (!std::filesystem::is_regular_file(what)) return std::nullopt;
  const auto target = std::filesystem::canonical(name, error);
  return error ? name : target.string();
}

// A new file beside the one it will replace; gone again unless it has.
class Fresh {
 public:
  static Result<Fresh> write(const OutputFile& file, std::string target) {
    auto path = target + ".XXXXXX";
    const Fd fd(::mkostemp(path.data(), O_CLOEXEC));
    if (!fd) return fail_errno(errno, file.name);
    Fresh out(std::move(path), std::move(target));
    GNA_TRY(write_all(fd.get(), file.bytes, file.name));
    if (::fsync(fd.get()) != 0) return fail_errno(errno, file.name);
    return out;
  }
  Fresh(Fresh&& other) noexcept : path_(std::exchange(other.path_, "")), target_(std::move(other.target_)) {}
  Fresh& operator=(Fresh&&) = delete;
  ~Fresh() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  Result<void> replace(const std::string& name) {
    if (::rename(path_.c_str(), target_.c_str()) != 0) return fail_errno(errno, name);
    path_.clear();
    return {};
  }

 private:
  Fresh(std::string path, std::string target) : path_(std::move(path)), target_(std::move(target)) {}

  std::string path_;
  std::string target_;
};

Result<void> write_into(const OutputFile& file) {
  const Fd fd(::open(file.name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno(errno, file.name);
  return write_all(fd.get(), file.bytes, file.name);
}

}  // namespace

Result<void> write_outputs(const std::vector<OutputFile>& files) {
  std::vector<std::pair<const OutputFile*, Fresh>> fresh;
  for (const auto& file : files)
    if (auto target = replaceable(file.name)) {
      GNA_LET_AT(file.flag, written, Fresh::write(file, std::move(*target)));
      fresh.emplace_back(&file, std::move(written));
    }
  for (const auto& file : files)
    if (!replaceable(file.name)) GNA_TRY_AT(file.flag, write_into(file));
  for (auto& [file, written] : fresh) GNA_TRY_AT(file->flag, written.replace(file->name));
  return {};
}

}  // namespace gna::cli
