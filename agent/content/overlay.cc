#include "agent/content/overlay.h"

#include <sys/mount.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace gna::content {

namespace {

constexpr std::size_t kPage = 4096;  // mount(2) takes one page of data, NUL included
constexpr std::string_view kLower = "lowerdir=";

constexpr std::pair<std::string_view, unsigned long> kFlags[] = {
    {"ro", MS_RDONLY},        {"nosuid", MS_NOSUID},     {"nodev", MS_NODEV},
    {"noexec", MS_NOEXEC},    {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},
    {"sync", MS_SYNCHRONOUS}, {"relatime", MS_RELATIME}, {"strictatime", MS_STRICTATIME},
};

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto colon = list.find(':');
    out.push_back(list.substr(0, colon));
    if (colon == std::string_view::npos) return out;
    list.remove_prefix(colon + 1);
  }
}

// The directory that all paths lie below: "/a/" of /a/1/fs and /a/12/fs.
std::string_view common_directory(const std::vector<std::string_view>& paths) {
  std::string_view common = paths.front();
  for (const auto path : paths) {
    const auto [mine, other] = std::ranges::mismatch(common, path);
    common = common.substr(0, static_cast<std::size_t>(mine - common.begin()));
  }
  // A single path, or one that is the parent of another, must keep a name of its own.
  common = common.substr(0, common.rfind('/') + 1);
  return common;
}

}  // namespace

Result<Overlay> parse_overlay(const std::vector<std::string>& options) {
  Overlay overlay;
  std::string lower;
  const auto append = [&](std::string_view option) {
    if (!overlay.data.empty()) overlay.data += ',';
    overlay.data += option;
  };
  for (const auto& option : options) {
    const auto flag = std::ranges::find(kFlags, option, [](const auto& known) { return known.first; });
    if (flag != std::end(kFlags)) {
      overlay.flags |= flag->second;
    } else if (option.starts_with(kLower)) {
      lower = option.substr(kLower.size());
    } else if (option.starts_with("upperdir=") || option.starts_with("workdir=")) {
      return fail(Code::Unsupported, "a snapshot view that can be written to");
    } else if (option != "rw") {
      append(option);
    }
  }
  const auto paths = split(lower);
  if (std::ranges::any_of(paths, [](std::string_view path) { return !path.starts_with('/'); }))
    return fail(Code::Unsupported, "a snapshot view without absolute lower directories");
  const auto common = common_directory(paths);
  std::string relative;
  for (const auto path : paths) {
    if (!relative.empty()) relative += ':';
    relative += path.substr(common.size());
  }
  overlay.directory = std::string(common);
  append(std::string(kLower) + relative);
  if (overlay.data.size() >= kPage) return fail(Code::InvalidArgument, "an image of too many layers to be mounted");
  return overlay;
}

}  // namespace gna::content
