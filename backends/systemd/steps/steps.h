// Doing the steps of one stage.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "agent/fs/root_fs.h"
#include "backends/systemd/mirror_watch.h"
#include "backends/systemd/unit_manager.h"
#include "gna/backend/os_backend.h"

namespace gna::systemd {

// What steps work with.
struct Tools {
  const fs::RootFs& root;
  UnitManager& units;
  MirrorWatch& mirrors;
  backend::ContentSource& content;
  backend::StepSink& sink;
  Deadline by;
};

using Steps = std::vector<const plan::Step*>;

// Each takes all steps of its kind in a stage at once, so that one sync, one status call and one
// round of jobs serve them all. `sink.ended` is called once for each step.
void write_and_delete_files(const Tools& tools, const Steps& steps);  // WriteFile, DeleteFile
void make_directories(const Tools& tools, const Steps& steps);        // MakeDirectory
void clear_the_way(const Tools& tools, const Steps& steps);           // ClearTheWay
void copy_from_images(const Tools& tools, const Steps& steps);        // CopyFromImage
void set_enablement(const Tools& tools, const Steps& steps);          // SetEnablement
void retire_units(const Tools& tools, const Steps& steps);            // RetireUnit
void reload_manager(const Tools& tools, const Steps& steps);          // ReloadManager
void run_jobs(const Tools& tools, const Steps& steps);                // RunJob
void await_mirrors(const Tools& tools, const Steps& steps);           // AwaitMirror

// Sorts the steps of a stage by what they do. Every kind has its function.
void apply_stage(const Tools& tools, std::span<const plan::Step> stage);

// The outcome of a plain call that began at `since`.
backend::Outcome outcome_of(const Result<void>& result, std::chrono::steady_clock::time_point since);
// Tells the sink that the step was not begun: SIGTERM, or the time is up.
void skip(const Tools& tools, const plan::Step& step);

}  // namespace gna::systemd
