#include "agent/cli/diff_text.h"

#include <fmt/core.h>

#include "agent/cli/documents.h"
#include "agent/cli/steps.h"
#include "agent/cli/text.h"
#include "agent/cli/unified_diff.h"
#include "gna/base/digest.h"

namespace gna::cli {
namespace {

std::string summarised(std::string_view bytes) {
  return fmt::format("{} bytes, sha256 {}", bytes.size(), sha256_hex(bytes).substr(0, 12));
}

struct Mark {
  char sign;
  Colour colour;
};

Mark mark_of(plan::Verb verb) {
  switch (verb) {
    case plan::Verb::create:
    case plan::Verb::pull:
    case plan::Verb::start:
    case plan::Verb::enable: return {'+', Colour::green};
    case plan::Verb::remove:
    case plan::Verb::stop:
    case plan::Verb::disable: return {'-', Colour::red};
    case plan::Verb::update:
    case plan::Verb::patch: return {'~', Colour::yellow};
    case plan::Verb::restart:
    case plan::Verb::reload: return {'!', Colour::cyan};
  }
  return {' ', Colour::none};
}

std::string_view disruption_words(plan::Disruption disruption) {
  switch (disruption) {
    case plan::Disruption::none: return "";
    case plan::Disruption::restartsUnit: return "restarts a unit";
    case plan::Disruption::restartsContainerd: return "restarts containerd";
    case plan::Disruption::restartsKubelet: return "restarts the kubelet";
    case plan::Disruption::restartsAgent: return "restarts the agent";
    case plan::Disruption::reboots: return "reboots";
  }
  return "";
}

void print_content(Console& console, const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    const auto line = std::string_view(text).substr(at, end - at);
    const auto colour = line.starts_with("@@")  ? Colour::cyan
                        : line.starts_with('+') ? Colour::green
                        : line.starts_with('-') ? Colour::red
                                                : Colour::none;
    console.out("    " + std::string(line) + "\n", colour);
    at = end == std::string::npos ? text.size() : end + 1;
  }
}

}  // namespace

std::string content_change(const plan::WriteFile& write, bool secret, const CurrentFile& now, const Masker& masker) {
  if ((secret || now.secret) && !masker.shows_secrets()) {
    if (!now.exists) return "content " + masker.mark(write.bytes) + "\n";
    if (now.bytes == write.bytes) return {};
    return "content " + masker.mark(now.bytes) + " becomes " + masker.mark(write.bytes) + "\n";
  }
  if (!now.exists && write.bytes.empty()) return "empty\n";
  if (now.exists && !now.too_large && now.bytes == write.bytes) return {};
  if (now.too_large || write.bytes.size() > kShownBytes || is_binary(write.bytes) || is_binary(now.bytes)) {
    const auto before = now.too_large ? "too large to show" : summarised(now.bytes);
    return now.exists ? "content: " + before + ", becomes " + summarised(write.bytes) + "\n"
                      : "content: " + summarised(write.bytes) + "\n";
  }
  // Masked before they are compared: equal secrets have equal marks, and no mark is ever cut in two by a hunk.
  return unified_diff(masker.text(now.bytes), masker.text(write.bytes));
}

std::string mode_change(const plan::WriteFile& write, const CurrentFile& now) {
  if (!now.exists || now.mode == write.mode) return {};
  return "mode " + octal(now.mode) + " becomes " + octal(write.mode) + "\n";
}

void print_plan(Console& console, const plan::Plan& plan, const ReadCurrent& read_current) {
  for (const auto& stage : plan.stages)
    for (const auto& step : stage.steps) {
      const auto mark = mark_of(step.verb);
      std::string line = fmt::format("{} {}", mark.sign, step_words(step));
      std::string beside = step.reason;
      if (const auto disruption = disruption_words(step.disruption); !disruption.empty())
        beside += (beside.empty() ? "" : "; ") + std::string(disruption);
      if (!beside.empty()) line += "  (" + beside + ")";
      console.out(line + "\n", mark.colour);
      if (const auto* write = std::get_if<plan::WriteFile>(&step.action)) {
        const auto now = read_current(write->path);
        print_content(console, mode_change(*write, now) + content_change(*write, step.secret, now, console.masker()));
      }
    }
  const auto counts = count(plan);
  if (!plan.empty())
    console.out(fmt::format("{} to create, {} to update, {} to delete, {} to restart\n", counts.create, counts.update,
                            counts.remove, counts.restart),
                Colour::bold);
}

}  // namespace gna::cli
