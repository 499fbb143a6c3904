// One run of a store and a batch as an apply has it, to be cut short: ROOT NUMBER.
#include <cstdio>
#include <string>

#include "agent/fs/root_fs.h"
#include "gna/base/digest.h"
#include "gna/store/store.h"
#include "tests/crash/store_program.h"

namespace {

using namespace gna;

Result<void> run(const std::string& root_path, const std::string& number) {
  GNA_LET(root, fs::RootFs::open(root_path));
  store::Store store(root);
  GNA_LET(lock, store.lock());
  (void)lock;
  GNA_LET(loaded, store.load());
  auto applied = loaded.manifest.value_or(plan::Applied{});
  GNA_TRY(store.begin(applied, crash::changes_of(number, true)));
  fs::Batch batch(root);
  for (std::size_t i = 0; i < crash::kFiles.size(); ++i)
    GNA_TRY(batch.stage(i, crash::kFiles[i], crash::content_of(crash::kFiles[i], number), 0640));
  for (auto& committed : batch.commit()) {
    GNA_TRY(std::move(committed.result));
    const auto& path = crash::kFiles[committed.ticket];
    const plan::Record record{.files = {{path, crash::applied_file(path, number)}}};
    plan::edit(applied, record);
    GNA_TRY(store.append(record));
  }
  GNA_TRY(store.write_changes(crash::changes_of(number, false)));
  GNA_TRY(root.write(crash::kSingleFile, crash::content_of(crash::kSingleFile, number), 0600));
  GNA_TRY(store.append({.reload_owed = number == "2"}));
  GNA_TRY(store.write_changes(crash::changes_of(number, false)));
  applied.reload_owed = number == "2";
  applied.checksum = number;
  return store.finish({.applied = applied,
                       .last_applied = "osc " + number + "\n",
                       .changes = crash::changes_of(number, false),
                       .index = store::Index{.input_sha256 = number,
                                             .checksum = number,
                                             .last_applied_sha256 = sha256_hex("osc " + number + "\n")},
                       .last_run = {.checksum = number, .finished = true}});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (const auto done = run(argv[1], argv[2]); !done) {
    std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}
