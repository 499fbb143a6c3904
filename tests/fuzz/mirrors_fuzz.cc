// No bytes bring the reader of mirrors down, and what it takes is safe to be written: the hosts.toml of each
// mirror says what the mirror says, its files stay below certs.d, and every form carries them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/containerd/hosts_toml.h"
#include "provision/format/format.h"
#include "provision/mirror_config.h"

namespace {

using namespace gna;

void expect(bool holds) {
  if (!holds) std::abort();
}

bool is_safe(std::string_view text) {
  for (const char c : text)
    if (c <= 0x20 || c >= 0x7f || std::string_view("\"'\\$`?#@<>&|;()*{}%").contains(c)) return false;
  return !text.contains("/../") && !text.ends_with("/..");
}

void check(const provision::Mirror& mirror) {
  const auto& registry = mirror.registry;
  expect(is_safe(registry.upstream) && !registry.upstream.contains('/') && !registry.upstream.starts_with('.'));
  expect(!registry.hosts.empty());
  for (const auto& host : registry.hosts) expect(is_safe(host.url) && host.url.starts_with("http"));
  // Read back, it is the same: so it is valid TOML, and no host has become another one.
  const auto text = containerd::render_hosts_toml(registry, containerd::kDialTimeout);
  expect(containerd::wanted_hosts_toml(registry, text, true, {}, {}) == text);
  for (const auto& file : provision::mirror_files(mirror))
    expect(is_safe(file.path) && file.path.starts_with("/etc/containerd/certs.d/") &&
           file.path.substr(file.path.rfind('/') + 1).size() <= 255);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = provision::parse_mirrors({{.name = "fuzz", .bytes = text}}, {});
  if (!parsed) {
    expect(parsed.error().code == Code::InvalidArgument && !parsed.error().message.contains('\n'));
    return 0;
  }
  provision::Userdata userdata;
  for (const auto& mirror : parsed->mirrors) {
    check(mirror);
    for (auto& file : provision::mirror_files(mirror)) userdata.files.push_back(std::move(file));
  }
  for (const auto& form : {provision::script, provision::cloud_config, provision::mime, provision::ignition})
    expect(form(userdata).has_value());
  return 0;
}
