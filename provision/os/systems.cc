// The operating systems that are set up by a shell script. Heads and tails are our own words for what each
// extension does before and after the OSC's files and units.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "agent/yaml/reader.h"
#include "gna/base/utf8.h"
#include "provision/encode.h"
#include "provision/os/os.h"
#include "provision/os/pieces.h"
#include "provision/os/systems.h"

namespace gna::provision {
namespace {

constexpr std::string_view kShebang = "#!/bin/bash\n";
constexpr std::string_view kConfig = "/etc/containerd/config.toml";
constexpr std::string_view kDropIn = "/etc/systemd/system/containerd.service.d/11-exec_config.conf";

std::string default_config(std::string_view unless) {
  return fmt::format(
      "if {}; then\n"
      "  mkdir -p /etc/containerd\n"
      "  containerd config default > {}\n"
      "  chmod 0644 {}\n"
      "fi\n",
      unless, kConfig, kConfig);
}

std::string exec_drop_in(std::string_view program) {
  return own_file(kDropIn, fmt::format("[Service]\nExecStart=\nExecStart={} --config={}\n", program, kConfig));
}

constexpr std::string_view kStartContainerd =
    "systemctl daemon-reload\n"
    "systemctl enable containerd && systemctl restart containerd\n";

Result<std::string> gardenlinux(const osc::Osc& osc, const osc::Secrets& secrets) {
  const auto head = std::string(kShebang) + default_config("[ ! -s /etc/containerd/config.toml ]") +
                    exec_drop_in("/usr/bin/containerd");
  const auto tail =
      "grep -qsx nfsd /etc/modules || echo nfsd >> /etc/modules\n"
      "modprobe nfsd\n"
      "nslookup \"$(hostname)\" > /dev/null || systemctl restart systemd-networkd\n" +
      std::string(kStartContainerd);
  return once_script(head, tail, osc, secrets);
}

Result<std::string> ubuntu_script(const osc::Osc& osc, const osc::Secrets& secrets) {
  const auto head = std::string(kShebang) +
                    own_file("/etc/cloud/cloud.cfg.d/custom-networking.cfg", "network:\n  config: disabled\n");
  const auto tail =
      "until apt-get update -qq &&\n"
      "  DEBIAN_FRONTEND=noninteractive apt-get install --no-upgrade -qqy \\\n"
      "    containerd runc socat nfs-common logrotate jq policykit-1; do\n"
      "  sleep 1\n"
      "done\n" +
      default_config("[ ! -s /etc/containerd/config.toml ]") + exec_drop_in("/usr/bin/containerd") +
      std::string(kStartContainerd);
  return once_script(head, tail, osc, secrets);
}

// A double-quoted scalar: JSON's escapes are YAML's, but for what JSON makes of characters beyond 16 bits.
std::string yaml_quoted(const std::string& utf8) {
  const auto json = nlohmann::json(utf8).dump(-1, ' ', true);
  const auto unit = [&](std::size_t at) { return std::stoul(json.substr(at + 2, 4), nullptr, 16); };
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      out += json[i];
    } else if (json[i + 1] == 'u' && unit(i) >= 0xd800 && unit(i) < 0xdc00) {
      out += fmt::format("\\U{:08x}", 0x10000 + ((unit(i) - 0xd800) << 10) + (unit(i + 6) - 0xdc00));
      i += 11;
    } else {
      out.append(json, i++, 2);
    }
  }
  return out;
}

bool fits_literal_block(std::string_view text) {
  return is_plain_text(text) && !text.contains(" \n") && !text.contains("\t\n");
}

// cloud-init's archive: a list of parts, this script being the only one.
Result<std::string> ubuntu(const osc::Osc& osc, const osc::Secrets& secrets) {
  GNA_LET(script, ubuntu_script(osc, secrets));
  std::string out = "#cloud-config-archive\n- content: ";
  if (fits_literal_block(script)) {
    out += "|\n";
    for (std::size_t at = 0; at < script.size();) {
      const auto end = script.find('\n', at) + 1;
      if (end - at > 1) out += "    ";
      out.append(script, at, end - at);
      at = end;
    }
  } else {
    if (!is_utf8(script))
      return fail(Code::InvalidArgument, "a text that is transmitted unencoded is not UTF-8, and YAML cannot hold it");
    out += yaml_quoted(script) + "\n";
  }
  return out + "  type: text/x-shellscript\n";
}

