#include "provision/machine_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "agent/containerd/hosts_toml.h"

namespace gna::provision {
namespace {

constexpr std::string_view kFirstLine = "gna-provision 1";

std::string_view next_word(std::string_view& text, char end = ' ') {
  const auto word = text.substr(0, text.find(end));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

template <typename Number>
bool read_number(std::string_view text, Number& out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Code::Corrupt, fmt::format("{}: {}", kStatePath, what));
}

// Only what lies below certs.d can be ours: whatever the file says, nothing else is taken away.
Result<WrittenFile> read_file_line(std::string_view rest) {
  WrittenFile out;
  out.sha256 = next_word(rest);
  const auto mode = next_word(rest);
  out.path = rest;
  if (!is_sha256(out.sha256) || !read_number(mode, out.mode, 8) || out.mode > 0777 || !is_below_certs(out.path) ||
      out.path.contains("/../") || out.path.ends_with("/.."))
    return corrupt("a line for a file makes no sense");
  return out;
}

}  // namespace

bool is_below_certs(std::string_view path) {
  const std::string_view certs = containerd::kCertsDirectory;
  return path.starts_with(certs) && path.substr(certs.size()).starts_with('/');
}

std::string write(const std::vector<WrittenFile>& files) {
  std::string out;
  for (const auto& file : files) out += fmt::format("file {} {:04o} {}\n", file.sha256, file.mode, file.path);
  return out;
}

std::vector<WrittenFile> parse_written(std::string_view text) {
  std::vector<WrittenFile> out;
  while (!text.empty()) {
    auto line = next_word(text, '\n');
    if (next_word(line) != "file") continue;
    if (auto file = read_file_line(line)) out.push_back(std::move(*file));
  }
  return out;
}

std::string write(const MachineState& state) {
  auto out = fmt::format("{}\ngeneration {}\nsha256 {}\n", kFirstLine, state.generation, state.sha256);
  if (!state.machine.empty()) out += fmt::format("machine {}\n", state.machine);
  return out + fmt::format("phase {}\n", state.phase) + write(state.files);
}

Result<MachineState> parse_machine_state(std::string_view text) {
  if (next_word(text, '\n') != kFirstLine) return corrupt("is of another version, or damaged");
  MachineState out;
  while (!text.empty()) {
    auto line = next_word(text, '\n');
    const auto key = next_word(line);
    if (key == "generation") {
      if (!read_number(line, out.generation)) return corrupt("generation is no number");
    } else if (key == "sha256") {
      out.sha256 = line;
    } else if (key == "machine") {
      out.machine = line;
    } else if (key == "phase") {
      out.phase = line;
    } else if (key == "file") {
      GNA_LET(file, read_file_line(line));
      out.files.push_back(std::move(file));
    }
  }
  if (!is_sha256(out.sha256)) return corrupt("sha256 is none");
  return out;
}

Verdict decide(const std::optional<MachineState>& before, const MachineState& wanted, bool taken_over) {
  if (taken_over) return {.apply = false, .why = "the agent has taken over: nothing to do"};
  if (!before) return {};
  if (!before->machine.empty() && before->machine != wanted.machine)
    return {.why = "this disk comes from another machine: everything is applied anew"};
  if (before->sha256 == wanted.sha256) {
    if (before->phase == kDonePhase)
      return {.apply = false,
              .why = fmt::format("generation {} is applied already: nothing to do", before->generation)};
    return {.why =
                fmt::format("generation {} was cut short after {}: it is resumed", before->generation, before->phase)};
  }
  if (before->generation >= wanted.generation)
    return {.apply = false,
            .why = fmt::format("generation {} is applied, this is {}: nothing to do", before->generation,
                               wanted.generation)};
  return {.why = fmt::format("generation {} follows {}", wanted.generation, before->generation)};
}

}  // namespace gna::provision
