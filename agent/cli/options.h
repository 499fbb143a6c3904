// What the command line said. The only door to CLI11.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gna::cli {

enum class Format { text, json };
enum class Progress { automatic, plain, none };
enum class Drift { repair, report };

struct Options {
  std::string command = {};             // "apply", ...
  std::vector<std::string> files = {};  // FILE...; may be empty for diff and apply
  std::string topic = {};               // help: a command; completion: a shell

  std::string backend = "auto";
  std::string root = {};  // empty: the machine itself
  std::string image_layout = {};
  std::vector<std::string> secrets = {};
  std::string host_name = {};
  std::string containerd_version = {};
  int containerd_config_version = 2;
  std::string out_directory = {};
  std::string config_directory = {}, config_file = {};
  Drift drift = Drift::repair;

  struct Provision {
    std::vector<std::string> mirrors = {};  // files with MirrorConfigs and caches
    bool all_mirrors = false, require_mirror = false;
    std::vector<std::string> credentials = {};  // [HOST=]SECRET
    bool secrets_in_userdata = false;
    std::string form = {}, os = {};  // of the userdata: one of them, or neither for a script
    std::string image = {};          // of the agent
    std::string out = {};            // file
    std::string reconcile = {}, reconcile_out = {};
    bool gzip = false;
    std::string limit = {};
    std::optional<std::int64_t> generation = {};
  } provision = {};

  bool previous = false;
  bool dry_run = false;
  bool allow_empty = false;
  bool allow_unsupported = false;
  bool force = false;
  bool yes = false;
  bool strict = false;
  bool show_secrets = false;
  bool no_state = false;

  std::optional<std::chrono::milliseconds> timeout = {};
  Format format = Format::text;
  Progress progress = Progress::automatic;
  std::string log_level = {};   // empty: warn, or what the agent's configuration says
  std::string log_format = {};  // empty: text, or what the agent's configuration says

  bool offline() const { return !root.empty(); }
};

// One flag, as help, completion and the man page's test know it.
struct FlagInfo {
  std::vector<std::string> names = {};  // "-o", "--output"
  std::string value = {};               // "FILE"; empty: a switch
  std::string text = {};
  std::string group = {};
  std::vector<std::string> choices = {};
  bool operator==(const FlagInfo&) const = default;
};
struct CommandInfo {
  std::string name = {};  // one word, or two: "provision render"
  std::string summary = {};
  std::string arguments = {};             // "FILE..."
  std::vector<std::string> choices = {};  // of its argument
  std::vector<FlagInfo> flags = {};
};
struct Grammar {
  std::vector<CommandInfo> commands = {};
};
const Grammar& grammar();

// Either options to run with, or what to print and the code to leave with.
struct Parsed {
  std::optional<Options> options = {};
  int exit_code = 0;
  std::string out = {};
  std::string err = {};
};
Parsed parse_arguments(int argc, const char* const* argv);

}  // namespace gna::cli
