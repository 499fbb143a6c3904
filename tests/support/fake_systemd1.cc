#include "tests/support/fake_systemd1.h"

#include <poll.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "agent/fs/root_fs.h"
#include "backends/systemd/offline.h"
#include "backends/systemd/unit_name.h"
#include "backends/systemd/unit_tree.h"
#include "gna/base/digest.h"
#include "tests/support/unit_model.h"

namespace gna::support {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* kMasked = "org.freedesktop.systemd1.UnitMasked";
constexpr auto kAbsence = std::chrono::milliseconds(150);

struct UnrefBus {
  void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};

struct Refusal {
  std::string name = {};
  std::string message = {};
};

struct QueuedJob {
  std::uint32_t id = 0;
  std::string verb = {};
  std::string unit = {};
  std::string forced_result = {};
  std::string owner = {};  // whom to tell
  Clock::time_point due = {};
  std::string path() const { return fmt::format("{}/job/{}", kManagerPath, id); }
};

// A unit, and the bytes that it was loaded from.
struct LoadedUnit {
  ModelUnit model = {};
  std::string fingerprint = "-";
};

class Server {
 public:
  explicit Server(const FakeSystemd1Options& options) : options_(options) {
    for (const auto& line : options.script) script_.add(line);
    if (!options.root.empty()) {
      root_.emplace(fs::RootFs::open(options.root).value());
      files_ = systemd::make_offline_unit_manager(*root_);
    }
    load_state();
  }

  void run(std::stop_token stop, const std::function<void()>& ready);

 private:
  // Over the bus.
  bool connect();
  static int on_message(sd_bus_message* message, void* self, sd_bus_error*);
  int answer(sd_bus_message* message);
  int answer_manager(sd_bus_message* message, const std::string& member);
  int answer_property(sd_bus_message* message, const std::string& path);
  int answer_enablement(sd_bus_message* message, const std::string& verb);
  int answer_job(sd_bus_message* message, const std::string& verb);
  int answer_list(sd_bus_message* message);
  int refuse(sd_bus_message* message, const Refusal& refusal) const {
    return sd_bus_reply_method_errorf(message, refusal.name.c_str(), "%s", refusal.message.c_str());
  }
  void announce(const QueuedJob& job, const std::string& result);

  // Units.
  LoadedUnit* find(const std::string& name);  // loads it
  std::string unit_text(const std::string& name) const;
  std::string fingerprint(const std::string& name) const;
  bool needs_reload(const std::string& name, const LoadedUnit& unit) const;
  std::string enablement(const std::string& name);
  void reload();
  void finish(const QueuedJob& job);
  void finish_due_jobs();
  int milliseconds_to_next_job() const;

  // Mishaps that befall this operation; delays are gathered.
  struct Fate {
    std::string fail_with = {};
    std::chrono::milliseconds delay{0};
    bool vanish_at = false, vanish_after = false;
  };
  Fate fate_of(const std::string& verb, const std::string& unit);

  void write_log(const std::string& line) const { std::ofstream(options_.log, std::ios::app) << line << '\n'; }
  void load_state();
  void save_state() const;

