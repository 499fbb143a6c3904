#include "agent/store/codec.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <vector>

namespace gna::store {

namespace {

using nlohmann::json;

constexpr int kVersion = 1;

// Each struct names its fields once, for both directions.
template <typename Field>
void fields(Field field, desired::ImageSource*) {
  field("image", &desired::ImageSource::image);
  field("path", &desired::ImageSource::path);
}
template <typename Field>
void fields(Field field, desired::PluginPatch*) {
  field("remove", &desired::PluginPatch::remove);
  field("path", &desired::PluginPatch::path);
  field("values", &desired::PluginPatch::values);
}
template <typename Field>
void fields(Field field, desired::Containerd*) {
  field("sandboxImage", &desired::Containerd::sandbox_image);
  field("systemdCgroup", &desired::Containerd::systemd_cgroup);
  field("plugins", &desired::Containerd::plugins);
}
template <typename Field>
void fields(Field field, plan::AppliedFile*) {
  field("mode", &plan::AppliedFile::mode);
  field("sha256", &plan::AppliedFile::sha256);
  field("image", &plan::AppliedFile::image);
  field("overwrote", &plan::AppliedFile::overwrote);
}
template <typename Field>
void fields(Field field, plan::AppliedUnit*) {
  field("ownsFile", &plan::AppliedUnit::owns_file);
  field("fileSha256", &plan::AppliedUnit::file_sha256);
  field("dropIns", &plan::AppliedUnit::drop_ins);
  field("enabled", &plan::AppliedUnit::enabled);
  field("run", &plan::AppliedUnit::run);
  field("expected", &plan::AppliedUnit::expected);
  field("startedWith", &plan::AppliedUnit::started_with);
  field("sentWith", &plan::AppliedUnit::sent_with);
  field("invocationBefore", &plan::AppliedUnit::invocation_before);
}
template <typename Field>
void fields(Field field, plan::AppliedRegistry*) {
  field("digest", &plan::AppliedRegistry::digest);
  field("sha256", &plan::AppliedRegistry::sha256);
}
template <typename Field>
void fields(Field field, plan::Applied*) {
  field("files", &plan::Applied::files);
  field("units", &plan::Applied::units);
  field("registries", &plan::Applied::registries);
  field("containerd", &plan::Applied::containerd);
  field("containerdOriginals", &plan::Applied::containerd_originals);
  field("containerdConfigSha256", &plan::Applied::containerd_config_sha256);
  field("containerdStartedWith", &plan::Applied::containerd_started_with);
  field("containerdSentWith", &plan::Applied::containerd_sent_with);
  field("containerdInvocationBefore", &plan::Applied::containerd_invocation_before);
  field("reloadOwed", &plan::Applied::reload_owed);
  field("agentRestartOwed", &plan::Applied::agent_restart_owed);
  field("cpuManagerPolicy", &plan::Applied::cpu_manager_policy);
  field("checksum", &plan::Applied::checksum);
}
template <typename Field>
void fields(Field field, plan::UnitRecord*) {
  field("ownsFile", &plan::UnitRecord::owns_file);
  field("fileSha256", &plan::UnitRecord::file_sha256);
  field("addDropIns", &plan::UnitRecord::add_drop_ins);
  field("removeDropIns", &plan::UnitRecord::remove_drop_ins);
  field("enabled", &plan::UnitRecord::enabled);
  field("run", &plan::UnitRecord::run);
  field("expected", &plan::UnitRecord::expected);
  field("startedWith", &plan::UnitRecord::started_with);
  field("sentWith", &plan::UnitRecord::sent_with);
  field("invocationBefore", &plan::UnitRecord::invocation_before);
  field("forget", &plan::UnitRecord::forget);
}
template <typename Field>
void fields(Field field, plan::Record*) {
  field("files", &plan::Record::files);
  field("units", &plan::Record::units);
  field("registries", &plan::Record::registries);
  field("containerdOriginals", &plan::Record::containerd_originals);
  field("containerd", &plan::Record::containerd);
  field("containerdRestored", &plan::Record::containerd_restored);
  field("containerdConfigSha256", &plan::Record::containerd_config_sha256);
  field("containerdStartedWith", &plan::Record::containerd_started_with);
  field("containerdSentWith", &plan::Record::containerd_sent_with);
  field("containerdInvocationBefore", &plan::Record::containerd_invocation_before);
  field("cpuManagerPolicy", &plan::Record::cpu_manager_policy);
  field("reloadOwed", &plan::Record::reload_owed);
  field("agentRestartOwed", &plan::Record::agent_restart_owed);
}
template <typename Field>
void fields(Field field, Bound*) {
  field("lastApplied", &Bound::last_applied);
  field("changes", &Bound::changes);
}
template <typename Field>
void fields(Field field, Manifest*) {
  field("applied", &Manifest::applied);
  field("running", &Manifest::running);
  field("now", &Manifest::now);
  field("before", &Manifest::before);
}
template <typename Field>
void fields(Field field, Entry*) {
  field("manifest", &Entry::manifest_sha256);
  field("edit", &Entry::edit);
  field("bound", &Entry::bound);
}
template <typename Field>
void fields(Field field, Index*) {
  field("inputSha256", &Index::input_sha256);
  field("checksum", &Index::checksum);
  field("hostName", &Index::host_name);
  field("lastAppliedSha256", &Index::last_applied_sha256);
  field("facts", &Index::facts);
}
template <typename Field>
void fields(Field field, IndexFile*) {
  field("index", &IndexFile::index);
  field("manifest", &IndexFile::manifest_sha256);
}
template <typename Field>
void fields(Field field, LastRun::StepResult*) {
  field("id", &LastRun::StepResult::id);
  field("result", &LastRun::StepResult::result);
  field("error", &LastRun::StepResult::error);
}
template <typename Field>
void fields(Field field, LastRun*) {
  field("checksum", &LastRun::checksum);
  field("started", &LastRun::started);
  field("tookMs", &LastRun::took_ms);
  field("steps", &LastRun::steps);
  field("finished", &LastRun::finished);
}

constexpr std::string_view kRuns[] = {"running", "stopped", "stop"};  // in the order of desired::Run

template <typename T>
concept Struct = requires { fields([](const char*, auto) {}, static_cast<T*>(nullptr)); };

json to_json(const std::string& value) { return value; }
json to_json(bool value) { return value; }
json to_json(std::uint32_t value) { return value; }
json to_json(std::int64_t value) { return value; }
json to_json(desired::Run value) { return kRuns[static_cast<std::size_t>(value)]; }
template <typename T>
json to_json(const std::optional<T>& value);
template <typename T>
json to_json(const std::vector<T>& value);
template <typename T>
json to_json(const std::set<T>& value);
template <typename T>
json to_json(const std::map<std::string, T>& value);

template <Struct T>
json to_json(const T& value) {
  json out = json::object();
  static const T kDefault = {};
  fields(
      [&](const char* name, auto member) {
        if (!(value.*member == kDefault.*member)) out[name] = to_json(value.*member);
      },
      static_cast<T*>(nullptr));
  return out;
}
template <typename T>
json to_json(const std::optional<T>& value) {
  return value ? to_json(*value) : json(nullptr);
}
template <typename T>
json to_json(const std::vector<T>& value) {
  json out = json::array();
  for (const auto& element : value) out.push_back(to_json(element));
  return out;
}
template <typename T>
json to_json(const std::set<T>& value) {
  json out = json::array();
  for (const auto& element : value) out.push_back(to_json(element));
  return out;
}
template <typename T>
json to_json(const std::map<std::string, T>& value) {
  json out = json::object();
  for (const auto& [key, element] : value) out[key] = to_json(element);
  return out;
}

// These throw json::exception or Mismatch, which decode() catches.
struct Mismatch {
  std::string what;
};

void from_json(const json& in, std::string& value) { value = in.get_ref<const std::string&>(); }
void from_json(const json& in, bool& value) { value = in.get_ref<const bool&>(); }
void from_json(const json& in, std::uint32_t& value) {
  const auto number = in.get_ref<const json::number_unsigned_t&>();
  if (number > 07777) throw Mismatch{"a mode of " + std::to_string(number)};
  value = static_cast<std::uint32_t>(number);
}
void from_json(const json& in, std::int64_t& value) {
  if (!in.is_number_integer()) throw Mismatch{"a number that is no integer"};
  value = in.get<std::int64_t>();
}
void from_json(const json& in, desired::Run& value) {
  const auto& word = in.get_ref<const std::string&>();
  for (std::size_t i = 0; i < std::size(kRuns); ++i)
    if (word == kRuns[i]) {
      value = static_cast<desired::Run>(i);
      return;
    }
  throw Mismatch{"run: " + word};
}
template <typename T>
void from_json(const json& in, std::optional<T>& value);
template <typename T>
void from_json(const json& in, std::vector<T>& value);
template <typename T>
void from_json(const json& in, std::set<T>& value);
template <typename T>
void from_json(const json& in, std::map<std::string, T>& value);

template <Struct T>
void from_json(const json& in, T& value) {
  if (!in.is_object()) throw Mismatch{"something else where an object should be"};
  fields(
      [&](const char* name, auto member) {
        if (const auto found = in.find(name); found != in.end()) from_json(*found, value.*member);
      },
      static_cast<T*>(nullptr));
}
template <typename T>
void from_json(const json& in, std::optional<T>& value) {
  if (in.is_null())
    value.reset();
  else
    from_json(in, value.emplace());
}
template <typename T>
void from_json(const json& in, std::vector<T>& value) {
  for (const auto& element : in.get_ref<const json::array_t&>()) from_json(element, value.emplace_back());
}
template <typename T>
void from_json(const json& in, std::set<T>& value) {
  for (const auto& element : in.get_ref<const json::array_t&>()) {
    T one{};
    from_json(element, one);
    value.insert(std::move(one));
  }
}
template <typename T>
void from_json(const json& in, std::map<std::string, T>& value) {
  for (const auto& [key, element] : in.get_ref<const json::object_t&>()) from_json(element, value[key]);
}

template <typename T>
Result<std::string> encode_as(const T& value, int indent) {
  try {
    json out = to_json(value);
    if (indent >= 0) out["version"] = kVersion;
    return out.dump(indent) + (indent >= 0 ? "\n" : "");
  } catch (const json::exception& error) {
    return fail(Code::Internal, std::string("encode: ") + error.what());
  }
}

template <typename T>
Result<T> decode_as(std::string_view bytes, bool versioned) {
  try {
    const json in = json::parse(bytes);
    T value;
    if (versioned) {
      const auto version = in.at("version").get<json::number_integer_t>();
      if (version != kVersion) throw Mismatch{"version " + std::to_string(version) + ", this program knows 1"};
    }
    from_json(in, value);
    return value;
  } catch (const json::exception& error) {
    return fail(Code::Corrupt, error.what());
  } catch (const Mismatch& mismatch) {
    return fail(Code::Corrupt, mismatch.what);
  }
}

}  // namespace

void Bound::add(const Bound& other) {
  last_applied.insert(other.last_applied.begin(), other.last_applied.end());
  changes.insert(other.changes.begin(), other.changes.end());
}

Result<std::string> encode(const Manifest& manifest) { return encode_as(manifest, 1); }
Result<std::string> encode(const Entry& entry) { return encode_as(entry, -1); }
Result<std::string> encode(const IndexFile& index) { return encode_as(index, 1); }
Result<std::string> encode(const LastRun& run) { return encode_as(run, 1); }
Result<Manifest> decode_manifest(std::string_view bytes) { return decode_as<Manifest>(bytes, true); }
Result<Entry> decode_entry(std::string_view bytes) { return decode_as<Entry>(bytes, false); }
Result<IndexFile> decode_index(std::string_view bytes) { return decode_as<IndexFile>(bytes, true); }
Result<LastRun> decode_last_run(std::string_view bytes) { return decode_as<LastRun>(bytes, true); }

}  // namespace gna::store
