// One connection to systemd over D-Bus: many calls under way at a time, one thread.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "backends/systemd/bus.h"
#include "backends/systemd/libsystemd.h"

namespace gna::systemd {

using Argument = std::variant<std::string, std::vector<std::string>, bool>;

struct Call {
  std::string path = {};
  std::string interface = {};
  std::string member = {};
  std::vector<Argument> arguments = {};
};

// Why a call has no reply.
struct CallError {
  Error error = {};
  // systemd or the bus went away while it waited: asking again helps, and whether
  // the call had its effect is not known.
  bool vanished = false;
};

// To be read with Libsystemd's sd_bus_message_read… during the call-back only.
using Reply = std::expected<sd_bus_message*, CallError>;
using OnReply = std::function<void(const Reply&)>;

struct JobRemoved {
  std::string job_path = {};
  std::string result = {};
};

class Connection {
 public:
  // Errors: Unavailable, if nobody answers there; Unsupported, without libsystemd.
  static Result<std::unique_ptr<Connection>> open(const BusOptions& options, Deadline by);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const Libsystemd& api() const { return api_; }
  bool is_open() const;

  // Queues the call; on_reply runs inside turn().
  void send(const Call& call, Deadline by, OnReply on_reply);
  std::size_t under_way() const { return in_flight_.size() + waiting_.size(); }

  // From now on `heard` is told of jobs that ended. Takes effect before any call sent later.
  Result<void> watch_jobs(std::function<void(JobRemoved)> heard);

  void stop_watching() { heard_ = nullptr; }

  // Answers every call that is under way with `vanished`.
  void abandon();

  // Does one piece of work, or waits for one until then.
  // Errors: Unavailable: the connection is gone, every call has been answered with `vanished`.
  Result<void> turn(Deadline until);

 private:
  struct InFlight {
    Connection* connection = nullptr;
    sd_bus_slot* slot = nullptr;
    Deadline by = {};
    OnReply on_reply = {};
    std::list<InFlight>::iterator self = {};
  };
  struct Waiting {
    Call call = {};
    Deadline by = {};
    OnReply on_reply = {};
  };

  Connection(const Libsystemd& api, sd_bus* bus, bool direct) : api_(api), bus_(bus), direct_(direct) {}
  Result<void> become_ready(Deadline by);
  int transmit(Waiting&& waiting);
  void fill_window();
  CallError explain(sd_bus_message* message, Deadline by) const;
  static int on_message(sd_bus_message* message, void* userdata, sd_bus_error* ignored);
  static int on_job_removed(sd_bus_message* message, void* userdata, sd_bus_error* ignored);

  const Libsystemd& api_;
  sd_bus* bus_ = nullptr;
  bool direct_ = false;  // to systemd itself, no bus between
  sd_bus_slot* jobs_ = nullptr;
  std::function<void(JobRemoved)> heard_ = {};
  std::list<InFlight> in_flight_ = {};
  std::deque<Waiting> waiting_ = {};
};

}  // namespace gna::systemd
