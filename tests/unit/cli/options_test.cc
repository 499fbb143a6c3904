#include "agent/cli/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "agent/cli/completion.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/help.h"

namespace gna::cli {
namespace {

Parsed parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "gna");
  return parse_arguments(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Arguments, OfApply) {
  const auto parsed = parse({"apply", "--root", "/t", "osc.yaml", "--timeout=90s", "-o", "json", "--force"});
  ASSERT_TRUE(parsed.options) << parsed.err;
  EXPECT_EQ(parsed.options->command, "apply");
  EXPECT_EQ(parsed.options->files, std::vector<std::string>{"osc.yaml"});
  EXPECT_EQ(parsed.options->root, "/t");
  EXPECT_EQ(parsed.options->timeout, std::chrono::milliseconds(90'000));
  EXPECT_EQ(parsed.options->format, Format::json);
  EXPECT_TRUE(parsed.options->force);
  EXPECT_FALSE(parsed.options->no_state);
}

TEST(Arguments, StandardInputIsAFile) {
  EXPECT_EQ(parse({"validate", "-", "b"}).options->files, (std::vector<std::string>{"-", "b"}));
}

TEST(Arguments, SecretsMayBeRepeated) {
  EXPECT_EQ(parse({"diff", "--secrets", "a", "--secrets", "b", "osc"}).options->secrets,
            (std::vector<std::string>{"a", "b"}));
}

TEST(Arguments, OfAFlagGivenTwiceTheLastCounts) {
  EXPECT_EQ(parse({"diff", "--root", "/a", "--root", "/b", "osc"}).options->root, "/b");
}

// As scripts leave them: --root="$ROOT" with ROOT empty must not swallow what follows.
TEST(Arguments, AnEmptyValueTakesNoOtherArgument) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"apply", "--host-name=", "osc.yaml"}, {"reset", "--root=", "--yes"}, {"diff", "--timeout=", "osc.yaml"}}) {
    const auto parsed = parse(arguments);
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_code, kBadInput);
    EXPECT_NE(parsed.err.find("is empty"), std::string::npos) << parsed.err;
  }
  EXPECT_EQ(parse({"diff", "--", "--root="}).options->files, std::vector<std::string>{"--root="});
}

TEST(Arguments, NameHostsInLowerCase) {
  EXPECT_EQ(parse({"diff", "--host-name", "Node-A"}).options->host_name, "node-a");
}

TEST(Arguments, ThatAreWrongEndWithTwoAndAPointerToTheHelp) {
  const std::vector<std::vector<const char*>> bad = {
      {},
      {"aply"},
      {"apply", "a", "b"},
      {"validate"},
      {"diff", "--previous", "osc"},
      {"validate", "-", "-"},
      {"apply", "--root"},
      {"apply", "--root="},
      {"apply", "--timeout", "5"},
      {"apply", "--no-such-flag"},
      {"apply", "--backend", "windows"},
      {"status", "osc.yaml"},
      {"render", "osc", "--containerd-config-version", "9"},
      {"validate", "osc", "-o", "xml"},
      {"render", "osc", "--containerd-version", "new"},
      {"completion", "csh"},
      {"help", "nothing"},
      {"--root", "/x", "apply"},
  };
  for (const auto& arguments : bad) {
    const auto parsed = parse(arguments);
    EXPECT_FALSE(parsed.options);
    EXPECT_EQ(parsed.exit_code, kBadInput);
    EXPECT_NE(parsed.err.find("gna"), std::string::npos);
    EXPECT_EQ(parsed.out, "");
  }
}

TEST(Arguments, TellCommandsOfOtherVersionsApart) {
  for (const char* command : {"talos", "hollow"}) {
    const auto parsed = parse({command});
    EXPECT_EQ(parsed.exit_code, kBadInput);
    EXPECT_NE(parsed.err.find("not in this version"), std::string::npos) << parsed.err;
  }
  EXPECT_NE(parse({"apply", "--backend", "talos", "x"}).err.find("not in this version"), std::string::npos);
}

TEST(Arguments, MeanTheAgentUnderItsName) {
  const char* without_command[] = {"/opt/bin/gardener-node-agent", "--config-dir=/x"};
  const auto agent = parse_arguments(2, without_command);
  ASSERT_TRUE(agent.options) << agent.err;
  EXPECT_EQ(agent.options->command, "agent");
  EXPECT_EQ(agent.options->config_directory, "/x");
  EXPECT_EQ(agent.options->drift, Drift::repair);
  const char* with_command[] = {"/opt/bin/gardener-node-agent", "bootstrap", "--config-dir=/x"};
  EXPECT_EQ(parse_arguments(3, with_command).options->command, "bootstrap");
  const char* version[] = {"/opt/bin/gardener-node-agent", "--version"};
  EXPECT_EQ(parse_arguments(2, version).options->command, "version");
}

TEST(Arguments, OfTheAgentNameOneConfiguration) {
  EXPECT_EQ(parse({"agent", "--config", "c.yaml", "--drift", "report"}).options->drift, Drift::report);
  EXPECT_EQ(parse({"agent"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"agent", "--config", "c.yaml", "--config-dir", "/x"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"agent", "--config", "c.yaml", "--drift", "ignore"}).exit_code, kBadInput);
}

