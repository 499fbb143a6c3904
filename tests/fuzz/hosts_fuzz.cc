// What lies on disk as hosts.toml and what an OSC says of mirrors: whatever the bytes, the file that we
// want is TOML with the hosts wanted, and stays as it is once it lies there.
//
// Input: the file, then a line "%%", the server's line, and a line for each host: the URL, then words:
// "!" for override_path, "+" for one that has answered, "/..." for a CA, others are capabilities.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/containerd/hosts_toml.h"
#include "agent/containerd/toml.h"
#include "gna/base/utf8.h"

namespace {

using namespace gna::containerd;

void expect(bool holds) {
  if (!holds) std::abort();
}

std::string_view cut(std::string_view& text, std::string_view at) {
  const auto end = text.find(at);
  const auto head = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + at.size());
  return head;
}

gna::desired::RegistryHost host_from(std::string_view line, bool& answered) {
  gna::desired::RegistryHost out = {.url = std::string(cut(line, " "))};
  while (!line.empty()) {
    const auto word = cut(line, " ");
    if (word == "!")
      out.override_path = true;
    else if (word == "+")
      answered = true;
    else if (word.starts_with('/'))
      out.ca_certs.emplace_back(word);
    else
      out.capabilities.emplace_back(word);
  }
  if (out.capabilities.empty()) out.capabilities = {"pull", "resolve"};
  return out;
}

void expect_hosts(const std::string& bytes, const gna::desired::Registry& registry) {
  const auto document = toml::parse(bytes);
  expect(document.has_value());
  const auto server = document->find("server");
  expect((server == document->end()) == registry.server.value_or("").empty());
  if (server != document->end()) expect(*server->second.string() == *registry.server);
  if (registry.hosts.empty()) return;
  const auto& hosts = *document->at("host").table();
  for (const auto& host : registry.hosts) expect(hosts.contains(host.url));
  expect(std::ranges::all_of(hosts, [&](const auto& entry) {
    return std::ranges::count(registry.hosts, entry.first, &gna::desired::RegistryHost::url) > 0;
  }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string on_disk(cut(rest, "\n%%\n"));
  if (!gna::is_utf8(rest)) return 0;  // an OSC is

  gna::desired::Registry registry = {.upstream = "docker.io"};
  gna::observed::State now;
  if (const auto server = cut(rest, "\n"); !server.empty()) registry.server = std::string(server);
  while (!rest.empty()) {
    bool answered = false;
    registry.hosts.push_back(host_from(cut(rest, "\n"), answered));
    now.mirrors[gna::observed::mirror_key(registry.upstream, registry.hosts.back().url)].reachable = answered;
  }
  const gna::desired::Facts facts = {.containerd = gna::desired::Version{{2, 0, static_cast<int>(size % 16)}},
                                     .live = size % 2 == 0};
  for (const bool keep_order : {false, true}) {
    const auto wanted = wanted_hosts_toml(registry, on_disk, keep_order, now, facts);
    expect_hosts(wanted, registry);
    expect(wanted_hosts_toml(registry, wanted, keep_order, now, facts) == wanted);
    expect(wanted_hosts_toml(registry, wanted, true, now, facts) == wanted);
  }
  return 0;
}
