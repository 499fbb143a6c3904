// A client of systemd that outlives its connections: questions are asked again when
// systemd is re-executed or the bus is restarted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends/systemd/bus_connection.h"

namespace gna::systemd {

// What ListUnitsByNames tells of one unit.
struct ListedUnit {
  std::string load = {};
  std::string active = {};
  std::string sub = {};
  std::string job_path = {};  // "/" without a job
  bool has_job() const { return !job_path.empty() && job_path != "/"; }
};

// How a unit is when one has to judge what became of its job.
struct Sight {
  ListedUnit now = {};
  std::string result = {};            // Service.Result
  std::uint64_t last_started_us = 0;  // InactiveExitTimestampMonotonic, CLOCK_MONOTONIC
  std::string text() const { return now.active + " (" + now.sub + ")"; }
};

class BusClient {
 public:
  explicit BusClient(BusOptions options) : options_(std::move(options)) {}

  const BusOptions& options() const { return options_; }
  bool connected() const { return connection_ != nullptr; }
  int generation() const { return generation_; }     // counts connections
  Connection& connection() { return *connection_; }  // if connected()
  const Libsystemd& api() const { return connection_->api(); }

  // Errors: Unavailable, if nobody answers; who has answered before is given some seconds.
  Result<void> connect(Deadline by);

  // A question of many calls, all sent before the first answer is waited for.
  class Asking {
   public:
    // An error from `read` becomes the question's, but the other answers are read first.
    void call(const Call& call, std::function<Result<void>(const Reply&)> read);

   private:
    friend class BusClient;
    Asking(Connection& connection, Deadline by) : connection_(connection), by_(by) {}
    Connection& connection_;
    Deadline by_;
    std::size_t open_ = 0;
    std::optional<Error> failed_ = {};
    bool vanished_ = false;
  };
  // `send` is called again, if systemd went away meanwhile: what it collects has to bear that.
  Result<void> ask(Deadline by, const std::function<void(Asking&)>& send);
  // One call whose answer says nothing.
  Result<void> tell(const Call& call, Deadline by);

  Result<std::map<std::string, Sight>> look_at(const std::set<std::string>& units, Deadline by);

  // A moment, in which what arrives is dealt with.
  void pause(Deadline by);

 private:
  Deadline patience() const;

  BusOptions options_;
  std::unique_ptr<Connection> connection_ = {};
  int generation_ = 0;
  bool spoken_ = false;  // systemd has answered once
};

Call manager_call(std::string member, std::vector<Argument> arguments = {});
inline constexpr const char* kUnitInterface = "org.freedesktop.systemd1.Unit";
inline constexpr const char* kServiceInterface = "org.freedesktop.systemd1.Service";
Call get_property(const std::string& unit, const char* interface, const char* name);

// The answers of ListUnitsByNames and of Properties.Get; empty where it is something else.
std::vector<ListedUnit> read_units(const Libsystemd& api, sd_bus_message* reply);
std::string read_text(const Libsystemd& api, sd_bus_message* reply);
bool read_flag(const Libsystemd& api, sd_bus_message* reply);
std::uint64_t read_number(const Libsystemd& api, sd_bus_message* reply);
std::string read_bytes_as_hex(const Libsystemd& api, sd_bus_message* reply);
bool read_whether_any_text(const Libsystemd& api, sd_bus_message* reply);  // of a list of strings

}  // namespace gna::systemd
