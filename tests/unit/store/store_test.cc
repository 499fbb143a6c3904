#include "gna/store/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/fs/root_fs.h"
#include "gna/base/digest.h"
#include "tests/support/temp_root.h"
#include "tests/unit/store/random_records.h"

namespace gna::store {
namespace {

namespace stdfs = std::filesystem;

const std::string kBase = Store::kBase;
const std::string kLastApplied = kBase + "/last-applied-osc.yaml";
const std::string kChanges = kBase + "/last-computed-osc-changes.yaml";
const std::string kManifest = kBase + "/gna/manifest.json";
const std::string kJournal = kBase + "/gna/journal";

ChangesFile changes_of(const std::string& checksum, bool restart = false) {
  ChangesFile out{.checksum = checksum};
  if (restart) out.unit_commands.push_back({.name = "a.service", .command = "restart"});
  return out;
}

class StoreTest : public ::testing::Test {
 protected:
  support::TempRoot tree_;
  fs::RootFs fs_ = fs::RootFs::open(tree_.path().string()).value();
  Store store_{fs_};
  std::mt19937 random_{20261123};

  Loaded load() const {
    auto loaded = Store(fs_).load();
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return std::move(*loaded);
  }
  void run(const plan::Applied& applied, const std::string& checksum, const std::string& osc) {
    ASSERT_TRUE(store_.begin({}, changes_of(checksum, true)));
    finish(applied, checksum, osc);
  }
  void finish(const plan::Applied& applied, const std::string& checksum, const std::string& osc) {
    const auto finished = store_.finish(
        {.applied = applied,
         .last_applied = osc,
         .changes = changes_of(checksum),
         .index = Index{.input_sha256 = "i" + checksum, .checksum = checksum, .last_applied_sha256 = sha256_hex(osc)},
         .last_run = {.checksum = checksum, .started = "2026-11-23T00:00:00Z", .finished = true}});
    ASSERT_TRUE(finished) << finished.error().message;
  }
};

TEST_F(StoreTest, HasNothingAtFirst) {
  const auto loaded = load();
  EXPECT_FALSE(loaded.manifest || loaded.changes || loaded.last_run || loaded.interrupted);
  EXPECT_EQ(loaded.last_applied_bytes, "");
  EXPECT_FALSE(store_.load_index().value());
  EXPECT_EQ(store_.load_previous().error().code, Code::NotFound);
  EXPECT_FALSE(tree_.exists(kBase)) << "loading changes nothing";
}

TEST_F(StoreTest, KeepsWhatARunFinished) {
  const auto applied = random_applied(random_);
  run(applied, "c1", "osc 1\n");
  const auto loaded = load();
  EXPECT_EQ(loaded.manifest, applied);
  EXPECT_EQ(loaded.changes, changes_of("c1"));
  EXPECT_EQ(loaded.last_applied_bytes, "osc 1\n");
  EXPECT_EQ(loaded.last_run->checksum, "c1");
  EXPECT_FALSE(loaded.interrupted);
  EXPECT_EQ(store_.load_index().value()->input_sha256, "ic1");
  EXPECT_EQ(store_.load_previous().error().code, Code::NotFound);
}

TEST_F(StoreTest, ReplaysTheJournalAsEditsInMemory) {
  for (int round = 0; round < 20; ++round) {
    auto applied = random_applied(random_);
    ASSERT_TRUE(store_.begin(applied, changes_of("c" + std::to_string(round))));
    EXPECT_EQ(load().manifest, applied);
    for (int i = 0; i < 10; ++i) {
      const auto record = random_record(random_);
      ASSERT_TRUE(store_.append(record));
      if (i % 3 == 0) {
        ASSERT_TRUE(store_.write_changes(changes_of("c" + std::to_string(round))));
      }
      plan::edit(applied, record);
      EXPECT_EQ(load().manifest, applied) << round << "." << i;
    }
    EXPECT_TRUE(load().interrupted);
  }
}

TEST_F(StoreTest, KeepsTheManifestThroughEachOfOurOwnWritesOfTheChangesFile) {
  run({.checksum = "c1"}, "c1", "osc 1\n");
  ASSERT_TRUE(store_.begin({.checksum = "c1"}, changes_of("c2", true)));
  EXPECT_TRUE(load().manifest);
  ASSERT_TRUE(store_.write_changes(changes_of("c2")));
  EXPECT_TRUE(load().manifest);
  ASSERT_TRUE(store_.write_changes(changes_of("c2", true)));
  EXPECT_TRUE(load().manifest);
  EXPECT_EQ(load().changes, changes_of("c2", true));
  // A crash between the journal's word of the next bytes and the bytes leaves the older ones.
  tree_.write(kChanges, write(changes_of("c2")));
  EXPECT_TRUE(load().manifest);
}

TEST_F(StoreTest, NoticesThatTheGoAgentRanInBetween) {
  plan::Applied applied{.checksum = "c1"};
  applied.files["/opt/bin/kubelet"] = {.sha256 = "d", .image = desired::ImageSource{"i", "p"}};
  applied.files["/etc/x"] = {.sha256 = "e"};
  applied.containerd_originals["[\"a\"]"] = "null";
  run(applied, "c1", "osc 1\n");
  for (const auto* path : {&kLastApplied, &kChanges}) {
    const auto ours = tree_.read(*path);
    tree_.write(*path, path == &kChanges ? write(changes_of("c7")) : "osc 7\n");
    const auto loaded = load();
    EXPECT_FALSE(loaded.manifest);
    EXPECT_EQ(loaded.known_images.size(), 1u);
    EXPECT_EQ(loaded.known_images.at("/opt/bin/kubelet").sha256, "d");
    EXPECT_EQ(loaded.containerd_originals, applied.containerd_originals);
    stdfs::remove(tree_.on_host(*path));
    EXPECT_FALSE(load().manifest);
    tree_.write(*path, ours);
    EXPECT_EQ(load().manifest, applied);
  }
}

TEST_F(StoreTest, EndsTheIndexWithAnyRunThatBegins) {
  run({.checksum = "c1"}, "c1", "osc 1\n");
  ASSERT_TRUE(store_.begin({.checksum = "c1"}, changes_of("c2", true)));
  EXPECT_FALSE(Store(fs_).load_index().value());
  ASSERT_TRUE(store_.finish({.applied = {.checksum = "c1"}, .changes = changes_of("c2", true)}));
  EXPECT_FALSE(Store(fs_).load_index().value()) << "that run was not complete";
  EXPECT_EQ(load().last_applied_bytes, "osc 1\n");
  run({.checksum = "c2"}, "c2", "osc 2\n");
  EXPECT_TRUE(Store(fs_).load_index().value());
  tree_.write(kLastApplied, "osc 3\n");
  EXPECT_FALSE(Store(fs_).load_index().value());
}

TEST_F(StoreTest, KeepsThePreviousOscOnlyIfItWasAnother) {
  run({}, "c1", "osc 1\n");
  run({}, "c1", "osc 1\n");
  EXPECT_EQ(store_.load_previous().error().code, Code::NotFound);
  run({}, "c2", "osc 2\n");
  EXPECT_EQ(store_.load_previous().value(), "osc 1\n");
  run({}, "c2", "osc 2\n");
  EXPECT_EQ(store_.load_previous().value(), "osc 1\n");
}

TEST_F(StoreTest, ShowsNothingToOthers) {
  const mode_t before = ::umask(0);
  run({}, "c1", "osc 1\n");
  run({}, "c2", "osc 2\n");
  const auto lock = store_.lock();
  ::umask(before);
  ASSERT_TRUE(lock);
  EXPECT_EQ(fs_.look(kBase + "/gna", false)->mode, 0700u);
  int files = 0;
  for (const auto& entry : stdfs::recursive_directory_iterator(tree_.on_host(kBase))) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()) & 0777u, 0600u) << entry.path();
  }
  EXPECT_EQ(files, 8);
}

