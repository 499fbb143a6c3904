#include "gna/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "agent/fs/root_fs.h"
#include "agent/fs/syscalls.h"
#include "agent/store/codec.h"
#include "agent/store/journal.h"
#include "gna/base/digest.h"
#include "gna/base/log.h"

namespace gna::store {

namespace {

constexpr std::uint32_t kMode = 0600;
constexpr std::uint32_t kDirectoryMode = 0700;
constexpr std::uint32_t kBaseMode = 0755;  // other programs' files lie in it too

const std::string kBaseDirectory = Store::kBase;
const std::string kOwnDirectory = kBaseDirectory + "/gna";
const std::string kLastApplied = kBaseDirectory + "/last-applied-osc.yaml";
const std::string kChanges = kBaseDirectory + "/last-computed-osc-changes.yaml";
const std::string kManifest = kOwnDirectory + "/manifest.json";
const std::string kJournal = kOwnDirectory + "/journal";
const std::string kIndex = kOwnDirectory + "/index.json";
const std::string kPrevious = kOwnDirectory + "/previous-osc.yaml";
const std::string kLastRun = kOwnDirectory + "/last-run.json";
const std::string kLock = kOwnDirectory + "/lock";

// The bytes of a file that may be absent.
Result<std::optional<std::string>> read_if_there(const fs::RootFs& root, const std::string& path) {
  auto bytes = root.read(path);
  if (bytes) return std::move(*bytes);
  if (bytes.error().code == Code::NotFound) return std::nullopt;
  return std::unexpected(std::move(bytes).error());
}

std::string sha256_of(const std::optional<std::string>& bytes) { return bytes ? sha256_hex(*bytes) : std::string(); }

Error in_file(Error error, const std::string& path, std::string hint = {}) {
  if (error.code == Code::Corrupt) error.hint = std::move(hint);
  return std::move(error).with(path);
}

// Of records that only save time or tell a story: a damaged one is as good as none.
void ignored(const std::string& path, const Error& error) {
  log::event(log::Level::warn, "record-ignored", "a damaged record is ignored",
             {{"path", path}, {"error", error.message}});
}

// Several files as one batch; the first error counts.
Result<void> write_together(const fs::RootFs& root, const std::vector<std::pair<std::string, std::string>>& files) {
  fs::Batch batch(root);
  for (std::size_t i = 0; i < files.size(); ++i)
    GNA_TRY(batch.stage(i, files[i].first, files[i].second, kMode, kDirectoryMode));
  for (auto& committed : batch.commit()) GNA_TRY(std::move(committed.result));
  return {};
}

std::string journal_head(const std::string& manifest_sha256, const Bound& bound) {
  // Digests and nothing else: it always encodes.
  return frame(encode(Entry{.manifest_sha256 = manifest_sha256, .bound = bound}).value(), 0);
}

}  // namespace

// --- Lock ---

Lock::Lock(int fd, bool first) : fd_(fd), first_(first) {}
Lock::Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)), first_(other.first_) {}
Lock& Lock::operator=(Lock&& other) noexcept {
  std::swap(fd_, other.fd_);
  first_ = other.first_;
  return *this;
}
Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

// --- Store ---

struct Store::State {
  const fs::RootFs& root;
  // Of the running run: what load() would have to accept, and the journal's handle.
  Fd journal = {};
  std::size_t journal_bytes = 0;
  std::size_t journal_synced = 0;
  std::optional<ChangesFile> changes = {};
  Bound bound = {};
  bool torn = false;  // a line of the journal could not be written nor taken back

  Result<void> make_directory() const {
    GNA_TRY(root.make_directories(kBaseDirectory, kBaseMode));
    return root.make_directories(kOwnDirectory, kDirectoryMode);
  }

  Result<void> append(const Entry& entry) {
    if (!journal || torn) return fail(Code::Internal, kJournal + ": no run was begun");
    GNA_LET_AT(kJournal, text, encode(entry));
    const auto line = frame(text, journal_synced);
    if (auto written = fs::write_all(journal.get(), line); !written) {
      // Half a line in the middle would be damage: take it back.
      torn = fs::retry([&] { return ::ftruncate(journal.get(), static_cast<off_t>(journal_bytes)); }) != 0;
      return std::unexpected(written.error().at(kJournal + ": append"));
    }
    journal_bytes += line.size();
    return {};
  }

  Result<void> sync() {
    if (fs::retry([&] { return ::fdatasync(journal.get()); }) != 0) return fail_errno(errno, kJournal + ": sync");
    journal_synced = journal_bytes;
    return {};
  }

  struct Records {
    std::optional<Manifest> manifest = {};
    std::string manifest_sha256 = {};
    std::optional<Journal> journal = {};  // only one upon this manifest
  };

