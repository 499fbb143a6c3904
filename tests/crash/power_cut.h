// What a disk may hold after a power cut, from the calls of a program.
//
// The model: a change of a file (write, truncate, chmod) is certain once that file or its file
// system was synced; a change of a directory (create, rename, unlink, mkdir, …) once that directory
// or its file system was. What is not certain may be missing, each for itself, and a write may be cut
// short. A rename is one change: the new name leads to the file, whatever became of the old one. So this is
// weaker than any file system with a journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/snapshot.h"
#include "tests/crash/tracer.h"

namespace gna::crash {

// One way in which a cut can go: after how many calls, and what was lost of the uncertain ones.
struct Cut {
  std::size_t after = 0;
  struct Lost {
    std::size_t call = 0;
    bool half = false;  // of a write: its first half is there
  };
  std::vector<Lost> lost = {};
  std::string text(const std::vector<Call>& calls, const std::string& tree) const;
};

class PowerCut {
 public:
  // `before`: the tree when the program began, all of it on disk. `tree`: its path.
  // Throws std::runtime_error at a call that the model does not know.
  PowerCut(Snapshot before, std::vector<Call> calls, std::string tree);
  ~PowerCut();

  const std::vector<Call>& calls() const;
  // The calls before `after` that are uncertain then.
  std::vector<std::size_t> uncertain(std::size_t after) const;
  Snapshot disk_after(const Cut& cut) const;

  // Visits each different disk once: all cuts with at most `most_lost` (0 to 2) losses. Temp files
  // count as there or not, by directory: nobody reads what is in them.
  void enumerate(std::size_t most_lost, const std::function<void(const Cut&, const Snapshot&)>& visit) const;
  // Any number of losses, but `least` (0: even none). Where fewer calls are uncertain at a time: as many as there are.
  Cut sample(std::mt19937& random, std::size_t least = 0) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The snapshot with one empty temp file for all of a directory.
Snapshot with_plain_temp_files(const Snapshot& tree);

}  // namespace gna::crash
