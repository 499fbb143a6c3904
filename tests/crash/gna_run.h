// The real program on an offline tree: from one OSC to the next, with all kinds of steps.
#pragma once

#include <string>

#include "gna/plan/applied.h"
#include "tests/crash/scratch.h"
#include "tests/crash/snapshot.h"
#include "tests/crash/tracer.h"

namespace gna::crash {

class GnaRun {
 public:
  // Makes the images' layout, applies the old OSC to one tree and the new one after it.
  // Throws std::runtime_error if that does not work.
  GnaRun();

  const std::string& tree() const { return tree_; }
  const Snapshot& before() const { return before_; }  // with the old OSC applied

  // Puts the tree (back) into a state.
  void set(const Snapshot& disk) const;
  // `gna apply` of the new OSC.
  Ended apply() const;
  Ended apply(const std::function<Action(std::size_t, const Call&)>& decide) const;
  std::string output() const;  // of the last run
  void clear_output() const;

  // "" if every file is whole: as the old OSC or as the new one has it.
  std::string torn(const Snapshot& disk) const;
  std::string torn() const { return torn(read_tree(tree_)); }
  // "" if the tree and our records are as after an undisturbed run.
  std::string unlike_an_undisturbed_run() const;

 private:
  Program program(const std::string& osc) const;
  static Snapshot settled(const Snapshot& tree);
  static plan::Applied applied(const Snapshot& tree);

  Scratch scratch_;
  std::string tree_ = scratch_.path("/tree");
  Snapshot before_;
  Snapshot after_;
};

}  // namespace gna::crash