  Result<Records> read_records() const {
    Records out;
    GNA_LET(bytes, read_if_there(root, kManifest));
    if (!bytes) return out;
    auto manifest = decode_manifest(*bytes);
    if (!manifest)
      return std::unexpected(in_file(std::move(manifest).error(), kManifest,
                                     "remove it: the next run goes by the Go agent's files beside it"));
    out.manifest = std::move(*manifest);
    out.manifest_sha256 = sha256_hex(*bytes);
    GNA_LET(lines, read_if_there(root, kJournal));
    if (!lines) return out;
    auto read = read_journal(*lines);
    if (!read)
      return std::unexpected(in_file(std::move(read).error(), kJournal,
                                     "remove it: the next run compares everything with the machine again"));
    // One upon another manifest was left by a crash between the two: all it says is in this one.
    if (read->manifest_sha256 == out.manifest_sha256) out.journal = std::move(*read);
    return out;
  }

  // What the two files of the Go agent may hold while the manifest counts.
  static Bound acceptable(const Records& records) {
    Bound out;
    if (!records.manifest) return out;
    out = records.manifest->now;
    out.add(records.journal ? records.journal->bound : records.manifest->before);
    return out;
  }
};

Store::Store(const fs::RootFs& root) : state_(new State{.root = root}) {}
Store::~Store() = default;

