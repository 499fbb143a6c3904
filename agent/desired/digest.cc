// What things run with, as text that can be compared and kept.
#include <algorithm>
#include <string_view>

#include "gna/base/digest.h"
#include "gna/desired/state.h"

namespace gna::desired {

namespace {

// Length before each part: no two lists of parts give the same text.
class Parts {
 public:
  Parts& add(std::string_view part) {
    text_ += std::to_string(part.size());
    text_ += ':';
    text_ += part;
    return *this;
  }
  Parts& add_optional(const std::optional<std::string>& part) { return part ? add("+").add(*part) : add("-"); }
  std::string hash() const { return sha256_hex(text_); }

 private:
  std::string text_;
};

std::string content_key(const File& file) {
  Parts parts;
  if (const auto* bytes = std::get_if<std::string>(&file.content))
    parts.add("bytes").add(*bytes);
  else
    parts.add("image").add(std::get<ImageSource>(file.content).image).add(std::get<ImageSource>(file.content).path);
  parts.add(std::to_string(file.mode));
  return parts.hash();
}

std::string unit_key(const Unit& unit) {
  Parts parts;
  parts.add_optional(unit.content);
  for (const auto& [name, text] : unit.drop_ins) parts.add("drop-in").add(name).add(text);
  for (const auto& path : unit.watches) parts.add("watch").add(path);
  parts.add(unit.enabled ? "enabled" : "disabled").add(std::to_string(static_cast<int>(unit.run)));
  return parts.hash();
}

// Lines of a digest: the unit's own first, then "<sha256> <path>" for each watched file.
std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view hash_of(std::string_view text, std::string_view path) {
  for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    ++at;
    const auto line = text.substr(at, text.find('\n', at) - at);
    const auto blank = line.find(' ');
    if (blank != std::string_view::npos && line.substr(blank + 1) == path) return line.substr(0, blank);
  }
  return {};
}

}  // namespace

std::string digest(const Unit& unit, const State& wanted) {
  std::string out = unit_key(unit);
  for (const auto& path : unit.watches) {
    const auto file = wanted.files.find(path);
    if (file != wanted.files.end()) out += "\n" + content_key(file->second) + " " + path;
  }
  return out;
}

bool runs_with(const std::string& started_with, const Unit& unit, const State& wanted) {
  if (first_line(started_with) != unit_key(unit)) return false;
  return std::ranges::all_of(unit.watches, [&](const std::string& path) {
    const auto file = wanted.files.find(path);
    return file == wanted.files.end() || hash_of(started_with, path) == content_key(file->second);
  });
}

std::string containerd_digest(const State& wanted) {
  if (!wanted.containerd) return "none";
  const auto& settings = *wanted.containerd;
  Parts parts;
  parts.add(settings.sandbox_image);
  parts.add(settings.systemd_cgroup ? (*settings.systemd_cgroup ? "systemd" : "cgroupfs") : "default");
  for (const auto& plugin : settings.plugins) {
    parts.add(plugin.remove ? "remove" : "add");
    for (const auto& element : plugin.path) parts.add(element);
    parts.add_optional(plugin.values);
  }
  return parts.hash();
}

std::string ca_path(const std::string& upstream, const std::string& path) {
  return path.starts_with('/') ? path : "/etc/containerd/certs.d/" + upstream + "/" + path;
}

std::string digest(const Registry& registry) {
  Parts parts;
  parts.add(registry.upstream).add_optional(registry.server);
  for (const auto& host : registry.hosts) {
    parts.add("host").add(host.url);
    for (const auto& capability : host.capabilities) parts.add("capability").add(capability);
    for (const auto& path : host.ca_certs) parts.add("ca").add(path);
    parts.add(host.override_path ? "override" : "");
  }
  return parts.hash();
}

}  // namespace gna::desired
