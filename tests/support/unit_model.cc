#include "tests/support/unit_model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "backends/systemd/install_section.h"

namespace gna::support {

namespace {

constexpr std::array<std::string_view, 7> kVerbs = {"enable",  "disable",       "start", "stop",
                                                    "restart", "daemon-reload", "status"};

std::optional<int> ordinal(std::string_view word) {
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const std::string_view rest(end, static_cast<std::size_t>(word.data() + word.size() - end));
  if (error != std::errc() || (rest != "st" && rest != "nd" && rest != "rd" && rest != "th")) return std::nullopt;
  return value;
}

}  // namespace

Mishap parse_mishap(std::string_view line) {
  const auto wrong = [&](std::string_view why) {
    return std::invalid_argument(fmt::format("script line \"{}\": {}", line, why));
  };
  std::istringstream in{std::string(line)};
  const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
  std::size_t at = 0;
  const auto peek = [&]() -> std::string { return at < words.size() ? words[at] : ""; };
  const auto take = [&] { return at < words.size() ? words[at++] : std::string(); };

  Mishap out;
  const auto kind = take();
  if (kind == "fail")
    out.kind = Mishap::Kind::fail;
  else if (kind == "delay")
    out.kind = Mishap::Kind::delay;
  else if (kind == "vanish")
    out.kind = Mishap::Kind::vanish_at;
  else
    throw wrong("begins with fail, delay or vanish");
  if (out.kind == Mishap::Kind::vanish_at) {
    const auto when = take();
    if (when == "after")
      out.kind = Mishap::Kind::vanish_after;
    else if (when != "at")
      throw wrong("lacks \"at\" or \"after\"");
  }
  if (const auto nth = ordinal(peek())) {
    out.nth = *nth;
    take();
  }
  out.verb = take();
  if (std::ranges::find(kVerbs, out.verb) == kVerbs.end()) throw wrong("unknown verb");
  if (peek() == "of") {
    take();
    out.unit = take();
  }
  if (out.kind == Mishap::Kind::fail) {
    if (take() != "with") throw wrong("lacks \"with\"");
    out.word = take();
    if (out.word.empty()) throw wrong("lacks what to fail with");
  } else if (out.kind == Mishap::Kind::delay) {
    if (take() != "by") throw wrong("lacks \"by\"");
    const auto text = take();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.milliseconds);
    if (error != std::errc() || std::string_view(end) != "ms") throw wrong("a delay is a number and \"ms\"");
  }
  if (at != words.size()) throw wrong("has words too many");
  return out;
}

std::vector<Mishap> UnitScript::next(const std::string& verb, const std::string& unit) {
  const int of_unit = ++seen_[verb + " " + unit];
  const int of_all = unit.empty() ? of_unit : ++seen_[verb + " "];
  std::vector<Mishap> out;
  for (const auto& mishap : mishaps_) {
    if (mishap.verb != verb || (!mishap.unit.empty() && mishap.unit != unit)) continue;
    const int count = mishap.unit.empty() ? of_all : of_unit;
    if (mishap.nth == 0 || mishap.nth == count) out.push_back(mishap);
  }
  return out;
}

ModelUnit ModelUnit::of(const std::string& name, const std::string& text) {
  ModelUnit out;
  if (text.empty()) {
    out.load = out.enablement = "masked";
    return out;
  }
  systemd::InstallSection install;
  systemd::read_install_section(text, name, install);
  if (!install.has_rules()) out.enablement = "static";
  std::istringstream in(text);
  constexpr std::string_view kType = "Type=", kSleep = "ExecStartPre=/bin/sleep ";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kType)) out.type = line.substr(kType.size());
    if (line.starts_with(kSleep))
      out.start_ms = static_cast<std::uint32_t>(std::stod(line.substr(kSleep.size())) * 1000);
    if (line == "ExecStart=/bin/false") out.breaks = true;
  }
  return out;
}

std::string ModelUnit::invocation() const { return starts == 0 ? "" : fmt::format("{:032x}", starts); }

void ModelUnit::start() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  last_started_us =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
  ++starts;
  const bool runs_through = type == "oneshot";
  active = runs_through ? "inactive" : "active";
  sub = runs_through ? "dead" : "running";
  result = "success";
}

void ModelUnit::stop() {
  active = "inactive";
  sub = "dead";
}

void ModelUnit::fail() {
  active = sub = "failed";
  result = "exit-code";
}

}  // namespace gna::support
