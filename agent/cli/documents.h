// The JSON documents of the command, "apiVersion": "cli.gna.dev/v1". Pure.
//
// Every string in them is masked. Schemas: packaging/schemas.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/cli/masking.h"
#include "gna/apply/pass.h"
#include "gna/osc/parse.h"
#include "gna/plan/plan.h"

namespace gna::cli {

struct FileFindings {
  std::string file = {};  // as named by the user, "#osc.yaml" added for a Secret
  bool valid = false;
  std::vector<osc::Finding> findings = {};
};

struct StatusUnit {
  std::string name = {}, active = {}, sub = {}, wanted = {};
  std::string problem = {};  // empty: as wanted
};
struct StatusMirror {
  std::string upstream = {}, host = {};
  std::optional<bool> reachable = {};  // absent: not asked
  std::int64_t latency_ms = 0;
  std::string error = {};
};
struct StatusDrift {
  std::string target = {}, kind = {}, expected = {}, actual = {};
};
struct StatusPending {
  std::string id = {}, reason = {};
  bool awaits_mirror = false;  // no failure: the mirror may be a workload of this very cluster
};
struct Status {
  bool applied = false;
  std::string checksum = {}, time = {};
  std::optional<store::LastRun> last_run = {};
  bool interrupted = false;
  bool has_previous = false;
  std::vector<StatusPending> pending = {};
  std::vector<StatusDrift> drift = {};
  std::vector<StatusUnit> units = {};
  std::vector<StatusMirror> mirrors = {};
  bool as_wanted() const;
};

struct RenderedFile {
  std::string path = {};
  std::uint32_t mode = 0;
  std::string sha256 = {};  // empty: secret, or of an image
  bool secret = false;
  std::optional<desired::ImageSource> image = {};
  std::string from = {};  // field of the OSC
};
struct RenderedUnit {
  std::string name = {};
  bool enabled = true;
  std::string run = {};
  std::string from = {};
};
// Of a machine configuration (Talos).
struct RenderedDocument {
  std::string kind = {}, name = {};
  std::string yaml = {};
  bool secret = false;
  std::vector<std::string> from = {};
};
struct Rendered {
  std::string backend = {};
  std::vector<RenderedFile> files = {};
  std::vector<RenderedUnit> units = {};
  std::vector<desired::Registry> registries = {};
  std::vector<RenderedDocument> documents = {};
  std::vector<plan::Refused> refused = {};
};

const char* result_name(backend::Outcome::Result result);  // done, failed, skipped, pending

struct DiffCounts {
  std::size_t create = 0, update = 0, remove = 0, restart = 0;
};
DiffCounts count(const plan::Plan& plan);

// One document each, on one line with a line feed.
std::string findings_document(const std::vector<FileFindings>& files, const Masker& masker);
std::string error_document(const Error& error, int exit_code, const Masker& masker);
std::string diff_document(const std::string& backend, const plan::Plan& plan, const Masker& masker);
std::string apply_step_document(const apply::StepReport& report, const Masker& masker);
std::string apply_summary_document(const apply::Summary& summary, const plan::Plan* plan, const Masker& masker);
std::string reset_summary_document(const apply::Summary& summary, const std::vector<std::string>& not_restored,
                                   const Masker& masker);
std::string status_document(const Status& status, const Masker& masker);
std::string rendered_document(const Rendered& rendered, const Masker& masker);

struct UserdataReport {
  std::string format = {};  // or the operating system's name
  std::size_t bytes = 0, gzip_bytes = 0;
  std::optional<std::size_t> limit = {};
  std::vector<std::pair<std::string, std::size_t>> parts = {};  // path, bytes
};
std::string userdata_document(const UserdataReport& report, const Masker& masker);

struct VersionInfo {
  std::string version = {}, commit = {};
  std::vector<std::string> backends = {};
  std::vector<std::pair<std::string, std::string>> protos = {};
};
std::string version_document(const VersionInfo& info);

}  // namespace gna::cli
