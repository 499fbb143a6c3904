#include "gna/osc/osc.h"

#include <algorithm>

#include "gna/base/digest.h"

namespace gna::osc {

bool has_containerd(const Osc& osc) {
  return osc.spec.cri_config && osc.spec.cri_config->name == "containerd" && osc.spec.cri_config->containerd;
}

std::optional<std::string> decode(const Inline& data) {
  if (data.encoding.empty()) return data.data;
  if (data.encoding == "b64") return base64_decode(data.data);
  return std::nullopt;
}

std::vector<Unit> merged_units(const Osc& osc) {
  std::vector<Unit> out;
  std::map<std::string, std::size_t> places;
  const auto add = [&](const Unit& unit) {
    const auto [place, is_new] = places.try_emplace(unit.name, out.size());
    if (is_new) {
      out.push_back(unit);
      return;
    }
    Unit& first = out[place->second];
    if (unit.enable) first.enable = unit.enable;
    if (unit.command) first.command = unit.command;
    if (unit.content) first.content = unit.content;
    first.drop_ins.insert(first.drop_ins.end(), unit.drop_ins.begin(), unit.drop_ins.end());
    first.file_paths.insert(first.file_paths.end(), unit.file_paths.begin(), unit.file_paths.end());
  };
  std::ranges::for_each(osc.spec.units, add);
  std::ranges::for_each(osc.status.extension_units, add);
  return out;
}

std::vector<File> files_for_host(const Osc& osc, const std::string& host_name) {
  std::vector<File> out;
  const auto add = [&](const File& file) {
    if (!file.host_name || *file.host_name == host_name) out.push_back(file);
  };
  std::ranges::for_each(osc.spec.files, add);
  std::ranges::for_each(osc.status.extension_files, add);
  return out;
}

}  // namespace gna::osc
