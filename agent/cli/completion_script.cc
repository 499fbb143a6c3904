#include "agent/cli/completion.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

namespace gna::cli {
namespace {

// What a flag's value is, for shells that complete it.
enum class Values { none, choices, file, directory, other };

Values values_of(const FlagInfo& flag) {
  if (flag.value.empty()) return Values::none;
  if (!flag.choices.empty()) return Values::choices;
  if (flag.value == "FILE") return Values::file;
  return flag.value == "DIR" ? Values::directory : Values::other;
}

bool takes_files(const CommandInfo& command) { return command.arguments.find("FILE") != std::string::npos; }

std::string names_of(const CommandInfo& command) {
  std::string out;
  for (const auto& flag : command.flags)
    out += (out.empty() ? "" : " ") + fmt::format("{}", fmt::join(flag.names, " "));
  return out;
}

std::string first_word(const CommandInfo& command) { return command.name.substr(0, command.name.find(' ')); }

// Empty for commands of one word.
std::string second_word(const CommandInfo& command) {
  const auto blank = command.name.find(' ');
  return blank == std::string::npos ? "" : command.name.substr(blank + 1);
}

std::string first_words(const Grammar& grammar) {
  std::vector<std::string> out;
  for (const auto& command : grammar.commands)
    if (const auto word = first_word(command); std::ranges::find(out, word) == out.end()) out.push_back(word);
  return fmt::format("{}", fmt::join(out, " "));
}

// What may stand as the argument of a command that has a list of them; shells would take the two words of a
// command for two.
std::string choices_of(const CommandInfo& command, const Grammar& grammar) {
  return command.name == "help" ? first_words(grammar) : fmt::format("{}", fmt::join(command.choices, " "));
}

// First words of commands of two words, with their second ones.
std::map<std::string, std::vector<const CommandInfo*>> groups(const Grammar& grammar) {
  std::map<std::string, std::vector<const CommandInfo*>> out;
  for (const auto& command : grammar.commands)
    if (!second_word(command).empty()) out[first_word(command)].push_back(&command);
  return out;
}

std::string second_words(const std::vector<const CommandInfo*>& group) {
  std::string out;
  for (const auto* command : group) out += (out.empty() ? "" : " ") + second_word(*command);
  return out;
}

// Inside single quotes of a shell.
std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

// A blank would end the pattern.
std::string bash_pattern(const CommandInfo& command) {
  return second_word(command).empty() ? command.name : "\"" + command.name + "\"";
}

std::string bash(const Grammar& grammar) {
  std::string out =
      "# bash completion for gna; made by `gna completion bash`\n"
      "_gna() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
      "  COMPREPLY=()\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '" +
      first_words(grammar) +
      " --help --version' -- \"$word\")\n"
      "    return\n"
      "  fi\n";
  for (const auto& [word, group] : groups(grammar))
    out += fmt::format(
        "  if [[ $command == {} ]]; then\n"
        "    if ((COMP_CWORD == 2)); then\n"
        "      mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n"
        "      return\n"
        "    fi\n"
        "    command=\"$command ${{COMP_WORDS[2]}}\"\n"
        "  fi\n",
        word, second_words(group));
  out += "  case $command:$before in\n";
  for (const auto& command : grammar.commands)
    for (const auto& flag : command.flags) {
      std::string pattern;
      for (const auto& name : flag.names) pattern += (pattern.empty() ? "" : "|") + bash_pattern(command) + ":" + name;
      switch (values_of(flag)) {
        case Values::none: break;
        case Values::choices:
          out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\"); return ;;\n", pattern,
                             fmt::join(flag.choices, " "));
          break;
        case Values::file:
          out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;\n", pattern);
          break;
        case Values::directory:
          out += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); return ;;\n", pattern);
          break;
        case Values::other: out += fmt::format("    {}) return ;;\n", pattern); break;
      }
    }
  out +=
      "  esac\n"
      "  case $command in\n";
  for (const auto& command : grammar.commands) {
    out += fmt::format(
        "    {})\n      if [[ $word == -* ]]; then\n"
        "        mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n",
        bash_pattern(command), names_of(command));
    if (!command.choices.empty())
      out += fmt::format("      else\n        mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")\n",
                         choices_of(command, grammar));
    else if (takes_files(command))
      out += "      else\n        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n";
    out += "      fi ;;\n";
  }
  out +=
      "  esac\n"
      "}\n"
      "complete -o filenames -F _gna gna\n";
  return out;
}