Result<Lock> Store::lock() {
  GNA_TRY_AT("lock", state_->make_directory());
  const std::string pid = std::to_string(::getpid()) + "\n";
  for (int attempt = 0; attempt < 16; ++attempt) {
    GNA_LET_AT("lock", fd, state_->root.open_record(kLock, kMode));
    if (fs::retry([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return fail_errno(errno, kLock + ": flock");
      std::array<char, 32> text{};
      const auto size = fs::retry([&] { return ::pread(fd.get(), text.data(), text.size(), 0); });
      std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
      while (!holder.empty() && holder.back() == '\n') holder.pop_back();
      return fail(Code::Conflict, "another gna (pid " + (holder.empty() ? "unknown" : holder) + ") is at work",
                  "wait until it has ended");
    }
    // forget() may have removed the file that was just locked, and somebody made a new one.
    struct stat locked{};
    if (::fstat(fd.get(), &locked) != 0) return fail_errno(errno, kLock + ": stat");
    if (locked.st_nlink == 0) continue;
    if (fs::retry([&] { return ::ftruncate(fd.get(), 0); }) != 0) return fail_errno(errno, kLock + ": truncate");
    if (const auto written = fs::write_all(fd.get(), pid); !written)
      return std::unexpected(written.error().at(kLock + ": write"));
    return Lock(fd.release(), locked.st_size == 0);
  }
  return fail(Code::Conflict, kLock + ": is removed again and again");
}

Result<Loaded> Store::load() const {
  const auto& root = state_->root;
  Loaded out;
  GNA_LET(last_applied, read_if_there(root, kLastApplied));
  GNA_LET(changes, read_if_there(root, kChanges));
  if (changes) {
    auto parsed = parse_changes(*changes);
    if (!parsed)
      return std::unexpected(
          in_file(std::move(parsed).error(), kChanges,
                  "remove it: the next run goes by last-applied-osc.yaml and by what lies on the disk"));
    out.changes = std::move(*parsed);
  }
  GNA_LET(run, read_if_there(root, kLastRun));
  if (run) {
    auto decoded = decode_last_run(*run);
    if (decoded)
      out.last_run = std::move(*decoded);
    else
      ignored(kLastRun, decoded.error());
  }
  GNA_LET(records, state_->read_records());
  if (records.manifest) {
    const auto bound = State::acceptable(records);
    auto& applied = records.manifest->applied;
    if (records.journal)
      for (const auto& record : records.journal->edits) plan::edit(applied, record);
    // Without a journal upon it, begin() or finish() was cut short.
    out.interrupted = records.manifest->running || !records.journal;
    for (const auto& [path, file] : applied.files)
      if (file.image && !file.sha256.empty()) out.known_images.emplace(path, file);
    out.containerd_originals = applied.containerd_originals;
    if (bound.last_applied.contains(sha256_of(last_applied)) && bound.changes.contains(sha256_of(changes)))
      out.manifest = std::move(applied);
  }
  if (last_applied) out.last_applied_bytes = std::move(*last_applied);
  return out;
}

Result<std::optional<Index>> Store::load_index() const {
  const auto& root = state_->root;
  GNA_LET(bytes, read_if_there(root, kIndex));
  if (!bytes) return std::nullopt;
  auto file = decode_index(*bytes);
  if (!file) {
    ignored(kIndex, file.error());
    return std::nullopt;
  }
  GNA_LET(manifest, read_if_there(root, kManifest));
  GNA_LET(last_applied, read_if_there(root, kLastApplied));
  if (file->manifest_sha256 != sha256_of(manifest) || file->index.last_applied_sha256 != sha256_of(last_applied))
    return std::nullopt;
  return std::move(file->index);
}

Result<std::string> Store::load_previous() const { return state_->root.read(kPrevious); }

// The manifest is on disk before anything else changes: upon it either changes file counts,
// and the journal before it no longer does.
Result<void> Store::begin(const plan::Applied& applied, ChangesFile changes) {
  const auto& root = state_->root;
  GNA_TRY(state_->make_directory());
  GNA_TRY(root.sweep(kBaseDirectory));
  GNA_TRY(root.sweep(kOwnDirectory));
  GNA_LET(last_applied_before, read_if_there(root, kLastApplied));
  GNA_LET(changes_before, read_if_there(root, kChanges));
  const std::string changes_bytes = write(changes);

  Manifest manifest{.applied = applied, .running = true};
  manifest.now.last_applied = {sha256_of(last_applied_before)};
  manifest.now.changes = {sha256_hex(changes_bytes)};
  manifest.before.changes = {sha256_of(changes_before)};
  GNA_LET(manifest_bytes, encode(manifest));
  GNA_TRY(root.write(kManifest, manifest_bytes, kMode));

  state_->bound = manifest.now;
  state_->bound.add(manifest.before);
  const std::string head = journal_head(sha256_hex(manifest_bytes), manifest.before);
  GNA_TRY(write_together(root, {{kChanges, changes_bytes}, {kJournal, head}}));
  GNA_LET(journal, root.open_record(kJournal, kMode));
  state_->journal = std::move(journal);
  state_->journal_bytes = state_->journal_synced = head.size();
  state_->changes = std::move(changes);
  state_->torn = false;
  return {};
}

Result<void> Store::append(const plan::Record& record) {
  return record.empty() ? Result<void>{} : state_->append({.edit = record});
}

Result<void> Store::write_changes(ChangesFile changes) {
  if (changes == state_->changes) return state_->sync();
  const std::string bytes = write(changes);
  Bound next;
  next.changes = {sha256_hex(bytes)};
  // The journal knows the new bytes before they are there.
  GNA_TRY(state_->append({.bound = next}));
  GNA_TRY(state_->sync());
  state_->bound.add(next);
  GNA_TRY(state_->root.write(kChanges, bytes, kMode));
  state_->changes = std::move(changes);
  return {};
}

Result<void> Store::finish(const Finished& finished) {
  const auto& root = state_->root;
  GNA_LET(last_applied_before, read_if_there(root, kLastApplied));
  const std::string changes_bytes = write(finished.changes);

  Manifest manifest{.applied = finished.applied};
  manifest.now.changes = {sha256_hex(changes_bytes)};
  manifest.now.last_applied = {finished.last_applied ? sha256_hex(*finished.last_applied)
                                                     : sha256_of(last_applied_before)};
  manifest.before = state_->bound;
  GNA_LET(manifest_bytes, encode(manifest));

  // Of the files of one batch a power cut may leave any: the old manifest with its journal
  // counts with the new files, the new manifest with the old ones, the index with its manifest alone.
  GNA_TRY(state_->append({.bound = manifest.now}));
  GNA_TRY(state_->sync());
  state_->bound.add(manifest.now);
  std::vector<std::pair<std::string, std::string>> files;
  if (finished.last_applied && last_applied_before != finished.last_applied) {
    // First: once the new one is in place nobody knows the old one.
    if (last_applied_before) GNA_TRY(root.write(kPrevious, *last_applied_before, kMode));
    files.emplace_back(kLastApplied, *finished.last_applied);
  }
  files.emplace_back(kChanges, changes_bytes);
  files.emplace_back(kManifest, manifest_bytes);
  GNA_LET(run, encode(finished.last_run));
  files.emplace_back(kLastRun, run);
  if (finished.index) {
    GNA_LET(index, encode(IndexFile{.index = *finished.index, .manifest_sha256 = sha256_hex(manifest_bytes)}));
    files.emplace_back(kIndex, index);
  }
  GNA_TRY(write_together(root, files));
  // Last of all, and alone: without a journal upon the manifest the run counts as interrupted.
  state_->journal.reset();
  return root.write(kJournal, journal_head(sha256_hex(manifest_bytes), {}), kMode);
}

// The journal goes first, so that what is cut short here counts as interrupted and is taken up again; then the Go
// agent's files: what remains says that nothing is applied.
Result<void> Store::forget() {
  const auto& root = state_->root;
  state_->journal.reset();
  for (const auto& path : {kJournal, kLastApplied, kChanges, kIndex, kPrevious, kLastRun, kManifest, kLock})
    GNA_TRY(root.remove(path));
  GNA_TRY(root.sweep(kOwnDirectory));
  return root.remove_directory_if_empty(kOwnDirectory);
}

}  // namespace gna::store
