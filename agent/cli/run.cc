// From argv to a command.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string_view>

#include "agent/cli/commands.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/log_sink.h"

namespace gna::cli {

int run(int argc, const char* const* argv) {
  // Modes do not depend on who starts it: what is made has its mode from the first moment, so that no kill
  // leaves a directory that is nobody's, and a mode is put right only where this takes some of it away.
  ::umask(022);
  auto parsed = parse_arguments(argc, argv);
  if (!parsed.options) {
    std::fputs(parsed.err.c_str(), stderr);
    std::fputs(parsed.out.c_str(), stdout);
    return std::fflush(stdout) == 0 ? parsed.exit_code : kFailed;
  }
  const auto& options = *parsed.options;
  if (options.show_secrets && isatty(STDOUT_FILENO) != 1) {
    std::fputs("gna: --show-secrets: standard output is no terminal\n", stderr);
    return kBadInput;
  }
  Console console(options.show_secrets ? Masker::off() : Masker::for_this_run(), options.format);
  set_up_logs(options.log_format.empty() ? "text" : options.log_format,
              options.log_level.empty() ? "warn" : options.log_level, console);

  using Command = int (*)(const Options&, Console&);
  static const std::map<std::string_view, Command> commands = {
      {"validate", validate},
      {"render", render},
      {"diff", diff},
      {"apply", apply},
      {"status", status},
      {"reset", reset},
      {"version", version},
      {"completion", completion},
      {"provision render", provision_render},
      {"provision run", provision_run},
      {"bootstrap", bootstrap},
      {"agent", agent},
  };
  const auto code = commands.at(options.command)(options, console);
  if (!console.flush()) {
    console.err("gna: error: standard output could not be written\n");
    return code == kDone ? kFailed : code;
  }
  return code;
}

}  // namespace gna::cli
