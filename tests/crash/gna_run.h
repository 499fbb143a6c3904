// The real program on a tree: from one OSC to the next, with all kinds of steps.
#pragma once

#include <functional>
#include <string>

#include "gna/plan/applied.h"
#include "tests/crash/scratch.h"
#include "tests/crash/snapshot.h"
#include "tests/crash/tracer.h"

namespace gna::crash {

class GnaRun {
 public:
  // On an offline tree (--root). `mirror`: where the new OSC's registry with a readiness probe is.
  explicit GnaRun(const std::string& mirror = "http://127.0.0.1:1");
  virtual ~GnaRun() = default;

  // Applies the old OSC, disturbs some of it, and applies the new one. Throws std::runtime_error if that does not work.
  void begin();

  const std::string& tree() const { return tree_; }
  const Snapshot& before() const { return before_; }  // with the old OSC applied
  const Snapshot& after() const { return after_; }

  // Puts the tree (back) into a state.
  virtual void set(const Snapshot& disk) const;
  // `gna apply` of the new OSC, by somebody whose umask leaves nothing.
  Ended apply() const;
  Ended apply(const std::function<Action(std::size_t, const Call&)>& decide) const;
  // `gna apply` of the old one.
  Ended go_back() const;
  Ended reset() const;
  Ended reset(const std::function<Action(std::size_t, const Call&)>& decide) const;
  std::string output() const;  // of the last run
  void clear_output() const;

  // "" if every file is whole: as the old OSC or as the new one has it.
  std::string torn(const Snapshot& disk) const;
  std::string torn() const { return torn(read_tree(tree_)); }
  // "" if the tree and our records are as after an undisturbed run.
  virtual std::string unlike_an_undisturbed_run() const;
  // "" if nothing of the new OSC is left on the tree, but for folders.
  std::string unlike_before() const;

 protected:
  virtual Program program(const std::string& osc) const;
  virtual void applied_once(bool) {}  // by begin(): the old OSC, the new one
  const Scratch& scratch() const { return scratch_; }
  std::string osc_directory() const { return scratch_.path("/osc"); }

 private:
  Program reset_program() const;
  Program program_without_modes(const std::string& osc) const;
  void disturb() const;
  static Snapshot settled(const Snapshot& tree);
  static plan::Applied applied(const Snapshot& tree);

  Scratch scratch_;
  std::string tree_ = scratch_.path("/tree");
  Snapshot whole_before_;  // the old OSC applied, and nothing disturbed
  Snapshot before_;
  Snapshot after_;
};

}  // namespace gna::crash