TEST(Arguments, KnowCommandsOfTwoWords) {
  EXPECT_EQ(parse({"provision", "render", "x"}).options->command, "provision render");
  EXPECT_EQ(parse({"provision", "render", "--help"}).out, parse({"help", "provision", "render"}).out);
  EXPECT_EQ(parse({"provision"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"provision", "--help"}).exit_code, 0);
  EXPECT_TRUE(parse({"provision", "--help"}).out.contains("gna provision render"));
  EXPECT_EQ(parse({"help", "provision"}).out, parse({"provision", "-h"}).out);
  EXPECT_EQ(parse({"provision"}).err, parse({"provision", "-h"}).out);
  EXPECT_EQ(parse({"provision", "--mirrors", "x"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"provision", "x"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"provision", "render", "x", "--reconcile-out", "y"}).exit_code, kBadInput);
  EXPECT_EQ(parse({"provision", "render", "x", "--format", "mime", "--os", "local"}).exit_code, kBadInput);
}

TEST(Arguments, CannotForgeLinesOfOurs) {
  EXPECT_EQ(parse({"a\nb"}).err.find("a\nb"), std::string::npos);
  EXPECT_EQ(parse({"apply", "--a\nb"}).err.find("a\nb"), std::string::npos);
}

TEST(Environment, FillsInWhatNoFlagSays) {
  ::setenv("GNA_ROOT", "/from/env", 1);
  ::setenv("GNA_LOG_LEVEL", "debug", 1);
  const auto from_env = parse({"status"});
  const auto from_flag = parse({"status", "--root", "/flag", "--log-level", "error"});
  ::setenv("GNA_LOG_LEVEL", "loud", 1);
  const auto wrong = parse({"status"});
  ::unsetenv("GNA_ROOT");
  ::unsetenv("GNA_LOG_LEVEL");
  EXPECT_EQ(from_env.options->root, "/from/env");
  EXPECT_EQ(from_env.options->log_level, "debug");
  EXPECT_EQ(from_flag.options->root, "/flag");
  EXPECT_EQ(from_flag.options->log_level, "error");
  EXPECT_EQ(wrong.exit_code, kBadInput);
}

TEST(Help, OfEachCommandNamesItsFlagsAndExitCodes) {
  for (const auto& command : grammar().commands) {
    const auto page = help_page(command);
    EXPECT_EQ(parse({command.name.c_str(), "--help"}).out, page);
    EXPECT_EQ(parse({"help", command.name.c_str()}).out, page) << command.name;
    EXPECT_NE(page.find("Exit codes:"), std::string::npos);
    EXPECT_NE(page.find("Examples:"), std::string::npos);
    for (const auto& flag : command.flags) {
      for (const auto& name : flag.names) EXPECT_NE(page.find(name), std::string::npos) << command.name << " " << name;
      for (const auto& value : flag.choices)
        EXPECT_NE(page.find(value), std::string::npos) << command.name << " " << value;
    }
    EXPECT_NE(help_overview().find("  " + command.name), std::string::npos);
  }
}

TEST(Help, FitsATerminal) {
  for (const auto& command : grammar().commands) {
    std::istringstream lines(help_page(command));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 90u) << line;
  }
}

std::string file(const std::string& path) {
  std::ifstream in(std::string(GNA_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ManPage, NamesEveryCommandAndEveryFlag) {
  auto page = file("packaging/man/gna.1");
  for (std::size_t at = 0; (at = page.find("\\-", at)) != std::string::npos; ++at) page.replace(at, 2, "-");
  for (const auto& command : grammar().commands) {
    EXPECT_NE(page.find("gna " + command.name), std::string::npos) << command.name;
    for (const auto& flag : command.flags)
      for (const auto& name : flag.names) EXPECT_NE(page.find(name), std::string::npos) << command.name << " " << name;
  }
}

TEST(Completion, NamesEveryCommandAndEveryFlag) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell, grammar());
    for (const auto& command : grammar().commands) {
      EXPECT_NE(script.find(command.name), std::string::npos);
      for (const auto& flag : command.flags) {
        const auto name = std::string(shell) == "fish" ? "-l " + flag.names.back().substr(2) : flag.names.back();
        EXPECT_NE(script.find(name), std::string::npos) << shell << " " << name;
      }
    }
  }
}

// GNA_ACCEPT=1 rewrites the files, and then the test has shown nothing.
TEST(Completion, FilesInstalledAreThoseOfTheProgram) {
  const std::vector<std::pair<std::string, std::string>> files = {{"bash", "packaging/completions/gna.bash"},
                                                                  {"zsh", "packaging/completions/_gna"},
                                                                  {"fish", "packaging/completions/gna.fish"}};
  const bool accept = std::getenv("GNA_ACCEPT") != nullptr;
  for (const auto& [shell, path] : files) {
    const auto script = completion_script(shell, grammar());
    if (accept)
      std::ofstream(std::string(GNA_SOURCE_DIR) + "/" + path) << script;
    else
      EXPECT_EQ(file(path), script) << "GNA_ACCEPT=1 rewrites it";
  }
  if (accept) GTEST_SKIP() << "rewritten";
}

}  // namespace
}  // namespace gna::cli
