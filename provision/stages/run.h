// `gna provision run`: on a machine whose image carries gna already, what the rendered userdata does elsewhere.
//
//   fetch     what to do: inputs, generation, a clock that is right
//   verify    do the mirrors answer (TLS with their CA, /v2/)?
//   files     mirrors, live ones first, and the OSC's files and units
//   pull      the agent's program out of its image, through the mirrors
//   hand-off  that program's own bootstrap
//
// Each may run again. provision-state tells how far it came; "done" comes last.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/containerd/probe.h"
#include "agent/fs/root_fs.h"
#include "gna/backend/content_source.h"
#include "gna/observed/state.h"
#include "provision/bootstrap/services.h"
#include "provision/machine_state.h"
#include "provision/stages/stage.h"
#include "provision/userdata.h"

namespace gna::provision {

struct Surroundings {
  const fs::RootFs& root;
  Services& services;
  // Pulls with the mirrors of this hosts directory.
  std::function<std::unique_ptr<backend::ContentSource>(const std::string& hosts_directory)> content;
  // The agent's bootstrap; gives what it printed.
  std::function<Result<std::string>(Deadline)> hand_off;
  // What a person should hear at once, while a stage is still at it.
  std::function<void(const std::string&)> say;
  std::function<void(std::chrono::milliseconds)> sleep;  // may come back early to be asked:
  std::function<bool()> stopping;
  std::function<std::int64_t()> unix_time;
};

struct RunInput {
  Userdata userdata = {};  // as make_userdata() gives it
  std::vector<Mirror> mirrors = {};
  std::string image = {};  // of the agent
  bool require_mirror = false;
  // How long a stage waits for what may still come: a clock, a mirror where one is required.
  std::chrono::seconds patience_with_clock = std::chrono::seconds(60);
  std::chrono::seconds patience_with_mirrors = std::chrono::seconds(15);
  std::chrono::milliseconds per_probe = std::chrono::seconds(3);
  std::chrono::seconds per_pull = std::chrono::minutes(5);
};

class Run {
 public:
  Run(Surroundings& surroundings, RunInput input);

  // Is there anything to do? To be asked first; it changes nothing.
  Verdict verdict() const;
  // Have to be run before this object ends.
  std::vector<Stage> stages();

 private:
  Result<Found> fetch();
  Result<Found> verify(Deadline by);
  void ask(const std::vector<containerd::Question>& questions, Deadline by);
  bool answers(const Mirror& mirror) const;
  std::string what_was_found() const;
  Result<Found> write_files(Deadline by);
  Result<void> sweep(const std::vector<UserdataFile>& files) const;
  Result<void> files_hold() const;
  std::vector<Mirror> live_mirrors() const;
  void log_in(std::vector<Mirror>& mirrors, Deadline by) const;
  Result<Found> pull(Deadline by);
  Result<void> pull_with_credentials(Deadline by);
  Result<void> pull_once(const std::string& hosts_directory, Deadline by);
  Result<void> program_holds() const;
  Result<Found> hand_off(Deadline by);
  Result<void> record(const std::string& phase);
  std::vector<UserdataFile> wanted_files() const;

  Surroundings& around_;
  RunInput input_;
  observed::State answers_ = {};  // of the mirrors
  MachineState state_ = {};
};

}  // namespace gna::provision
