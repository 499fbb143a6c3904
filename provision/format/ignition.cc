#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/format/format.h"

namespace gna::provision {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVersion = "3.3.0";  // the highest that current Flatcar and Debian's Ignition read

// Text as it is, which compresses best; anything else in base64.
std::string data_url(std::string_view bytes) {
  return is_plain_text(bytes) ? "data:," + percent_encode(bytes) : "data:;base64," + base64_encode(bytes);
}

Json file_entry(const UserdataFile& file, const std::string& source) {
  return {{"path", file.path}, {"overwrite", true}, {"mode", file.mode}, {"contents", {{"source", source}}}};
}

// A unit whose text holds a placeholder is a file: there it can be URL-encoded.
Json unit_entry(const UserdataUnit& unit) {
  Json out = {{"name", unit.name}, {"enabled", unit.enable}};
  if (unit.content && !holds_placeholder(*unit.content)) out["contents"] = *unit.content;
  auto drop_ins = Json::array();
  for (const auto& [name, text] : unit.drop_ins)
    if (!holds_placeholder(text)) drop_ins.push_back({{"name", name}, {"contents", text}});
  if (!drop_ins.empty()) out["dropins"] = std::move(drop_ins);
  return out;
}

Result<Json> inner_config(const Userdata& userdata) {
  Json files = Json::array(), units = Json::array();
  for (const auto& file : userdata.files)
    if (!file.has_placeholder) files.push_back(file_entry(file, data_url(file.bytes)));
  // What the script writes when it is done; Ignition is done as a whole or not at all. The machine has no id yet.
  const auto state = write(MachineState{.generation = userdata.generation,
                                        .sha256 = userdata.sha256,
                                        .phase = kDonePhase,
                                        .files = below_certs(userdata.files)});
  files.push_back(file_entry({.path = kStatePath, .mode = 0600}, data_url(state)));
  for (const auto& unit : userdata.units) units.push_back(unit_entry(unit));
  return Json{{"ignition", {{"version", kVersion}}}, {"storage", {{"files", files}}}, {"systemd", {{"units", units}}}};
}

std::string dump(const Json& json) { return json.dump(-1, ' ', true); }

}  // namespace

Result<std::string> ignition(const Userdata& userdata) {
  for (const auto& file : userdata.files)
    if (file.path.starts_with("/run/"))
      return fail(Code::InvalidArgument, file.path + ": nothing that Ignition writes below /run is there after it");
  for (const auto& unit : userdata.units)
    for (const auto& [name, text] : unit.drop_ins)
      if (!name.ends_with(".conf"))
        return fail(Code::InvalidArgument,
                    fmt::format("unit {}: drop-in {}: Ignition takes names that end in .conf only", unit.name, name));
  GNA_LET(inner, inner_config(userdata));
  const Json merged = {{"source", "data:;base64," + base64_encode(gzip(dump(inner)))}, {"compression", "gzip"}};
  Json outer = {{"ignition", {{"version", kVersion}, {"config", {{"merge", Json::array({merged})}}}}}};
  Json files = Json::array();
  for (const auto& file : all_files(userdata))
    if (file.has_placeholder) files.push_back(file_entry(file, "data:," + percent_encode(file.bytes)));
  if (!files.empty()) outer["storage"]["files"] = std::move(files);
  return dump(outer);
}

}  // namespace gna::provision