TEST_F(StoreTest, NamesTheDamagedFile) {
  run({}, "c1", "osc 1\n");
  ASSERT_TRUE(store_.begin({}, changes_of("c2")));
  ASSERT_TRUE(store_.append({.reload_owed = true}));
  for (const auto* path : {&kManifest, &kJournal, &kChanges}) {
    const auto whole = tree_.read(*path);
    auto damaged = whole;
    damaged[10] = '\x01';
    tree_.write(*path, damaged);
    const auto loaded = Store(fs_).load();
    ASSERT_FALSE(loaded) << *path;
    EXPECT_EQ(loaded.error().code, Code::Corrupt);
    EXPECT_NE(loaded.error().message.find(*path), std::string::npos) << loaded.error().message;
    tree_.write(*path, whole);
  }
  tree_.write(kBase + "/gna/index.json", "{");
  tree_.write(kBase + "/gna/last-run.json", "{");
  EXPECT_FALSE(Store(fs_).load_index().value());
  EXPECT_FALSE(load().last_run);
}

TEST_F(StoreTest, SweepsItsOwnDirectories) {
  tree_.write(kBase + "/.gna-abcdefgh.tmp", "x");
  tree_.write(kBase + "/gna/.gna-abcdefgh.tmp", "x");
  tree_.write(kBase + "/credentials/.gna-abcdefgh.tmp", "x");
  ASSERT_TRUE(store_.begin({}, {}));
  EXPECT_FALSE(tree_.exists(kBase + "/.gna-abcdefgh.tmp"));
  EXPECT_FALSE(tree_.exists(kBase + "/gna/.gna-abcdefgh.tmp"));
  EXPECT_TRUE(tree_.exists(kBase + "/credentials/.gna-abcdefgh.tmp"));
}

TEST_F(StoreTest, RefusesToAppendWithoutARun) {
  EXPECT_EQ(store_.append({.reload_owed = true}).error().code, Code::Internal);
  EXPECT_EQ(store_.write_changes({}).error().code, Code::Internal);
}

TEST_F(StoreTest, ForgetsEverythingOfOurs) {
  run({}, "c1", "osc 1\n");
  run({}, "c2", "osc 2\n");
  tree_.write(kBase + "/credentials/kubeconfig", "x");
  {
    const auto lock = store_.lock();
    ASSERT_TRUE(lock);
    ASSERT_TRUE(store_.forget());
  }
  EXPECT_EQ(fs_.list(kBase).value(), std::vector<std::string>{"credentials"});
  EXPECT_TRUE(store_.forget());
}

TEST_F(StoreTest, OneHolderAtATimeWithItsPidInTheMessage) {
  auto lock = store_.lock();
  ASSERT_TRUE(lock);
  EXPECT_TRUE(lock->is_first());
  const auto second = Store(fs_).lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_NE(second.error().message.find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos)
      << second.error().message;
  {
    const Lock ended = std::move(*lock);
  }
  const auto next = Store(fs_).lock();
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->is_first());
}

TEST_F(StoreTest, TheLockEndsWithItsProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = Store(fs_).lock();
    ::_exit(lock ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_TRUE(store_.lock());
}

}  // namespace
}  // namespace gna::store
