#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "backends/systemd/paths.h"
#include "backends/systemd/steps/steps.h"

namespace gna::systemd {

namespace {

using Clock = std::chrono::steady_clock;

// Removes empty directories below and at `path`; what is not empty stays and is the error.
Result<void> remove_empty_tree(const fs::RootFs& root, const std::string& path) {
  GNA_LET(entries, root.list(path));
  for (const auto& entry : entries) {
    const auto below = path_in(path, entry);
    GNA_LET(seen, root.look(below, false));
    if (seen.kind != observed::FileKind::directory)
      return fail(Code::Conflict, fmt::format("{} has to make way, but {} is not gna's", path, below),
                  "move it away, and run again");
    GNA_TRY(remove_empty_tree(root, below));
  }
  return root.remove_directory_if_empty(path);
}

Result<void> clear(const fs::RootFs& root, const plan::ClearTheWay& action) {
  GNA_LET(seen, root.look(action.path, false));
  if (seen.kind == observed::FileKind::absent) return {};
  const bool ours = std::ranges::find(action.ours, action.path) != action.ours.end();
  if (seen.kind != observed::FileKind::directory) {
    if (ours) return root.remove(action.path);
    return fail(Code::Conflict, action.path + " stands where a folder has to be, and it is not gna's",
                "move it away, and run again");
  }
  for (const auto& file : action.ours)
    if (file != action.path) GNA_TRY(root.remove(file));
  return remove_empty_tree(root, action.path);
}

}  // namespace

void clear_the_way(const Tools& tools, const Steps& steps) {
  for (const auto* step : steps) {
    tools.sink.sending(*step, {});
    const auto since = Clock::now();
    tools.sink.ended(*step, outcome_of(clear(tools.root, std::get<plan::ClearTheWay>(step->action)), since));
  }
}

void make_directories(const Tools& tools, const Steps& steps) {
  for (const auto* step : steps) {
    tools.sink.sending(*step, {});
    const auto& action = std::get<plan::MakeDirectory>(step->action);
    const auto since = Clock::now();
    tools.sink.ended(*step, outcome_of(tools.root.make_directories(action.path, action.mode), since));
  }
}

void write_and_delete_files(const Tools& tools, const Steps& steps) {
  fs::Batch batch(tools.root);
  const auto since = Clock::now();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = *steps[i];
    if (tools.sink.stopping()) {
      skip(tools, step);
      continue;
    }
    tools.sink.sending(step, {});
    if (const auto* write = std::get_if<plan::WriteFile>(&step.action)) {
      const auto staged = batch.stage(i, write->path, write->bytes, write->mode, write->directory_mode);
      if (!staged) tools.sink.ended(step, outcome_of(staged, since));
    } else {
      const auto& removal = std::get<plan::DeleteFile>(step.action);
      batch.stage_removal(i, removal.path, removal.prune_directory);
    }
  }
  for (const auto& [ticket, result] : batch.commit()) tools.sink.ended(*steps[ticket], outcome_of(result, since));
}

namespace {

// One batch an image: a pull may take minutes, and what is done should stay done.
Result<std::string> copy_from_image(const Tools& tools, const plan::CopyFromImage& action) {
  GNA_LET(source, tools.content.open(action.source, tools.by));
  fs::Batch batch(tools.root);
  GNA_LET(sha256, batch.stage_from(0, action.path, source.get(), action.mode));
  for (const auto& committed : batch.commit()) GNA_TRY(committed.result);
  return sha256;
}

}  // namespace

void copy_from_images(const Tools& tools, const Steps& steps) {
  for (const auto* step : steps) {
    if (tools.sink.stopping()) {
      skip(tools, *step);
      continue;
    }
    tools.sink.sending(*step, {});
    const auto& action = std::get<plan::CopyFromImage>(step->action);
    const auto since = Clock::now();
    const auto sha256 = copy_from_image(tools, action);
    auto outcome = outcome_of(sha256 ? Result<void>() : std::unexpected(sha256.error()), since);
    if (sha256) {
      auto ours = step->after.files.at(action.path).value_or(plan::AppliedFile{});
      ours.sha256 = *sha256;
      outcome.learned.files[action.path] = std::move(ours);
    }
    tools.sink.ended(*step, outcome);
  }
}

}  // namespace gna::systemd
