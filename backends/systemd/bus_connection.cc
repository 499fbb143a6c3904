#include "backends/systemd/bus_connection.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "backends/systemd/errors.h"

namespace gna::systemd {

namespace {

constexpr const char* kDestination = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";

// dbus-daemon's built-in max_replies_per_connection is 128: beyond it calls are refused.
constexpr std::size_t kWindow = 64;

constexpr auto kConnectTimeout = std::chrono::seconds(10);
constexpr auto kLongest = std::chrono::hours(24);  // keeps far deadlines out of overflow

std::uint64_t microseconds_until(Deadline by) {
  const auto now = std::chrono::steady_clock::now();
  if (by <= now) return 1;  // 0 would mean "the default" to sd-bus
  if (by - now > kLongest) by = now + kLongest;
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(by - now).count()) + 1;
}

Error gone(int error_number, std::string_view step) {
  // Whatever the errno, a bus that does not answer may do so later; but not being
  // let in stays what it is.
  auto error = errno_error(error_number, step);
  if (error.code != Code::PermissionDenied && error.code != Code::DeadlineExceeded) error.code = Code::Unavailable;
  return error;
}

Result<void> append(const Libsystemd& api, sd_bus_message* message, const Call& call) {
  int r = 0;
  for (const auto& argument : call.arguments) {
    if (const auto* text = std::get_if<std::string>(&argument)) {
      r = api.sd_bus_message_append(message, "s", text->c_str());
    } else if (const auto* flag = std::get_if<bool>(&argument)) {
      r = api.sd_bus_message_append(message, "b", *flag ? 1 : 0);
    } else {
      std::vector<char*> words;
      for (const auto& word : std::get<std::vector<std::string>>(argument))
        words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      r = api.sd_bus_message_append_strv(message, words.data());
    }
    if (r < 0) return fail_errno(-r, call.member);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const BusOptions& options, Deadline by) {
  GNA_LET(api, libsystemd());
  by = std::min(by, std::chrono::steady_clock::now() + kConnectTimeout);

  const auto start = [&](const std::string& address, bool direct) -> Result<std::unique_ptr<Connection>> {
    sd_bus* bus = nullptr;
    int r = 0;
    if (address.empty()) {
      r = api->sd_bus_open_system(&bus);
    } else {
      r = api->sd_bus_new(&bus);
      if (r >= 0) r = api->sd_bus_set_address(bus, address.c_str());
      if (r >= 0 && !direct) r = api->sd_bus_set_bus_client(bus, 1);
      if (r >= 0) r = api->sd_bus_start(bus);
    }
    if (r < 0) {
      if (bus != nullptr) api->sd_bus_close_unref(bus);
      return std::unexpected(gone(-r, "connect to " + (address.empty() ? "the system bus" : address)));
    }
    std::unique_ptr<Connection> connection(new Connection(*api, bus, direct));
    GNA_TRY_AT("connect to " + (address.empty() ? "the system bus" : address), connection->become_ready(by));
    return connection;
  };

  auto first = start(options.address, false);
  if (first || !options.address.empty() || ::geteuid() != 0) return first;
  auto second = start("unix:path=" + options.private_socket, true);
  if (second) return second;
  first.error().message += "; " + second.error().message;
  return first;
}

Connection::~Connection() {
  for (auto& call : in_flight_) api_.sd_bus_slot_unref(call.slot);
  api_.sd_bus_slot_unref(jobs_);
  api_.sd_bus_close_unref(bus_);
}

bool Connection::is_open() const { return api_.sd_bus_is_open(bus_) > 0; }

Result<void> Connection::become_ready(Deadline by) {
  while (true) {
    const int ready = api_.sd_bus_is_ready(bus_);
    if (ready < 0) return std::unexpected(gone(-ready, "greet"));
    if (ready > 0) return {};
    if (std::chrono::steady_clock::now() >= by) return fail(Code::Unavailable, "greet: no answer");
    GNA_TRY(turn(by));
  }
}

void Connection::send(const Call& call, Deadline by, OnReply on_reply) {
  waiting_.push_back({call, by, std::move(on_reply)});
  fill_window();
}

void Connection::fill_window() {
  while (!waiting_.empty() && in_flight_.size() < kWindow) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    const auto on_reply = next.on_reply;
    if (const int r = transmit(std::move(next)); r < 0)
      on_reply(std::unexpected(CallError{gone(-r, "send"), !is_open()}));
  }
}

int Connection::transmit(Waiting&& waiting) {
  sd_bus_message* message = nullptr;
  int r = api_.sd_bus_message_new_method_call(bus_, &message, kDestination, waiting.call.path.c_str(),
                                              waiting.call.interface.c_str(), waiting.call.member.c_str());
  if (r < 0) return r;
  // Nobody else may start a systemd; without this the bus would try to while it is re-executed.
  api_.sd_bus_message_set_auto_start(message, 0);
  if (auto appended = append(api_, message, waiting.call); !appended) {
    api_.sd_bus_message_unref(message);
    return -EINVAL;
  }
  auto& call = in_flight_.emplace_back();
  call = {this, nullptr, waiting.by, std::move(waiting.on_reply), std::prev(in_flight_.end())};
  r = api_.sd_bus_call_async(bus_, &call.slot, message, &Connection::on_message, &call, microseconds_until(call.by));
  api_.sd_bus_message_unref(message);
  if (r < 0) in_flight_.pop_back();
  return r;
}

CallError Connection::explain(sd_bus_message* message, Deadline by) const {
  const sd_bus_error* foreign = api_.sd_bus_message_get_error(message);
  CallError out = {{code_of_dbus_error(foreign->name, api_.sd_bus_error_get_errno(foreign)),
                    foreign->message != nullptr ? foreign->message : foreign->name}};
  // NoReply is said by our own clock and by the bus, when the other side leaves.
  const bool in_time = std::chrono::steady_clock::now() < by;
  out.vanished = !is_open() || means_absence(foreign->name) || (out.error.code == Code::DeadlineExceeded && in_time);
  return out;
}

int Connection::on_message(sd_bus_message* message, void* userdata, sd_bus_error*) {
  auto* call = static_cast<InFlight*>(userdata);
  auto& connection = *call->connection;
  const auto on_reply = std::move(call->on_reply);
  const auto by = call->by;
  connection.api_.sd_bus_slot_unref(call->slot);
  connection.in_flight_.erase(call->self);
  if (connection.api_.sd_bus_message_get_error(message) != nullptr)
    on_reply(std::unexpected(connection.explain(message, by)));
  else
    on_reply(message);
  connection.fill_window();
  return 1;
}

Result<void> Connection::watch_jobs(std::function<void(JobRemoved)> heard) {
  heard_ = std::move(heard);
  if (jobs_ != nullptr) return {};
  // A direct connection has no names, so no sender to match.
  const int r =
      api_.sd_bus_match_signal_async(bus_, &jobs_, direct_ ? nullptr : kDestination, kManagerPath, kManagerInterface,
                                     "JobRemoved", &Connection::on_job_removed, nullptr, this);
  if (r < 0) return std::unexpected(gone(-r, "watch jobs"));
  return {};
}

int Connection::on_job_removed(sd_bus_message* message, void* userdata, sd_bus_error*) {
  auto& connection = *static_cast<Connection*>(userdata);
  std::uint32_t id = 0;
  const char* path = nullptr;
  const char* unit = nullptr;
  const char* result = nullptr;
  if (connection.api_.sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0) return 0;
  if (connection.heard_) connection.heard_({path, result});
  return 0;
}

void Connection::abandon() {
  const CallError lost = {{Code::Unavailable, "the connection to systemd broke"}, true};
  const auto waiting = std::exchange(waiting_, {});
  const auto in_flight = std::exchange(in_flight_, {});
  for (const auto& call : in_flight) {
    api_.sd_bus_slot_unref(call.slot);
    call.on_reply(std::unexpected(lost));
  }
  for (const auto& call : waiting) call.on_reply(std::unexpected(lost));
}

Result<void> Connection::turn(Deadline until) {
  int r = api_.sd_bus_process(bus_, nullptr);
  if (r == 0) r = api_.sd_bus_wait(bus_, microseconds_until(until));
  if (r == -EINTR) return {};
  if (r < 0) {
    abandon();
    return std::unexpected(gone(-r, "talk to systemd"));
  }
  return {};
}

}  // namespace gna::systemd
