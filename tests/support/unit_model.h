// Units as a fake systemd knows them: what runs, what is enabled, what was asked for in
// which order, and what shall go wrong.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gna::support {

// One thing that shall go wrong or last:
//   fail [Nth] VERB [of UNIT] with WORD     "fail 2nd restart of demo.service with Unavailable"
//   delay [Nth] VERB [of UNIT] by NUMBERms  "delay restart of demo.service by 200ms"
//   vanish at [Nth] VERB [of UNIT]          nothing done, no answer, nobody there for a moment
//   vanish after [Nth] VERB [of UNIT]       done, but no answer, nobody there for a moment
// VERB: enable, disable, start, stop, restart, daemon-reload, status. Without Nth every time.
// WORD: a gna Code; a job result (failed, timeout, dependency, …); a D-Bus error's name.
struct Mishap {
  enum class Kind { fail, delay, vanish_at, vanish_after } kind = Kind::fail;
  int nth = 0;  // 0: every time
  std::string verb = {};
  std::string unit = {};
  std::string word = {};
  std::uint32_t milliseconds = 0;
};

// Throws std::invalid_argument.
Mishap parse_mishap(std::string_view line);

class UnitScript {
 public:
  void add(std::string_view line) { mishaps_.push_back(parse_mishap(line)); }
  // The operation happens once more: what befalls it.
  std::vector<Mishap> next(const std::string& verb, const std::string& unit);

 private:
  std::vector<Mishap> mishaps_ = {};
  std::map<std::string, int> seen_ = {};  // "VERB UNIT" → times
};

struct ModelUnit {
  std::string load = "loaded";
  std::string active = "inactive";
  std::string sub = "dead";
  std::string type = "simple";
  std::string enablement = "disabled";  // also static, masked, …; empty: no unit file
  std::string result = "success";       // Service.Result
  bool triggered = false;
  bool need_reload = false;
  bool job_queued = false;
  bool breaks = false;         // its starts fail
  std::uint32_t start_ms = 0;  // how long it takes to start
  int starts = 0;
  std::uint64_t last_started_us = 0;  // CLOCK_MONOTONIC

  // The unit as its file describes it. Understood: Type=, [Install] or none, ExecStart=/bin/false,
  // ExecStartPre=/bin/sleep SECONDS; no text at all masks it.
  static ModelUnit of(const std::string& name, const std::string& text);

  // 32 hex digits that change with each start; empty before the first.
  std::string invocation() const;
  bool exists() const { return load != "not-found"; }
  void start();  // active (running), or for a oneshot inactive (dead)
  void stop();
  void fail();
};

}  // namespace gna::support
