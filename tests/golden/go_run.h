// A run of the Go agent as tests/testdata/golden has it, and ours of the same input.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/fs/root_fs.h"
#include "gna/apply/pass.h"
#include "gna/osc/parse.h"
#include "tests/support/fake_unit_manager.h"
#include "tests/support/temp_root.h"

namespace gna::golden {

struct GoStep {
  std::string osc_path = {};  // on the host
  std::map<std::string, std::string> write = {};
  std::vector<std::string> remove = {};
  std::vector<std::string> fail = {};        // "restart demo.service"
  std::vector<std::string> operations = {};  // what upstream did, "event" lines left out
  bool restarted = false;                    // the agent ended itself
};

struct GoRun {
  std::string name = {};
  std::string host_name = {};
  std::string containerd = {};
  bool no_state = false;
  std::vector<GoStep> steps = {};
  std::vector<std::string> tree = {};             // lines of tree.txt
  std::map<std::string, std::string> files = {};  // node path → bytes that upstream left
};

std::vector<std::string> run_names();  // sorted
GoRun load_run(const std::string& name);

// A node that exists only for one run: a tree, units in memory, images and Secrets that answer
// as those of the golden data did.
class Node {
 public:
  enum class Mirrors { answer, dead };
  Node(std::string host_name, std::string containerd, bool no_state, Mirrors mirrors = Mirrors::dead);
  ~Node();

  // What somebody does by hand, or what upstream left.
  void write(const std::string& path, const std::string& bytes, unsigned mode = 0644) const {
    root_.write(path, bytes, mode);
  }
  void remove(const std::string& path) const;
  support::FakeUnitManager& units() { return *units_; }
  const support::TempRoot& root() const { return root_; }

  // One pass; `fail`: operations that fail in it.
  Result<apply::Summary> apply(const std::string& osc_path, const std::vector<std::string>& fail = {});
  Result<apply::Prepared> prepare(const std::string& osc_path);
  Result<apply::Summary> reset();

  std::vector<std::string> take_operations();  // pulls and unit operations, in the order they came
  std::vector<std::string> tree() const;       // as tree.txt has it; less what doesn't count
  std::string read(const std::string& path) const { return root_.exists(path) ? root_.read(path) : std::string(); }

 private:
  class Images;
  support::TempRoot root_;
  std::unique_ptr<fs::RootFs> fs_;
  support::FakeUnitManager* units_ = nullptr;
  std::unique_ptr<backend::OsBackend> os_;
  std::shared_ptr<Images> images_;
  std::unique_ptr<store::Store> store_;
  std::vector<std::string> operations_;      // since take_operations()
  std::vector<std::string> all_operations_;  // to count the Nth of a kind
  bool no_state_;
  void collect_unit_operations();
};

// tree.txt less gna's own folder, state files, directories without anything below, and the bytes of config.toml.
std::vector<std::string> what_counts(const std::vector<std::string>& tree);

// Operations as effects: what was enabled already is not enabled again, a reload is no effect.
// `enabled` is what holds before, and after.
std::multiset<std::string> effects(const std::vector<std::string>& operations, std::set<std::string>& enabled);

// Which of our operations stand in another block than upstream's: pulls, what comes before the reload, what after it.
// Without a reload of ours only the pulls count.
std::vector<std::string> order_differences(const std::vector<std::string>& theirs,
                                           const std::vector<std::string>& ours);

// "-" what upstream has and we don't, "+" the reverse.
std::vector<std::string> differences(const std::vector<std::string>& theirs, const std::vector<std::string>& ours);
std::vector<std::string> config_differences(const std::string& theirs, const std::string& ours);

osc::Document parse_file(const std::string& path);
std::vector<std::string> refusals(const std::string& path);  // what `gna apply` would say instead
std::string read_host_file(const std::string& path);

}  // namespace gna::golden
