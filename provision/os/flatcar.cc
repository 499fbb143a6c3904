#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "gna/base/digest.h"
#include "provision/os/pieces.h"
#include "provision/os/systems.h"
#include "provision/userdata.h"

namespace gna::provision {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kDefaultMode = 0644;

// Run at each boot before containerd: a configuration if there is none, and systemd's cgroups under version 2.
constexpr std::string_view kSetup = R"sh(#!/bin/bash
config=/etc/containerd/config.toml
if [ ! -s $config ]; then
  mkdir -p /etc/containerd
  containerd config default > $config
  chmod 0644 $config
fi
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  sed -i 's/SystemdCgroup *= *false/SystemdCgroup = true/' $config
fi
unit=/etc/systemd/system/containerd-logrotate.service
if [ -f $unit ]; then
  sed -i "s;/usr/sbin/logrotate;$(command -v logrotate);" $unit
  systemctl daemon-reload
fi
)sh";

constexpr std::string_view kSetupUnit =
    "[Unit]\nDescription=Prepares containerd's configuration\nBefore=containerd.service\n"
    "[Service]\nType=oneshot\nRemainAfterExit=true\nExecStart=/opt/bin/containerd-setup.sh\n"
    "[Install]\nWantedBy=multi-user.target\n";

constexpr std::string_view kExecDropIn =
    "[Service]\nExecStart=\nExecStart=/usr/bin/containerd --config /etc/containerd/config.toml\n";

// As Go's url.QueryEscape, but that a blank is %20: Ignition would leave a + as it is.
std::string query_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").contains(c);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// As Go's encoding/json: what HTML could take for markup is escaped.
std::string go_json(const Json& value) {
  std::string out;
  for (const char c : value.dump()) {
    if (c == '<' || c == '>' || c == '&')
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out;
}

Json file_entry(const std::string& path, const std::string& source, std::uint32_t mode) {
  Json out = {{"group", Json::object()}};
  // The image may have mirrors of its own, and Ignition stops at a file that exists.
  if (path.starts_with("/etc/containerd/certs.d/")) out["overwrite"] = true;
  out["path"] = path;
  out["user"] = Json::object();
  out["contents"] = {{"source", source}, {"verification", Json::object()}};
  out["mode"] = mode;
  return out;
}

Json base64_entry(const std::string& path, std::string_view bytes, std::uint32_t mode) {
  return file_entry(path, "data:;base64," + base64_encode(bytes), mode);
}

Json link_entry(const std::string& path) {
  return {{"group", Json::object()},
          {"overwrite", true},
          {"path", path},
          {"user", Json::object()},
          {"target", "/dev/null"}};
}

Result<void> check_text(const std::string& text, std::string_view hidden_in) {
  if (!holds_placeholder(text)) return {};
  return std::unexpected(hidden_placeholder(hidden_in, "a file with plain inline content keeps it findable"));
}

// Unit files are text in JSON, which escapes the < of a placeholder.
Result<void> check_unit(const osc::Unit& unit) {
  GNA_TRY_AT(unit.name, check_text(unit.content.value_or(""), "JSON's escapes"));
  for (const auto& drop_in : unit.drop_ins) GNA_TRY_AT(unit.name, check_text(drop_in.content, "JSON's escapes"));
  return {};
}

Json unit_entry(const osc::Unit& unit) {
  Json out = Json::object();
  if (unit.content) out["contents"] = *unit.content;
  auto drop_ins = Json::array();
  for (const auto& drop_in : unit.drop_ins) {
    // Ignition takes a name once, and in an OSC the last one counts.
    std::erase_if(drop_ins.get_ref<Json::array_t&>(), [&](const Json& other) { return other["name"] == drop_in.name; });
    drop_ins.push_back({{"contents", drop_in.content}, {"name", drop_in.name}});
  }
  if (!drop_ins.empty()) out["dropins"] = std::move(drop_ins);
  out["enabled"] = unit.enable.value_or(true);
  out["name"] = unit.name;
  return out;
}

Result<Json> files_of(const osc::Osc& osc, const osc::Secrets& secrets) {
  auto out = Json::array({base64_entry("/opt/bin/containerd-setup.sh", kSetup, 0755)});
  for (const auto& file : osc.spec.files) {
    const auto mode = file.permissions.value_or(kDefaultMode);
    GNA_LET(bytes, file_bytes(file, secrets));
    const bool plain = file.content.inline_data && file.content.inline_data->encoding.empty();
    if (!plain) GNA_TRY_AT(file.path, check_text(bytes, "base64"));
    out.push_back(plain ? file_entry(file.path, "data:," + query_escape(bytes), mode)
                        : base64_entry(file.path, bytes, mode));
  }
  return out;
}

Result<Json> units_of(const osc::Osc& osc) {
  auto out = Json::array();
  out.push_back(unit_entry({.name = "containerd.service",
                            .enable = true,
                            .drop_ins = {{.name = "11-exec_config.conf", .content = std::string(kExecDropIn)}}}));
  out.push_back(unit_entry({.name = "containerd-setup.service", .enable = true, .content = std::string(kSetupUnit)}));
  for (const auto& unit : osc.spec.units) {
    const auto same = [&](const Json& other) { return other["name"] == unit.name; };
    if (std::ranges::any_of(out, same))
      return fail(Code::InvalidArgument, unit.name + ": Ignition takes a unit once, and this one is there already");
    GNA_TRY(check_unit(unit));
    out.push_back(unit_entry(unit));
  }
  return out;
}

}  // namespace

Result<std::string> flatcar(const osc::Osc& osc, const osc::Secrets& secrets) {
  GNA_LET(files, files_of(osc, secrets));
  GNA_LET(units, units_of(osc));
  auto links = Json::array();
  for (const std::string unit :
       {"update-engine.service", "locksmithd.service", "systemd-sysupdate.timer", "systemd-sysupdate-reboot.timer"})
    links.push_back(link_entry("/etc/systemd/system/" + unit));
  links.push_back(link_entry("/etc/extensions/docker-flatcar.raw"));
  const Json empty = Json::object();
  const Json out = {{"ignition",
                     {{"config", {{"replace", {{"verification", empty}}}}},
                      {"proxy", empty},
                      {"security", {{"tls", empty}}},
                      {"timeouts", empty},
                      {"version", "3.3.0"}}},
                    {"kernelArguments", empty},
                    {"passwd", empty},
                    {"storage", {{"files", files}, {"links", links}}},
                    {"systemd", {{"units", units}}}};
  return go_json(out);
}

}  // namespace gna::provision
