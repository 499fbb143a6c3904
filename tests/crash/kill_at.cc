// gna-kill-at [--calls FILE] [--acting N | --looking N | --before TEXT | --after TEXT] COMMAND...
//
// Runs a command and kills it with SIGKILL before its Nth call (from 0) that acts or looks, or before or after
// the first call whose line has TEXT in it. What acts changes files, or asks systemd over D-Bus for a change; other
// messages look. The lines of all calls up to then go to FILE: "acts rename /etc/x", "acts message RestartUnit
// x.service". The exit code is the command's, or 137 if it was killed.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/tracer.h"

namespace {

using namespace gna::crash;
using namespace std::string_view_literals;

struct Message {
  std::string member = {};  // empty: not D-Bus
  std::string unit = {};    // that it names first
};

// In a D-Bus message header field 3 is MEMBER, a string.
Message read_message(const std::string& bytes) {
  constexpr auto kMember = "\3\1s\0"sv;
  Message out;
  const auto field = bytes.find(kMember);
  std::uint32_t size = 0;
  if (field == std::string::npos || field + kMember.size() + sizeof size > bytes.size()) return out;
  std::memcpy(&size, bytes.data() + field + kMember.size(), sizeof size);
  out.member = bytes.substr(field + kMember.size() + sizeof size, size);
  if (const auto end = bytes.find(".service\0"sv, field); end != std::string::npos) {
    const auto begin = bytes.rfind('\0', end) + 1;
    out.unit = bytes.substr(begin, end + ".service"sv.size() - begin);
  }
  return out;
}

struct Line {
  bool acts = true;
  std::string text = {};
};

Line line_of(const Call& call) {
  constexpr std::array kActs = {"EnableUnitFiles"sv, "DisableUnitFiles"sv, "StartUnit"sv,
                                "StopUnit"sv,        "RestartUnit"sv,      "Reload"sv};
  if (call.op != Op::message) return {.text = std::string(name(call.op)) + " " + call.path};
  const auto message = read_message(call.bytes);
  Line out{.acts = std::ranges::find(kActs, message.member) != kActs.end(), .text = name(call.op)};
  if (!message.member.empty()) out.text += " " + message.member;
  if (!message.unit.empty()) out.text += " " + message.unit;
  return out;
}

struct Arguments {
  std::string calls = {};
  long acting = -1;
  long looking = -1;
  std::string before = {};
  std::string after = {};
  std::vector<std::string> command = {};
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  int i = 1;
  for (; i + 1 < argc && std::string_view(argv[i]).starts_with("--"); i += 2) {
    const std::string option = argv[i];
    const std::string value = argv[i + 1];
    if (option == "--calls")
      out.calls = value;
    else if (option == "--acting")
      out.acting = std::stol(value);
    else if (option == "--looking")
      out.looking = std::stol(value);
    else if (option == "--before")
      out.before = value;
    else if (option == "--after")
      out.after = value;
    else
      throw std::invalid_argument(option);
  }
  out.command.assign(argv + i, argv + argc);
  if (out.command.empty()) throw std::invalid_argument("no command");
  return out;
}

int run(const Arguments& arguments) {
  const Program program = {.argv = arguments.command,
                           .environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
                           .output = "/dev/stdout",
                           .record_bytes = true};
  std::ofstream calls(arguments.calls);
  long acted = 0;
  long looked = 0;
  const auto ended = trace(program, [&](std::size_t, const Call& call) -> Action {
    const auto line = line_of(call);
    calls << (line.acts ? "acts " : "looks ") << line.text << std::endl;
    const auto is = [&](const std::string& text) { return !text.empty() && line.text.find(text) != std::string::npos; };
    if ((line.acts ? acted++ == arguments.acting : looked++ == arguments.looking) || is(arguments.before))
      return {Action::Kind::kill_before};
    if (is(arguments.after)) return {Action::Kind::kill_after};
    return {};
  });
  return ended.signal == SIGKILL ? 128 + SIGKILL : ended.exit_code;
}

}  // namespace

int main(int argc, char** argv) try { return run(parse(argc, argv)); } catch (const std::exception& error) {
  std::cerr << "gna-kill-at: " << error.what() << "\n";
  return 125;
}