// Inside a zsh _arguments spec: brackets and colons have a meaning there.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh(const Grammar& grammar) {
  std::string out =
      "#compdef gna\n"
      "# zsh completion for gna; made by `gna completion zsh`\n"
      "_gna() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const auto& command : grammar.commands)
    if (second_word(command).empty()) out += "    " + quoted(command.name + ":" + zsh_text(command.summary)) + "\n";
  for (const auto& [word, group] : groups(grammar)) out += "    " + quoted(word + ":" + second_words(group)) + "\n";
  out +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n";
  for (const auto& [word, group] : groups(grammar)) {
    out += fmt::format("  if [[ $command == {} ]]; then\n    commands=(\n", word);
    for (const auto* command : group)
      out += "      " + quoted(second_word(*command) + ":" + zsh_text(command->summary)) + "\n";
    out +=
        "    )\n"
        "    if ((CURRENT == 3)); then\n"
        "      _describe command commands\n"
        "      return\n"
        "    fi\n"
        "    command=\"$command $words[3]\"\n"
        "    shift words\n"
        "    ((CURRENT--))\n"
        "  fi\n";
  }
  out +=
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $command in\n";
  for (const auto& command : grammar.commands) {
    out += "    " + bash_pattern(command) + ")\n      _arguments -S";
    for (const auto& flag : command.flags) {
      std::string action;
      switch (values_of(flag)) {
        case Values::none: break;
        case Values::choices: action = fmt::format(":{}:({})", flag.value, fmt::join(flag.choices, " ")); break;
        case Values::file: action = ":file:_files"; break;
        case Values::directory: action = ":directory:_files -/"; break;
        case Values::other: action = fmt::format(":{}: ", flag.value); break;
      }
      for (const auto& name : flag.names)
        out += " \\\n        " + quoted(fmt::format("*{}[{}]{}", name, zsh_text(flag.text), action));
    }
    if (!command.choices.empty())
      out += " \\\n        " + quoted(fmt::format("1:{}:({})", command.arguments, choices_of(command, grammar)));
    else if (takes_files(command))
      out += " \\\n        " + quoted("*:file:_files");
    out += "\n      ;;\n";
  }
  out +=
      "  esac\n"
      "}\n"
      "if [ \"$funcstack[1]\" = _gna ]; then\n"
      "  _gna \"$@\"\n"
      "else\n"
      "  compdef _gna gna\n"
      "fi\n";
  return out;
}

std::string fish(const Grammar& grammar) {
  std::string out =
      "# fish completion for gna; made by `gna completion fish`\n"
      "complete -c gna -f\n"
      "function __gna_is\n"
      "  set -l words (commandline -opc)\n"
      "  set -e words[1]\n"
      "  string match -q -- \"$argv\" \"$words[1]\"; or string match -q -- \"$argv\" \"$words[1] $words[2]\"\n"
      "end\n";
  const auto offer = [&out](const std::string& before, const std::string& word, const std::string& text) {
    out += fmt::format("complete -c gna -n '__gna_is \"{}\"' -a {} -d {}\n", before, word, quoted(text));
  };
  for (const auto& command : grammar.commands)
    if (second_word(command).empty()) offer("", command.name, command.summary);
  for (const auto& [word, group] : groups(grammar)) {
    offer("", word, second_words(group));
    for (const auto* command : group) offer(word + " ", second_word(*command), command->summary);
  }
  for (const auto& command : grammar.commands) {
    const auto condition = fmt::format("complete -c gna -n '__gna_is \"{}\"'", command.name);
    for (const auto& flag : command.flags) {
      out += condition;
      for (const auto& name : flag.names) out += name.size() == 2 ? " -s " + name.substr(1) : " -l " + name.substr(2);
      switch (values_of(flag)) {
        case Values::none: break;
        case Values::choices: out += fmt::format(" -x -a '{}'", fmt::join(flag.choices, " ")); break;
        case Values::file: out += " -r -F"; break;
        case Values::directory: out += " -x -a '(__fish_complete_directories)'"; break;
        case Values::other: out += " -x"; break;
      }
      out += " -d " + quoted(flag.text) + "\n";
    }
    if (!command.choices.empty())
      out += fmt::format("{} -a '{}'\n", condition, choices_of(command, grammar));
    else if (takes_files(command))
      out += condition + " -F\n";
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const Grammar& grammar) {
  if (shell == "zsh") return zsh(grammar);
  return shell == "fish" ? fish(grammar) : bash(grammar);
}

}  // namespace gna::cli
