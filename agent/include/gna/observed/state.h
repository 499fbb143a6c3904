// How the node is right now. An observed unit has an ActiveState, a wanted one has not.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gna::observed {

enum class FileKind { absent, regular, directory, symlink, other };

struct File {
  FileKind kind = FileKind::absent;
  std::uint32_t mode = 0;  // permission bits with setuid, setgid, sticky
  std::uint64_t size_bytes = 0;
  std::string sha256 = {};  // of regular files, lower-case hex
  bool operator==(const File&) const = default;
};

struct Unit {
  // Files: the unit file that the agent would write, and what lies in its drop-in directory.
  File unit_file = {};
  std::map<std::string, File> drop_ins = {};  // ours and foreign ones
  // systemd's words (man 1 systemctl): enabled, disabled, static, indirect, generated, alias, masked, ...
  // Empty: unknown, or no such unit.
  std::string enablement = {};
  std::string load = {};     // loaded, not-found, masked, ... ; empty: nobody to ask (offline)
  std::string active = {};   // active, inactive, failed, activating, ...
  std::string sub = {};      // running, dead, exited, auto-restart, ...
  std::string type = {};     // of a service: oneshot, simple, ...
  bool triggered = false;    // TriggeredBy is not empty
  bool need_reload = false;  // NeedDaemonReload
  bool job_queued = false;
  std::string invocation = {};  // InvocationID: changes with each start
  bool operator==(const Unit&) const = default;
};

struct Mirror {
  bool reachable = false;
  std::chrono::milliseconds latency{0};
  std::string error = {};
  bool operator==(const Mirror&) const = default;
};

struct State {
  std::map<std::string, File> files = {};  // every path of the scope; absent ones too
  std::map<std::string, Unit> units = {};  // every unit of the scope
  // Paths on the way to a wanted file that stand in its way: a file where a folder is
  // needed. A folder where a file is needed is in `files`.
  std::map<std::string, File> obstacles = {};
  // Temporary files of a run that was cut short.
  std::set<std::string> leftovers = {};
  // Documents that lower() patches or compares: config.toml, hosts.toml, machine config.
  std::map<std::string, std::string> documents = {};   // path → bytes; absent ones are missing
  std::map<std::string, std::string> registries = {};  // upstream → SHA-256 of its hosts.toml, if there is one
  std::string containerd_config_sha256 = {};           // empty: there is no config.toml
  std::map<std::string, Mirror> mirrors = {};          // "upstream url" → answer; only those asked for
  bool operator==(const State&) const = default;
};

// Key of `mirrors`.
inline std::string mirror_key(const std::string& upstream, const std::string& url) { return upstream + " " + url; }

}  // namespace gna::observed