  const FakeSystemd1Options& options_;
  UnitScript script_ = {};
  std::optional<fs::RootFs> root_ = {};
  std::unique_ptr<systemd::UnitManager> files_ = {};
  std::unique_ptr<sd_bus, UnrefBus> bus_ = {};
  std::map<std::string, LoadedUnit> units_ = {};
  std::map<std::string, std::string> names_ = {};  // object path → unit
  std::vector<QueuedJob> jobs_ = {};
  std::uint32_t last_job_ = 0;
  bool subscribed_ = false;
  bool absent_ = false;  // to be, after this message
};

// Units.

std::string Server::unit_text(const std::string& name) const {
  const auto unit = systemd::UnitTree(*root_).resolve(name, systemd::UnitTree::Aliases::all);
  if (!unit || unit->kind == systemd::UnitFile::Kind::masked) return {};
  return root_->read(unit->path).value_or("");
}

std::string Server::fingerprint(const std::string& name) const {
  if (!root_) return "-";
  auto text = unit_text(name);
  std::map<std::string, std::string> drop_ins;
  for (const auto& directory : systemd::unit_search_path())
    for (const auto& file : root_->list(directory + "/" + name + ".d").value_or(std::vector<std::string>()))
      drop_ins.emplace(file, directory + "/" + name + ".d/" + file);
  for (const auto& [file, path] : drop_ins) text += "\n# " + file + "\n" + root_->read(path).value_or("");
  return sha256_hex(text).substr(0, 12);
}

LoadedUnit* Server::find(const std::string& name) {
  names_[systemd::unit_object_path(name)] = name;
  if (const auto found = units_.find(name); found != units_.end()) return &found->second;
  if (!root_) return &units_[name];
  const auto unit = systemd::UnitTree(*root_).resolve(name, systemd::UnitTree::Aliases::all);
  if (!unit) return nullptr;
  return &(units_[name] = {ModelUnit::of(name, unit_text(name)), fingerprint(name)});
}

bool Server::needs_reload(const std::string& name, const LoadedUnit& unit) const {
  return root_ ? unit.fingerprint != fingerprint(name) : unit.model.need_reload;
}

std::string Server::enablement(const std::string& name) {
  if (files_ != nullptr) return files_->status({name}, {}).value().at(name).enablement;
  return find(name)->model.enablement;
}

void Server::reload() {
  for (auto& [name, unit] : units_) {
    unit.model.need_reload = false;
    if (!root_) continue;
    // What runs goes on; how it will start is read anew.
    const auto anew = ModelUnit::of(name, unit_text(name));
    const bool gone = !systemd::UnitTree(*root_).find(name);
    unit.model.load = gone ? "not-found" : anew.load;
    unit.model.type = anew.type;
    unit.model.breaks = anew.breaks;
    unit.model.start_ms = anew.start_ms;
    unit.fingerprint = fingerprint(name);
  }
  std::erase_if(units_, [](const auto& unit) {
    return unit.second.model.load == "not-found" && unit.second.model.active == "inactive";
  });
}

void Server::load_state() {
  std::ifstream in(options_.log.string() + ".state");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    LoadedUnit unit;
    auto& m = unit.model;
    words >> name >> unit.fingerprint >> m.load >> m.active >> m.sub >> m.type >> m.enablement >> m.result >>
        m.need_reload >> m.breaks >> m.start_ms >> m.starts >> m.last_started_us;
    units_[name] = unit;
    names_[systemd::unit_object_path(name)] = name;
  }
}

void Server::save_state() const {
  const auto path = options_.log.string() + ".state";
  std::ofstream out(path + ".new", std::ios::trunc);
  for (const auto& [name, unit] : units_) {
    const auto& m = unit.model;
    out << fmt::format("{} {} {} {} {} {} {} {} {:d} {:d} {} {} {}\n", name, unit.fingerprint, m.load, m.active, m.sub,
                       m.type, m.enablement.empty() ? "-" : m.enablement, m.result, m.need_reload, m.breaks, m.start_ms,
                       m.starts, m.last_started_us);
  }
  out.close();
  std::filesystem::rename(path + ".new", path);
}

Server::Fate Server::fate_of(const std::string& verb, const std::string& unit) {
  Fate out;
  for (const auto& mishap : script_.next(verb, unit)) {
    switch (mishap.kind) {
      case Mishap::Kind::fail: out.fail_with = mishap.word; break;
      case Mishap::Kind::delay: out.delay += std::chrono::milliseconds(mishap.milliseconds); break;
      case Mishap::Kind::vanish_at: out.vanish_at = true; break;
      case Mishap::Kind::vanish_after: out.vanish_after = true; break;
    }
  }
  return out;
}

// Jobs.

void Server::finish(const QueuedJob& job) {
  auto* unit = find(job.unit);
  std::string result = "done";
  if (unit == nullptr) {
    result = "failed";
  } else if (!job.forced_result.empty()) {
    result = job.forced_result;
    if (job.verb != "stop") unit->model.fail();
  } else if (job.verb == "stop") {
    unit->model.stop();
    write_log("stopped " + job.unit);
  } else if (job.verb == "restart" || unit->model.active != "active") {
    unit->model.start();
    write_log("started " + job.unit + " " + unit->fingerprint);
    if (unit->model.breaks) {
      unit->model.fail();
      result = "failed";
    }
  }
  save_state();
  announce(job, result);
}

void Server::finish_due_jobs() {
  const auto now = Clock::now();
  const auto due = std::stable_partition(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job.due > now; });
  const std::vector<QueuedJob> ending(due, jobs_.end());
  jobs_.erase(due, jobs_.end());
  for (const auto& job : ending) finish(job);
}

