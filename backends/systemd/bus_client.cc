#include "backends/systemd/bus_client.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "backends/systemd/unit_name.h"
#include "gna/base/log.h"

namespace gna::systemd {

namespace {

// How long a systemd that went away (it is re-executed in well under a second) is waited
// for; less if it never answered, as on a machine without one.
constexpr auto kPatience = std::chrono::seconds(10);
constexpr auto kFirstPatience = std::chrono::seconds(1);
constexpr auto kPause = std::chrono::milliseconds(50);

using Clock = std::chrono::steady_clock;

std::string to_hex(const void* bytes, std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace

Call manager_call(std::string member, std::vector<Argument> arguments) {
  return {"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", std::move(member), std::move(arguments)};
}

Call get_property(const std::string& unit, const char* interface, const char* name) {
  return {
      unit_object_path(unit), "org.freedesktop.DBus.Properties", "Get", {std::string(interface), std::string(name)}};
}

std::vector<ListedUnit> read_units(const Libsystemd& api, sd_bus_message* reply) {
  std::vector<ListedUnit> out;
  if (api.sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0) return out;
  const char *id, *description, *load, *active, *sub, *following, *path, *job_type, *job_path;
  std::uint32_t job = 0;
  while (api.sd_bus_message_read(reply, "(ssssssouso)", &id, &description, &load, &active, &sub, &following, &path,
                                 &job, &job_type, &job_path) > 0)
    out.push_back({load, active, sub, job_path});
  return out;
}

std::string read_text(const Libsystemd& api, sd_bus_message* reply) {
  const char* value = nullptr;
  return api.sd_bus_message_read(reply, "v", "s", &value) >= 0 && value != nullptr ? value : "";
}

bool read_flag(const Libsystemd& api, sd_bus_message* reply) {
  int value = 0;
  return api.sd_bus_message_read(reply, "v", "b", &value) >= 0 && value != 0;
}

std::uint64_t read_number(const Libsystemd& api, sd_bus_message* reply) {
  std::uint64_t value = 0;
  return api.sd_bus_message_read(reply, "v", "t", &value) >= 0 ? value : 0;
}

std::string read_bytes_as_hex(const Libsystemd& api, sd_bus_message* reply) {
  const void* bytes = nullptr;
  std::size_t size = 0;
  if (api.sd_bus_message_enter_container(reply, 'v', "ay") < 0) return {};
  return api.sd_bus_message_read_array(reply, 'y', &bytes, &size) >= 0 ? to_hex(bytes, size) : std::string();
}

bool read_whether_any_text(const Libsystemd& api, sd_bus_message* reply) {
  const char* first = nullptr;
  return api.sd_bus_message_enter_container(reply, 'v', "as") >= 0 &&
         api.sd_bus_message_enter_container(reply, 'a', "s") >= 0 && api.sd_bus_message_read(reply, "s", &first) > 0;
}

Deadline BusClient::patience() const {
  return Clock::now() + (spoken_ ? Deadline::duration(kPatience) : Deadline::duration(kFirstPatience));
}

Result<void> BusClient::connect(Deadline by) {
  if (connection_ != nullptr && connection_->is_open()) return {};
  if (connection_ != nullptr) {
    connection_->abandon();
    connection_.reset();
  }
  const auto give_up = std::min(by, patience());
  while (true) {
    auto opened = Connection::open(options_, by);
    if (opened) {
      connection_ = std::move(*opened);
      ++generation_;
      return {};
    }
    // Who was never there is not waited for.
    if (!spoken_ || opened.error().code != Code::Unavailable || Clock::now() >= give_up)
      return std::unexpected(std::move(opened).error());
    pause(give_up);
  }
}

void BusClient::pause(Deadline by) {
  const auto until = std::min(by, Clock::now() + kPause);
  while (Clock::now() < until) {
    if (connection_ != nullptr && connection_->is_open() && connection_->turn(until)) continue;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    ::poll(nullptr, 0, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  }
}

void BusClient::Asking::call(const Call& call, std::function<Result<void>(const Reply&)> read) {
  ++open_;
  connection_.send(call, by_, [this, read = std::move(read)](const Reply& reply) {
    --open_;
    if (!reply && reply.error().vanished) {
      vanished_ = true;
      failed_ = reply.error().error;
    } else if (auto taken = read(reply); !taken && !failed_) {
      failed_ = std::move(taken).error();
    }
  });
}

Result<void> BusClient::ask(Deadline by, const std::function<void(Asking&)>& send) {
  by = std::min<Deadline>(by, Clock::now() + options_.per_question);
  const auto give_up = std::min(by, patience());
  while (true) {
    GNA_TRY(connect(by));
    Asking asking(*connection_, by);
    send(asking);
    // Each call ends: with its reply, its deadline or the connection. So none outlives `asking`.
    while (asking.open_ > 0 && connection_->turn(by)) continue;
    if (!asking.vanished_) {
      spoken_ = true;
      if (asking.failed_) return std::unexpected(std::move(*asking.failed_));
      return {};
    }
    if (Clock::now() >= give_up) return std::unexpected(std::move(*asking.failed_));
    log::event(log::Level::debug, "systemd-away", "systemd went away and is asked again",
               {{"error", asking.failed_->message}});
    pause(give_up);
  }
}

Result<void> BusClient::tell(const Call& call, Deadline by) {
  return ask(by, [&](Asking& asking) {
    asking.call(call, [](const Reply& reply) -> Result<void> {
      if (!reply) return std::unexpected(reply.error().error);
      return {};
    });
  });
}

Result<std::map<std::string, Sight>> BusClient::look_at(const std::set<std::string>& units, Deadline by) {
  std::map<std::string, Sight> out;
  const std::vector<std::string> names(units.begin(), units.end());
  GNA_TRY(ask(by, [&](Asking& asking) {
    asking.call(manager_call("ListUnitsByNames", {names}), [&](const Reply& reply) -> Result<void> {
      if (!reply) return std::unexpected(reply.error().error);
      const auto listed = read_units(api(), *reply);  // in the order of the names
      for (std::size_t i = 0; i < std::min(listed.size(), names.size()); ++i) out[names[i]].now = listed[i];
      return {};
    });
    for (const auto& name : names) {
      asking.call(get_property(name, kUnitInterface, "InactiveExitTimestampMonotonic"),
                  [&](const Reply& reply) -> Result<void> {
                    if (reply) out[name].last_started_us = read_number(api(), *reply);
                    return {};
                  });
      if (unit_suffix(name) != "service") continue;
      asking.call(get_property(name, kServiceInterface, "Result"), [&](const Reply& reply) -> Result<void> {
        if (reply) out[name].result = read_text(api(), *reply);
        return {};
      });
    }
  }));
  return out;
}

}  // namespace gna::systemd
