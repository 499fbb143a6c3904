// What userdata holds, whatever its form: files, units, and a stamp that tells one from another. Pure.
//
// The forms (provision/format) write it down; the stages on the machine (provision/stages) do the same
// without a shell. Both decide by the stamp whether there is anything to do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"
#include "provision/machine_state.h"
#include "provision/mirror_config.h"

namespace gna::provision {

// What the machine controller replaces: the plain text wherever it stands, or, only if there is none,
// its URL-encoded form. Anything else around it (base64, gzip, JSON escapes) hides it.
//
// Source: machine-controller-manager, pkg/util/provider/machinecontroller/userdata.go
inline constexpr std::string_view kBootstrapToken = "<<BOOTSTRAP_TOKEN>>";
inline constexpr std::string_view kMachineName = "<<MACHINE_NAME>>";
bool holds_placeholder(std::string_view text);

// What is said of a placeholder in base64, in a path, or wherever else it would be hidden.
Error hidden_placeholder(std::string_view in, std::string hint = {});

struct UserdataFile {
  std::string path = {};  // absolute, clean
  std::string bytes = {};
  std::uint32_t mode = 0644;  // at most 0777
  bool has_placeholder = false;
  bool operator==(const UserdataFile&) const = default;
};

enum class Command { none, start, restart, stop };

struct UserdataUnit {
  std::string name = {};
  std::optional<std::string> content = {};           // absent: the unit file is not ours
  std::map<std::string, std::string> drop_ins = {};  // name → text
  bool enable = true;
  Command command = Command::none;
  bool operator==(const UserdataUnit&) const = default;
};

struct Userdata {
  std::vector<UserdataFile> files = {};  // in the order they are written: CAs before the hosts.toml that names them
  std::vector<UserdataUnit> units = {};
  std::int64_t generation = 0;  // what is newer: Unix time of rendering
  std::string sha256 = {};      // content_sha256() of the above
  bool operator==(const Userdata&) const = default;
};

// Over paths, modes and bytes of the files and all of the units, placeholders as they stand; the
// generation is left out, so that rendering the same again later is no change.
std::string content_sha256(const Userdata& userdata);

// What the forms write: the files, then those of the units.
std::vector<UserdataFile> all_files(const Userdata& userdata);

// Those that the agent may have to take back, as provision-state names them.
std::vector<WrittenFile> below_certs(const std::vector<UserdataFile>& files);

struct UserdataOptions {
  bool require_mirror = false;  // no pull may fall back to an upstream: mirrors are closed (close_upstream)
  std::string image = {};       // of the agent; empty: the one that the OSC's own init.sh names
  std::int64_t generation = 0;
  osc::Secrets secrets = {};      // what secretRef files read
  bool with_credentials = false;  // those of the mirrors, in a hosts directory below /run for the first pull
  bool keep_init = false;         // the OSC's own init.sh and unit stay: what it pulls is its own affair
};

// The provision OSC and what the mirrors need on the machine: per mirror its CA files and its hosts.toml,
// the same bytes that the reconcile OSC gives later but for dial_timeout; init.sh and
// gardener-node-init.service are ours.
//
// Errors: InvalidArgument, with the field.
Result<Userdata> make_userdata(const osc::Osc& osc, const std::vector<Mirror>& mirrors, const UserdataOptions& options);

// A mirror's files, CAs before the hosts.toml that names them.
std::vector<UserdataFile> mirror_files(const Mirror& mirror);

// What a person should know about the mirrors, the image given: tags that resolve at the upstream, CAs that
// are about to expire.
std::vector<std::string> mirror_warnings(const std::vector<Mirror>& mirrors, const std::string& image,
                                         std::int64_t now);

// The image that the OSC's own init.sh pulls; nullopt: it names none.
std::optional<std::string> agent_image(const osc::Osc& osc);

}  // namespace gna::provision