int Server::milliseconds_to_next_job() const {
  std::chrono::milliseconds wait(50);  // then `stop` is asked for again
  for (const auto& job : jobs_)
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(job.due - Clock::now()));
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
}

void Server::announce(const QueuedJob& job, const std::string& result) {
  if (bus_ == nullptr) return;
  sd_bus_message* signal = nullptr;
  if (sd_bus_message_new_signal(bus_.get(), &signal, kManagerPath, kManagerInterface, "JobRemoved") < 0) return;
  sd_bus_message_append(signal, "uoss", job.id, job.path().c_str(), job.unit.c_str(), result.c_str());
  // As systemd: who queued it is told; the others only after somebody subscribed.
  if (!subscribed_) sd_bus_message_set_destination(signal, job.owner.c_str());
  sd_bus_send(bus_.get(), signal, nullptr);
  sd_bus_message_unref(signal);
}

// Answers.

int Server::answer_enablement(sd_bus_message* message, const std::string& verb) {
  sd_bus_message_enter_container(message, 'a', "s");
  const char* text = nullptr;
  std::vector<std::string> names;
  while (sd_bus_message_read(message, "s", &text) > 0) names.emplace_back(text);
  for (const auto& name : names) {
    const auto fate = fate_of(verb, name);
    if (fate.vanish_at) {
      absent_ = true;
      return 1;
    }
    if (!fate.fail_with.empty()) {
      write_log(verb + " " + name + " -> failed");
      return refuse(message, {fate.fail_with, "as scripted"});
    }
    write_log(verb + " " + name);
    if (files_ != nullptr) {
      const auto done = verb == "enable" ? files_->enable(name, {}) : files_->disable(name, {});
      if (!done && done.error().code == Code::NotFound) return refuse(message, {kNoSuchUnit, done.error().message});
      if (!done) return refuse(message, {kMasked, done.error().message});
    } else {
      auto& word = find(name)->model.enablement;
      if (word == "enabled" || word == "disabled") word = verb == "enable" ? "enabled" : "disabled";
    }
    save_state();
    if (fate.vanish_after) {
      absent_ = true;
      return 1;
    }
  }
  if (verb == "enable") return sd_bus_reply_method_return(message, "ba(sss)", 1, 0);
  return sd_bus_reply_method_return(message, "a(sss)", 0);
}

int Server::answer_job(sd_bus_message* message, const std::string& verb) {
  const char *name = nullptr, *mode = nullptr;
  if (sd_bus_message_read(message, "ss", &name, &mode) < 0)
    return refuse(message, {"org.freedesktop.DBus.Error.InvalidArgs", "expected ss"});
  const std::string unit = name;
  const auto fate = fate_of(verb, unit);
  if (fate.vanish_at) {
    absent_ = true;
    return 1;
  }
  const bool fails_as_job = !fate.fail_with.contains('.');
  write_log(verb + " " + unit + (fate.fail_with.empty() ? "" : " -> failed"));
  if (!fate.fail_with.empty() && !fails_as_job) return refuse(message, {fate.fail_with, "as scripted"});
  auto* loaded = find(unit);
  if (loaded == nullptr || !loaded->model.exists())
    return refuse(message, {kNoSuchUnit, "Unit " + unit + " not found."});
  if (loaded->model.load == "masked" && verb != "stop")
    return refuse(message, {kMasked, "Unit " + unit + " is masked."});

  auto job = std::ranges::find(jobs_, unit, &QueuedJob::unit);
  if (job != jobs_.end() && (job->verb == "stop") != (verb == "stop")) {
    announce(*job, "canceled");  // mode "replace"
    jobs_.erase(job);
    job = jobs_.end();
  }
  if (job == jobs_.end()) {
    auto delay = fate.delay;
    if (verb != "stop") delay += std::chrono::milliseconds(loaded->model.start_ms);
    jobs_.push_back(
        {++last_job_, verb, unit, fate.fail_with, sd_bus_message_get_sender(message), Clock::now() + delay});
    job = std::prev(jobs_.end());
  } else if (verb == "restart") {
    job->verb = verb;  // a start and a restart become one restart
  }
  if (fate.vanish_after) {
    absent_ = true;
    return 1;
  }
  return sd_bus_reply_method_return(message, "o", job->path().c_str());
}

