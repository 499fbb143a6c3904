#include "tests/golden/go_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <toml.hpp>

#include "backends/systemd/environment.h"
#include "gna/base/digest.h"
#include "gna/systemd/backend.h"

namespace gna::golden {

namespace stdfs = std::filesystem;

namespace {

constexpr const char* kTestdata = GNA_TESTDATA;
constexpr const char* kConfigToml = "/etc/containerd/config.toml";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }

// "@V.toml" stands for containerd's default config of that version.
std::string written(const std::string& bytes) {
  if (!bytes.starts_with('@')) return bytes;
  return read_host_file(std::string(kTestdata) + "/golden/containerd/" + bytes.substr(1));
}

// Go writes an empty list as null.
std::vector<std::string> strings(const nlohmann::json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? std::vector<std::string>() : at->get<std::vector<std::string>>();
}

void load_steps(const nlohmann::json& input, const std::string& folder, GoRun& run) {
  for (const auto& step : input.at("steps")) {
    GoStep out;
    const std::string osc = step.at("osc");
    out.osc_path = osc.starts_with("osc/") ? std::string(kTestdata) + "/" + osc : folder + "/" + osc;
    const auto write = step.value("write", nlohmann::json::object());
    for (const auto& [path, bytes] : write.items()) out.write[path] = written(bytes);
    out.remove = strings(step, "remove");
    out.fail = strings(step, "fail");
    run.steps.push_back(std::move(out));
  }
}

void load_actions(const std::string& text, GoRun& run) {
  std::size_t step = 0;
  for (const auto& line : lines_of(text)) {
    if (line.starts_with("# step ")) step = std::stoul(line.substr(7));
    if (line.starts_with('#') || line.starts_with("event ") || line.empty()) continue;
    run.steps.at(step - 1).operations.push_back(line);
  }
}

void load_passes(const std::string& text, GoRun& run) {
  for (const auto& pass : nlohmann::json::parse(text))
    if (pass.value("Restarted", false)) run.steps.at(pass.at("Step").get<std::size_t>() - 1).restarted = true;
}

}  // namespace

std::string read_host_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> run_names() {
  std::vector<std::string> names;
  for (const auto& entry : stdfs::directory_iterator(std::string(kTestdata) + "/golden"))
    if (stdfs::exists(entry.path() / "input.json")) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

GoRun load_run(const std::string& name) {
  const std::string folder = std::string(kTestdata) + "/golden/" + name;
  const auto input = nlohmann::json::parse(read_host_file(folder + "/input.json"));
  GoRun run{.name = name,
            .host_name = input.at("hostName"),
            .containerd = input.at("containerd"),
            .no_state = input.value("skipState", false)};
  load_steps(input, folder, run);
  load_actions(read_host_file(folder + "/actions.txt"), run);
  load_passes(read_host_file(folder + "/passes.json"), run);
  run.tree = lines_of(read_host_file(folder + "/tree.txt"));
  const stdfs::path files = folder + "/files";
  if (stdfs::exists(files)) {
    for (const auto& entry : stdfs::recursive_directory_iterator(files))
      if (entry.is_regular_file())
        run.files["/" + stdfs::relative(entry.path(), files).string()] = read_host_file(entry.path());
  }
  return run;
}

osc::Document parse_file(const std::string& path) {
  const auto bytes = read_host_file(path);
  auto parsed = osc::parse(bytes);
  // The random chains hold what no seed would send and gna refuses; what such a document would do is
  // compared all the same.
  if (!parsed.ok()) parsed = osc::parse_applied(bytes);
  if (!parsed.ok()) return {.checksum = sha256_hex(bytes)};  // an empty file: an empty OSC for the Go agent
  return std::move(*parsed.document);
}

std::vector<std::string> refusals(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& finding : osc::parse(read_host_file(path)).findings)
    if (finding.severity == osc::Severity::error) out.push_back("!refused: " + finding.field + ": " + finding.message);
  return out;
}

// --- the node ---