Result<std::string> suse_chost(const osc::Osc& osc, const osc::Secrets& secrets) {
  const auto head =
      std::string(kShebang) +
      default_config(
          "[ ! -s /etc/containerd/config.toml ] ||\n"
          "  [ \"$(cat /etc/containerd/config.toml)\" = '# See containerd-config.toml(5) for documentation.' ]") +
      "if grep -qs '^Conflicts=.*docker' /usr/lib/systemd/system/containerd.service; then\n"
      "  sed 's/^\\(Conflicts=.*\\)docker\\.service/\\1/' /usr/lib/systemd/system/containerd.service \\\n"
      "    > /etc/systemd/system/containerd.service\n"
      "fi\n" +
      exec_drop_in("/usr/sbin/containerd");
  const auto tail =
      std::string(
          "while :; do\n"
          "  zypper -q --non-interactive install -y wget socat jq nfs-client\n"
          "  [ $? -eq 7 ] || break\n"
          "  sleep 1\n"
          "done\n"
          "[ -e /bin/ip ] || ln -s /usr/bin/ip /bin/ip\n"
          "hostname > /etc/hostname\n"
          "systemctl daemon-reload\n"
          "[ -e /usr/sbin/ctr ] || ln -s /usr/sbin/containerd-ctr /usr/sbin/ctr\n"
          "systemctl enable containerd && systemctl restart containerd\n"
          "systemctl disable --now docker\n") +
      own_file("/etc/systemd/journald.conf.d/10-use-persistent-log-storage.conf", "[Journal]\nStorage=persistent\n") +
      "systemctl restart systemd-journald\n";
  return once_script(head, tail, osc, secrets);
}

Result<std::string> local(const osc::Osc& osc, const osc::Secrets& secrets) {
  return once_script(kShebang, "systemctl daemon-reload\n", osc, secrets);
}

struct MemoryOne {
  std::string topology = {}, memory = {};
};

// A value goes into a line of its own; anything else than a plain word would be another setting.
bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._%-,+").contains(c);
  });
}

Result<MemoryOne> memory_one_of(const osc::Osc& osc) {
  MemoryOne out{.topology = "2", .memory = "6x"};
  if (!osc.spec.provider_config) return out;
  const auto config = yaml::read(*osc.spec.provider_config);
  if (!config) return std::unexpected(yaml::to_error(config.error()).with("spec.providerConfig"));
  const auto take = [&](const char* key, std::string& into) {
    if (const auto* node = config->root.find(key); node != nullptr && node->text() != nullptr) into = *node->text();
    return is_word(into);
  };
  if (!take("memoryTopology", out.topology) || !take("systemMemory", out.memory))
    return fail(Code::InvalidArgument, "spec.providerConfig: memoryTopology and systemMemory are single words");
  return out;
}

// vSMP reads its own settings from the first part, cloud-init runs the second.
Result<std::string> memoryone(const osc::Osc& osc, const osc::Secrets& secrets) {
  const bool chost = osc.spec.type == "memoryone-chost";
  GNA_LET(script, chost ? suse_chost(osc, secrets) : gardenlinux(osc, secrets));
  GNA_LET(settings, memory_one_of(osc));
  std::string out =
      "Content-Type: multipart/mixed; boundary=\"==BOUNDARY==\"\nMIME-Version: 1.0\n\n--==BOUNDARY==\n"
      "Content-Type: text/x-vsmp; section=vsmp\n\n";
  if (chost || osc.spec.provider_config)
    out += fmt::format("system_memory={}\nmem_topology={}\n", settings.memory, settings.topology);
  return out + "--==BOUNDARY==\nContent-Type: text/x-shellscript\n\n" + script + "--==BOUNDARY==--\n";
}

}  // namespace

Result<std::string> render_os(const std::string& os, const osc::Osc& osc, const osc::Secrets& secrets) {
  if (os == "gardenlinux") return gardenlinux(osc, secrets);
  if (os == "ubuntu") return ubuntu(osc, secrets);
  if (os == "suse-chost") return suse_chost(osc, secrets);
  if (os == "memoryone") return memoryone(osc, secrets);
  if (os == "flatcar") return flatcar(osc, secrets);
  if (os == "local") return local(osc, secrets);
  return fail(Code::InvalidArgument, "--os: there is no form for " + os);
}

}  // namespace gna::provision