int Server::answer_list(sd_bus_message* message) {
  sd_bus_message_enter_container(message, 'a', "s");
  std::vector<std::string> names;
  const char* text = nullptr;
  while (sd_bus_message_read(message, "s", &text) > 0) names.emplace_back(text);
  sd_bus_message* reply = nullptr;
  sd_bus_message_new_method_return(message, &reply);
  sd_bus_message_open_container(reply, 'a', "(ssssssouso)");
  for (const auto& name : names) {
    const auto* unit = find(name);
    const ModelUnit missing = {.load = "not-found"};
    const auto& model = unit == nullptr ? missing : unit->model;
    const auto job = std::ranges::find(jobs_, name, &QueuedJob::unit);
    const bool queued = job != jobs_.end();
    const bool starting = queued && job->verb != "stop" && model.load == "loaded";
    sd_bus_message_append(reply, "(ssssssouso)", name.c_str(), "", model.load.c_str(),
                          starting ? "activating" : model.active.c_str(), starting ? "start-pre" : model.sub.c_str(),
                          "", systemd::unit_object_path(name).c_str(), queued ? job->id : 0,
                          queued ? job->verb.c_str() : "", queued ? job->path().c_str() : "/");
  }
  sd_bus_message_close_container(reply);
  const int r = sd_bus_send(nullptr, reply, nullptr);
  sd_bus_message_unref(reply);
  return r;
}

int Server::answer_manager(sd_bus_message* message, const std::string& member) {
  if (member == "EnableUnitFiles") return answer_enablement(message, "enable");
  if (member == "DisableUnitFiles") return answer_enablement(message, "disable");
  if (member == "StartUnit") return answer_job(message, "start");
  if (member == "StopUnit") return answer_job(message, "stop");
  if (member == "RestartUnit") return answer_job(message, "restart");
  if (member == "ListUnitsByNames") {
    if (fate_of("status", "").vanish_at) {
      absent_ = true;
      return 1;
    }
    return answer_list(message);
  }
  if (member == "Subscribe") {
    subscribed_ = true;
    return sd_bus_reply_method_return(message, nullptr);
  }
  if (member == "Reload") {
    const auto fate = fate_of("daemon-reload", "");
    if (fate.vanish_at) {
      absent_ = true;
      return 1;
    }
    std::this_thread::sleep_for(fate.delay);  // PID 1 does nothing else meanwhile
    write_log(fate.fail_with.empty() ? "daemon-reload" : "daemon-reload -> failed");
    if (!fate.fail_with.empty()) return refuse(message, {fate.fail_with, "as scripted"});
    reload();
    save_state();
    if (fate.vanish_after) {
      absent_ = true;
      return 1;
    }
    return sd_bus_reply_method_return(message, nullptr);
  }
  const char* name = nullptr;
  if (member == "GetUnitFileState" && sd_bus_message_read(message, "s", &name) >= 0) {
    const auto word = enablement(name);
    if (word.empty() || word == "-")
      return refuse(message, {"org.freedesktop.DBus.Error.FileNotFound", "No such file or directory"});
    return sd_bus_reply_method_return(message, "s", word.c_str());
  }
  if ((member == "GetUnit" || member == "LoadUnit") && sd_bus_message_read(message, "s", &name) >= 0) {
    if (find(name) == nullptr) return refuse(message, {kNoSuchUnit, std::string("Unit ") + name + " not found."});
    return sd_bus_reply_method_return(message, "o", systemd::unit_object_path(name).c_str());
  }
  return refuse(message, {"org.freedesktop.DBus.Error.UnknownMethod", "Unknown method " + member});
}

