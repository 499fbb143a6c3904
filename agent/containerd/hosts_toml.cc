#include "agent/containerd/hosts_toml.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "agent/containerd/toml.h"

namespace gna::containerd {
namespace {

constexpr const char* kFirstLine = "# managed by gardener-node-agent\n";

// A list as Go's JSON encoder writes it. What it escapes on top of TOML's rules are valid TOML escapes.
std::string json_array(const std::vector<std::string>& elements) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEscapes = {{
      {"<", "\\u003c"},
      {">", "\\u003e"},
      {"&", "\\u0026"},
      {"\xE2\x80\xA8", "\\u2028"},
      {"\xE2\x80\xA9", "\\u2029"},
  }};
  std::string out = "[";
  for (const auto& element : elements) {
    std::string text = toml::quote(element);
    for (const auto& [raw, escaped] : kEscapes)
      for (auto at = text.find(raw); at != std::string::npos; at = text.find(raw, at + escaped.size()))
        text.replace(at, raw.size(), escaped);
    if (out.size() > 1) out += ",";
    out += text;
  }
  return out + "]";
}

// A host's URL is a key of the file: naming it twice would make the file invalid, and containerd would
// then ask the upstream alone. The first one counts.
std::vector<desired::RegistryHost> without_repetitions(const std::vector<desired::RegistryHost>& hosts) {
  std::vector<desired::RegistryHost> out;
  std::set<std::string_view> seen;
  for (const auto& host : hosts)
    if (seen.insert(host.url).second) out.push_back(host);
  return out;
}

// What a hosts.toml says, so far as we write it.
struct OnDisk {
  std::string server = {};
  std::vector<desired::RegistryHost> hosts = {};  // in the order of the file
  std::optional<std::string> dial_timeout = {};   // the first one
};

// Go's time.ParseDuration for what is not negative. Any other text makes containerd drop the whole file.
bool is_duration(std::string_view text) {
  if (text == "0") return true;
  if (text.empty()) return false;
  const auto digits = [&text] {
    std::size_t n = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++n) text.remove_prefix(1);
    return n;
  };
  while (!text.empty()) {
    std::size_t count = digits();
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      count += digits();
    }
    if (count == 0 || count > 9) return false;
    static constexpr std::array<std::string_view, 7> kUnits = {"ns", "us", "\u00b5s", "ms", "s", "m", "h"};
    const auto unit = std::ranges::find_if(kUnits, [&text](auto name) { return text.starts_with(name); });
    if (unit == kUnits.end()) return false;
    text.remove_prefix(unit->size());
  }
  return true;
}

// A list of strings, or one string where `or_one`; nullopt for anything else.
std::optional<std::vector<std::string>> strings(const toml::Value& value, bool or_one) {
  if (or_one && value.string() != nullptr) return std::vector{*value.string()};
  const auto* array = value.array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& element : *array) {
    if (element.string() == nullptr) return std::nullopt;
    out.push_back(*element.string());
  }
  return out;
}

// nullopt: no hosts.toml, or not one that containerd would take.
std::optional<OnDisk> read_hosts_toml(std::string_view bytes) {
  const auto document = toml::parse(bytes);
  if (!document) return std::nullopt;

  OnDisk out;
  if (const auto server = document->find("server"); server != document->end()) {
    if (server->second.string() == nullptr) return std::nullopt;
    out.server = *server->second.string();
  }
  const auto host_tables = document->find("host");
  if (host_tables == document->end()) return out;
  if (host_tables->second.table() == nullptr) return std::nullopt;

  struct Entry {
    std::size_t offset = 0;
    desired::RegistryHost host = {};
    std::optional<std::string> dial_timeout = {};
  };
  std::vector<Entry> entries;
  for (const auto& [url, settings] : *host_tables->second.table()) {
    if (settings.table() == nullptr) return std::nullopt;
    auto& [offset, host, dial_timeout] = entries.emplace_back();
    offset = settings.offset;
    host.url = url;
    for (const auto& [name, value] : *settings.table()) {
      if (name == "capabilities" || name == "ca") {
        const auto list = strings(value, name == "ca");
        if (!list) return std::nullopt;
        (name == "ca" ? host.ca_certs : host.capabilities) = *list;
      } else if (name == "override_path") {
        const auto* flag = std::get_if<bool>(&value.is);
        if (flag == nullptr) return std::nullopt;
        host.override_path = *flag;
      } else if (name == "dial_timeout") {
        if (value.string() == nullptr || !is_duration(*value.string())) return std::nullopt;
        dial_timeout = *value.string();
      }
    }
  }
  std::ranges::stable_sort(entries, {}, &Entry::offset);
  for (auto& entry : entries) {
    out.hosts.push_back(std::move(entry.host));
    if (!out.dial_timeout) out.dial_timeout = std::move(entry.dial_timeout);
  }
  return out;
}

bool same_hosts(const desired::Registry& registry, const OnDisk& found) {
  const auto wanted = without_repetitions(registry.hosts);
  return registry.server.value_or("") == found.server && wanted.size() == found.hosts.size() &&
         std::ranges::is_permutation(wanted, found.hosts);
}

}  // namespace

std::string hosts_toml_path(const std::string& upstream) {
  return std::string(kCertsDirectory) + "/" + upstream + "/hosts.toml";
}

bool knows_dial_timeout(const std::optional<desired::Version>& containerd) {
  return containerd && *containerd >= desired::Version{{2, 0, 7}};
}

std::string render_hosts_toml(const desired::Registry& registry, const std::optional<std::string>& dial_timeout) {
  std::string out = kFirstLine;
  if (registry.server && !registry.server->empty()) out += "server = " + toml::quote(*registry.server) + "\n\n";
  for (const auto& host : without_repetitions(registry.hosts)) {
    out += "[host." + toml::quote(host.url) + "]\n";
    out += "  capabilities = " + json_array(host.capabilities) + "\n";
    if (!host.ca_certs.empty()) out += "  ca = " + json_array(host.ca_certs) + "\n";
    if (host.override_path) out += "  override_path = true\n";
    if (dial_timeout) out += "  dial_timeout = " + toml::quote(*dial_timeout) + "\n";
    out += "\n";
  }
  return out;
}

desired::Registry live_first(desired::Registry registry, const observed::State& now) {
  std::ranges::stable_partition(registry.hosts, [&](const desired::RegistryHost& host) {
    const auto answer = now.mirrors.find(observed::mirror_key(registry.upstream, host.url));
    return answer != now.mirrors.end() && answer->second.reachable;
  });
  return registry;
}

std::string wanted_hosts_toml(const desired::Registry& registry, std::string_view on_disk, bool keep_order,
                              const observed::State& now, const desired::Facts& facts) {
  auto found = on_disk.empty() ? std::nullopt : read_hosts_toml(on_disk);
  if (found && !same_hosts(registry, *found)) found.reset();

  if (found && keep_order) {
    auto kept = registry;
    kept.hosts = std::move(found->hosts);
    return render_hosts_toml(kept, found->dial_timeout);
  }
  std::optional<std::string> dial_timeout;
  if (found && found->dial_timeout) {
    dial_timeout = found->dial_timeout;
  } else if (facts.live && knows_dial_timeout(facts.containerd)) {
    dial_timeout = kDialTimeout;
  }
  return render_hosts_toml(live_first(registry, now), dial_timeout);
}

}  // namespace gna::containerd