// The file P of image I holds the line "from I P".
class Node::Images : public backend::ContentSource {
 public:
  explicit Images(Node& node) : node_(node) {}
  Result<void> available(const std::vector<desired::ImageSource>&, Deadline) override { return {}; }
  Result<Fd> open(const desired::ImageSource& source, Deadline) override {
    node_.collect_unit_operations();
    node_.operations_.push_back("copy-from-image " + source.image + " " + source.path);
    Fd fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    const std::string line = "from " + source.image + " " + source.path + "\n";
    if (!fd || ::pwrite(fd.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
      return fail_errno(errno, "image file");
    return fd;
  }

 private:
  Node& node_;
};

namespace {

systemd::Environment answers(const std::string& containerd, bool reachable) {
  return {
      .containerd_version = [containerd](Deadline) -> Result<desired::Version> {
        return desired::parse_version(containerd).value();
      },
      .containerd_default_config = [containerd](Deadline) -> Result<std::string> {
        return written("@" + containerd + ".toml");
      },
      .probe =
          [reachable](const std::vector<backend::MirrorQuestion>& questions, Deadline) {
            std::map<std::string, observed::Mirror> out;
            for (const auto& question : questions)
              out[observed::mirror_key(question.upstream, question.url)] = {
                  .reachable = reachable, .error = reachable ? "" : "connection refused"};
            return out;
          },
  };
}

}  // namespace

Node::Node(std::string host_name, std::string containerd, bool no_state, Mirrors mirrors) : no_state_(no_state) {
  for (const char* folder :
       {"/tmp", "/var/lib/gardener-node-agent/tmp", "/var/lib/gardener-node-agent/credentials", "/etc/systemd/system"})
    stdfs::create_directories(root_.on_host(folder));
  fs_ = std::make_unique<fs::RootFs>(std::move(fs::RootFs::open(root_.path()).value()));
  auto units = std::make_unique<support::FakeUnitManager>();
  units_ = units.get();
  os_ = systemd::make_backend(*fs_, std::move(units), answers(containerd, mirrors == Mirrors::answer),
                              {.host_name = host_name, .containerd_version = containerd});
  images_ = std::make_shared<Images>(*this);
  store_ = std::make_unique<store::Store>(*fs_);
}

Node::~Node() = default;

void Node::remove(const std::string& path) const { stdfs::remove_all(root_.on_host(path)); }

namespace {

Result<std::string> secret(const std::string& name, const std::string& key) {
  return "data of " + name + "/" + key + "\n";
}

}  // namespace

Result<apply::Prepared> Node::prepare(const std::string& osc_path) {
  apply::Pass pass(*os_, *images_, *store_, secret);
  return pass.prepare(parse_file(osc_path), sha256_hex(read_host_file(osc_path)),
                      {.no_state = no_state_, .allow_empty = true, .restart_agent = false}, soon());
}

Result<apply::Summary> Node::apply(const std::string& osc_path, const std::vector<std::string>& fail) {
  for (const auto& operation : fail) {
    const auto blank = operation.find(' ');
    const auto verb = operation.substr(0, blank);
    const auto unit = blank == std::string::npos ? std::string() : " of " + operation.substr(blank + 1);
    const auto so_far = std::ranges::count_if(
        all_operations_, [&](const auto& line) { return line == operation || line.starts_with(operation + " -> "); });
    units_->script("fail " + std::to_string(so_far + 1) + "th " + verb + unit + " with failed");
  }
  const apply::Options options{.no_state = no_state_, .allow_empty = true, .restart_agent = false};
  apply::Pass pass(*os_, *images_, *store_, secret);
  GNA_LET(prepared, prepare(osc_path));
  auto summary = pass.execute(prepared, options, {}, soon());
  // The agent leaves, and systemd starts it anew.
  if (summary && summary->agent_restart_due) units_->unit("gardener-node-agent.service").start();
  collect_unit_operations();
  return summary;
}

void Node::collect_unit_operations() {
  for (auto& line : units_->take_operations()) {
    all_operations_.push_back(line);
    operations_.push_back(std::move(line));
  }
}

Result<apply::Summary> Node::reset() {
  apply::Pass pass(*os_, *images_, *store_, secret);
  GNA_LET(prepared, pass.prepare_reset(soon()));
  return pass.execute(prepared, {.restart_agent = false}, {}, soon());
}

std::vector<std::string> Node::take_operations() { return std::exchange(operations_, {}); }

std::vector<std::string> Node::tree() const {
  std::vector<std::string> lines;
  for (const auto& entry : stdfs::recursive_directory_iterator(root_.path())) {
    struct stat seen = {};
    ::lstat(entry.path().c_str(), &seen);
    const auto path = "/" + stdfs::relative(entry.path(), root_.path()).string();
    char head[64];
    std::snprintf(head, sizeof head, "%c %04o %u:%u ",
                  S_ISDIR(seen.st_mode)   ? 'd'
                  : S_ISREG(seen.st_mode) ? 'f'
                                          : 'l',
                  seen.st_mode & 07777, seen.st_uid, seen.st_gid);
    auto line = head + path;
    if (S_ISREG(seen.st_mode)) {
      const auto bytes = read_host_file(entry.path());
      line += " " + std::to_string(bytes.size()) + " " + sha256_hex(bytes);
    }
    lines.push_back(line);
  }
  std::ranges::sort(lines);
  return lines;
}

// --- comparing ---

namespace {

std::string path_in(const std::string& line) {
  const auto from = line.find('/');
  auto path = line.substr(from);
  if (line.starts_with('f')) {  // "... PATH SIZE SHA": paths may hold blanks
    path = path.substr(0, path.rfind(' '));
    path = path.substr(0, path.rfind(' '));
  }
  return path;
}

bool is_record(const std::string& path) {
  return path.starts_with("/var/lib/gardener-node-agent/gna") ||
         path == "/var/lib/gardener-node-agent/last-applied-osc.yaml" ||
         path == "/var/lib/gardener-node-agent/last-computed-osc-changes.yaml";
}

}  // namespace

std::vector<std::string> what_counts(const std::vector<std::string>& tree) {
  std::set<std::string> needed;
  for (const auto& line : tree) {
    if (!line.starts_with('f') || is_record(path_in(line))) continue;
    auto folder = path_in(line);
    while (!(folder = folder.substr(0, folder.rfind('/'))).empty()) needed.insert(folder);
  }
  std::vector<std::string> out;
  for (const auto& line : tree) {
    const auto path = path_in(line);
    if (is_record(path) || (line.starts_with('d') && !needed.contains(path))) continue;
    if (path == kConfigToml && line.starts_with('f'))
      out.push_back(line.substr(0, line.find(path)) + path);  // its bytes are compared by meaning
    else
      out.push_back(line);
  }
  std::ranges::sort(out);
  return out;
}

std::multiset<std::string> effects(const std::vector<std::string>& operations, std::set<std::string>& enabled) {
  std::multiset<std::string> out;
  for (const auto& line : operations) {
    if (line == "daemon-reload" || line.starts_with("exec ")) continue;
    if (line.starts_with("copy-from-image ")) {  // upstream's lines go on with path and mode, which the tree tells
      std::istringstream in(line);
      std::string verb, image, path;
      in >> verb >> image >> path;
      out.insert(verb + " " + image + " " + path);
      continue;
    }
    const auto unit = line.substr(line.find(' ') + 1);
    if (line.starts_with("enable ") && !line.ends_with("failed")) {
      if (enabled.insert(unit).second) out.insert(line);
    } else if (line.starts_with("disable ") && !line.ends_with("failed")) {
      if (enabled.erase(unit) > 0) out.insert(line);
    } else {
      out.insert(line);
    }
  }
  return out;
}

namespace {

enum class Block { pulls, before_reload, after_reload };

struct Blocks {
  std::map<std::string, Block> of = {};  // operation → where it stands first
  bool reload = false;
};

Blocks blocks(const std::vector<std::string>& operations) {
  Blocks out;
  bool units_begun = false;
  for (const auto& line : operations) {
    if (line.starts_with("exec ")) continue;
    if (line.starts_with("daemon-reload")) {
      out.reload = true;
    } else if (line.starts_with("copy-from-image ")) {
      std::istringstream in(line);
      std::string verb, image, path;
      in >> verb >> image >> path;
      out.of.try_emplace(verb + " " + image + " " + path, units_begun ? Block::after_reload : Block::pulls);
      continue;
    } else {
      out.of.try_emplace(line, out.reload ? Block::after_reload : Block::before_reload);
    }
    units_begun = true;
  }
  return out;
}

}  // namespace

std::vector<std::string> order_differences(const std::vector<std::string>& theirs,
                                           const std::vector<std::string>& ours) {
  const auto upstream = blocks(theirs);
  const auto here = blocks(ours);
  std::vector<std::string> out;
  for (const auto& [line, block] : here.of) {
    const bool pull = line.starts_with("copy-from-image ");
    if (!pull && !here.reload) continue;
    const auto at = upstream.of.find(line);
    const bool job = line.starts_with("restart ") || line.starts_with("start ") || line.starts_with("stop ");
    // What upstream does not do here stands where its kind does.
    const auto expected = at != upstream.of.end() ? at->second
                          : pull                  ? Block::pulls
                          : job                   ? Block::after_reload
                                                  : Block::before_reload;
    if (block != expected) out.push_back("order of " + line);
  }
  return out;
}

std::vector<std::string> differences(const std::vector<std::string>& theirs, const std::vector<std::string>& ours) {
  std::vector<std::string> a = theirs, b = ours, out, only;
  std::ranges::sort(a);
  std::ranges::sort(b);
  std::ranges::set_difference(a, b, std::back_inserter(only));
  for (const auto& line : only) out.push_back("-" + line);
  only.clear();
  std::ranges::set_difference(b, a, std::back_inserter(only));
  for (const auto& line : only) out.push_back("+" + line);
  return out;
}

namespace {

void flatten(const toml::value& value, const std::string& path, std::vector<std::string>& out) {
  if (value.is_table()) {
    for (const auto& [key, below] : value.as_table()) flatten(below, path + "/" + key, out);
    return;
  }
  std::ostringstream text;
  // Upstream writes integers of plugin values as floats: a defect, and no difference here.
  if (value.is_integer())
    text << static_cast<double>(value.as_integer());
  else if (value.is_floating())
    text << value.as_floating();
  else if (value.is_array()) {
    std::vector<std::string> elements;
    for (const auto& element : value.as_array()) flatten(element, "", elements);
    for (const auto& element : elements) text << element << ",";
  } else {
    text << value;
  }
  out.push_back(path + " = " + text.str());
}

}  // namespace

std::vector<std::string> config_differences(const std::string& theirs, const std::string& ours) {
  const auto flat = [](const std::string& bytes) {
    std::vector<std::string> out;
    std::istringstream in(bytes);
    if (!bytes.empty()) flatten(toml::parse(in, "config.toml"), "config.toml", out);
    return out;
  };
  return differences(flat(theirs), flat(ours));
}

}  // namespace gna::golden