int Server::answer_property(sd_bus_message* message, const std::string& path) {
  const char *interface = nullptr, *property = nullptr;
  const auto name = names_.find(path);
  const auto* unit = name == names_.end() ? nullptr : find(name->second);
  if (unit == nullptr || sd_bus_message_read(message, "ss", &interface, &property) < 0)
    return refuse(message, {"org.freedesktop.DBus.Error.UnknownObject", "Unknown object " + path});
  const auto& model = unit->model;
  const std::string wanted = property;
  const auto reply_text = [&](const std::string& text) {
    return sd_bus_reply_method_return(message, "v", "s", text.c_str());
  };
  if (wanted == "ActiveState") return reply_text(model.active);
  if (wanted == "SubState") return reply_text(model.sub);
  if (wanted == "Type") return reply_text(model.type);
  if (wanted == "Result") return reply_text(model.result);
  if (wanted == "InactiveExitTimestampMonotonic")
    return sd_bus_reply_method_return(message, "v", "t", model.last_started_us);
  if (wanted == "NeedDaemonReload")
    return sd_bus_reply_method_return(message, "v", "b", needs_reload(name->second, *unit) ? 1 : 0);
  if (wanted == "TriggeredBy") return sd_bus_reply_method_return(message, "v", "as", 0);
  if (wanted == "InvocationID") {
    std::vector<unsigned char> bytes;
    const auto hex = model.invocation();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      bytes.push_back(static_cast<unsigned char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    sd_bus_message* reply = nullptr;
    sd_bus_message_new_method_return(message, &reply);
    sd_bus_message_open_container(reply, 'v', "ay");
    sd_bus_message_append_array(reply, 'y', bytes.data(), bytes.size());
    sd_bus_message_close_container(reply);
    const int r = sd_bus_send(nullptr, reply, nullptr);
    sd_bus_message_unref(reply);
    return r;
  }
  return refuse(message, {"org.freedesktop.DBus.Error.UnknownProperty", "Unknown property " + wanted});
}

int Server::answer(sd_bus_message* message) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  const auto path = text(sd_bus_message_get_path(message));
  const auto interface = text(sd_bus_message_get_interface(message));
  const auto member = text(sd_bus_message_get_member(message));
  if (interface == kManagerInterface && path == kManagerPath) return answer_manager(message, member);
  if (interface == "org.freedesktop.DBus.Properties" && member == "Get") return answer_property(message, path);
  return 0;
}

int Server::on_message(sd_bus_message* message, void* self, sd_bus_error*) {
  auto& server = *static_cast<Server*>(self);
  // Who is gone reads nothing more.
  return server.absent_ ? 1 : server.answer(message);
}

// The loop.

bool Server::connect() {
  sd_bus* bus = nullptr;
  if (sd_bus_new(&bus) < 0) return false;
  bus_.reset(bus);
  const bool connected = sd_bus_set_address(bus, options_.address.c_str()) >= 0 && sd_bus_set_bus_client(bus, 1) >= 0 &&
                         sd_bus_start(bus) >= 0 &&
                         sd_bus_add_fallback(bus, nullptr, kManagerPath, &Server::on_message, this) >= 0 &&
                         sd_bus_request_name(bus, kName, 0) >= 0;
  if (!connected) bus_.reset();
  return connected;
}

void Server::run(std::stop_token stop, const std::function<void()>& ready) {
  if (!connect()) throw std::runtime_error("fake systemd1: no bus at " + options_.address);
  ready();
  while (!stop.stop_requested()) {
    finish_due_jobs();
    const int wait = milliseconds_to_next_job();
    if (bus_ == nullptr) {
      if (!connect()) ::poll(nullptr, 0, std::min(wait, 10));
      continue;
    }
    int r = sd_bus_process(bus_.get(), nullptr);
    if (absent_) {
      // The bus answers for us: nobody there. Jobs go on, as over a re-execution.
      bus_.reset();
      subscribed_ = false;
      ::poll(nullptr, 0, static_cast<int>(kAbsence.count()));
      absent_ = false;
      continue;
    }
    if (r == 0) r = sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(wait) * 1000);
    if (r < 0 && r != -EINTR) bus_.reset();
  }
}

}  // namespace

void serve_fake_systemd1(const FakeSystemd1Options& options, std::stop_token stop, const std::function<void()>& ready) {
  Server(options).run(std::move(stop), ready);
}

FakeSystemd1::FakeSystemd1(FakeSystemd1Options options) : options_(std::move(options)) {
  server_ = std::jthread([this](std::stop_token stop) {
    const auto ready = [this] {
      ready_ = true;
      ready_.notify_one();
    };
    try {
      serve_fake_systemd1(options_, std::move(stop), ready);
    } catch (const std::exception& error) {
      trouble_ = error.what();
      ready();
    }
  });
  ready_.wait(false);
  if (!trouble_.empty()) throw std::runtime_error(trouble_);
}

FakeSystemd1::~FakeSystemd1() = default;

std::vector<std::string> FakeSystemd1::log() const {
  std::ifstream in(options_.log);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<std::string> FakeSystemd1::operations() const {
  auto out = log();
  std::erase_if(out, [](const auto& line) { return line.starts_with("started ") || line.starts_with("stopped "); });
  return out;
}

}  // namespace gna::support
