#include "provision/userdata.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "agent/containerd/hosts_toml.h"
#include "agent/osc/rules.h"
#include "gna/base/digest.h"
#include "provision/init_script.h"
#include "provision/stages/private_hosts.h"

namespace gna::provision {
namespace {

constexpr std::uint32_t kDefaultMode = 0644;  // what every OS extension gives a file without permissions

// Lengths in front, so that no two contents have one text.
void append(std::string& out, std::string_view field) { out += fmt::format("{}:{}\n", field.size(), field); }

Result<std::string> bytes_of(const osc::FileContent& content, const std::string& field, const osc::Secrets& secrets) {
  if (content.image_ref)
    return fail(Code::InvalidArgument, field + ".content.imageRef: userdata cannot hold what is inside an image");
  if (content.inline_data) {
    auto bytes = osc::decode(*content.inline_data);
    if (!bytes) return fail(Code::InvalidArgument, field + ".content.inline: cannot be decoded");
    return std::move(*bytes);
  }
  if (!content.secret_ref) return fail(Code::InvalidArgument, field + ".content: there is none");
  const auto& [name, key] = *content.secret_ref;
  if (const auto secret = secrets.find(name); secret != secrets.end())
    if (const auto value = secret->second.find(key); value != secret->second.end()) return value->second;
  return fail(Code::InvalidArgument, fmt::format("{}.content.secretRef: no Secret {} with key {}", field, name, key),
              "give the Secret with --secrets FILE");
}

Result<void> add_files(const std::vector<osc::File>& files, const char* list, const osc::Secrets& secrets,
                       std::vector<UserdataFile>& into) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto field = fmt::format("{}[{}]", list, i);
    if (files[i].host_name)
      return fail(Code::InvalidArgument, field + ".hostName: userdata is for any host, not for one");
    GNA_LET(bytes, bytes_of(files[i].content, field, secrets));
    UserdataFile file{.path = files[i].path, .mode = files[i].permissions.value_or(kDefaultMode) & 0777};
    file.has_placeholder = holds_placeholder(bytes);
    file.bytes = std::move(bytes);
    into.push_back(std::move(file));
  }
  return {};
}

Command command_of(const osc::Unit& unit) {
  if (unit.command == "start") return Command::start;
  if (unit.command == "restart") return Command::restart;
  return unit.command == "stop" ? Command::stop : Command::none;
}

UserdataUnit unit_of(const osc::Unit& unit) {
  UserdataUnit out{.name = unit.name, .content = unit.content};
  for (const auto& drop_in : unit.drop_ins) out.drop_ins.insert_or_assign(drop_in.name, drop_in.content);
  out.enable = unit.enable.value_or(true);
  out.command = command_of(unit);
  return out;
}

// What stands between `before` and the next `after`.
std::optional<std::string> between(const std::string& text, std::string_view before, std::string_view after) {
  const auto from = text.find(before);
  if (from == std::string::npos) return std::nullopt;
  const auto begin = from + before.size();
  const auto end = text.find(after, begin);
  if (end == std::string::npos) return std::nullopt;
  return text.substr(begin, end - begin);
}

std::optional<std::string> own_init_script(const osc::Osc& osc) {
  const auto file = std::ranges::find(osc.spec.files, kInitScriptPath, &osc::File::path);
  if (file == osc.spec.files.end() || !file->content.inline_data) return std::nullopt;
  return osc::decode(*file->content.inline_data);
}

bool has_init(const osc::Osc& osc) {
  return std::ranges::find(osc.spec.files, kInitScriptPath, &osc::File::path) != osc.spec.files.end() ||
         std::ranges::find(osc.spec.units, kInitUnit, &osc::Unit::name) != osc.spec.units.end();
}

// The API server that the OSC's own init.sh asks for a registry CA; empty: it does not.
std::string registry_ca_server(const osc::Osc& osc) {
  const auto script = own_init_script(osc);
  if (!script || !script->contains("configmaps/registry-ca-bundle")) return {};
  const auto host = between(*script, "\"https://", "/api/v1/namespaces/kube-system/configmaps/registry-ca-bundle\"");
  return host && osc::rules::why_not_url("https://" + *host) == std::nullopt && !host->contains('\'')
             ? "https://" + *host
             : std::string();
}

// An upstream's name in an image reference; docker.io if there is none.
std::string registry_of(const std::string& image) {
  const auto slash = image.find('/');
  const auto first = image.substr(0, slash);
  const bool is_host =
      slash != std::string::npos && (first.contains('.') || first.contains(':') || first == "localhost");
  return is_host ? first : "docker.io";
}

// ctr takes full references only.
Result<void> check_image(const std::string& image, const UserdataOptions& options) {
  const auto wrong = [&](std::string_view what) {
    return fail(Code::InvalidArgument, fmt::format("{}: {}", options.image.empty() ? kInitScriptPath : "--image", what),
                options.keep_init ? "" : "name the agent's image with --image REF");
  };
  if (image.empty()) return wrong("names no image of the agent");
  if (const auto reason = osc::rules::why_not_image(image)) return wrong("the image " + reason->message);
  const auto name = image.substr(image.rfind('/') + 1);
  if (!image.contains('/') || (registry_of(image) == "docker.io" && !image.starts_with("docker.io/")))
    return wrong("the image names no registry");
  if (!name.contains(':') && !name.contains('@')) return wrong("the image has neither tag nor digest");
  return {};
}

bool resolves(const Mirror& mirror) {
  return std::ranges::any_of(mirror.registry.hosts, [](const desired::RegistryHost& host) {
    return std::ranges::find(host.capabilities, "resolve") != host.capabilities.end();
  });
}

Result<void> check_closed(const std::string& image, const std::vector<Mirror>& mirrors) {
  const auto registry = registry_of(image);
  const auto mirror = std::ranges::find(mirrors, registry, [](const Mirror& m) { return m.registry.upstream; });
  if (mirror == mirrors.end())
    return fail(Code::InvalidArgument,
                "--require-mirror: there is no mirror for " + registry + ", where the agent's image is",
                "mark it provisionRelevant, or give --all-mirrors");
  if (!image.contains('@') && !resolves(*mirror))
    return fail(
        Code::InvalidArgument,
        fmt::format("--require-mirror: no mirror for {} has the capability resolve, and the image is named by tag",
                    registry),
        "add resolve to a host's capabilities, or name the image by digest");
  return {};
}

void replace_or_append(std::vector<UserdataFile>& files, UserdataFile file) {
  const auto at = std::ranges::find(files, file.path, &UserdataFile::path);
  if (at == files.end())
    files.push_back(std::move(file));
  else
    *at = std::move(file);
}

// init.sh and its unit become ours.
void put_init(const osc::Osc& osc, const std::vector<Mirror>& mirrors, const UserdataOptions& options,
              const std::string& image, Userdata& into) {
  InitScript script{.image = image, .require_mirror = options.require_mirror, .registry_ca = registry_ca_server(osc)};
  for (const auto& mirror : mirrors)
    for (const auto& ca : mirror.ca_files) script.not_before = std::max(script.not_before, ca.not_before);
  replace_or_append(into.files, {.path = kInitScriptPath, .bytes = init_script(script), .mode = 0755});
  const UserdataUnit unit{.name = kInitUnit, .content = init_unit(), .command = Command::start};
  const auto at = std::ranges::find(into.units, kInitUnit, &UserdataUnit::name);
  if (at == into.units.end())
    into.units.push_back(unit);
  else
    *at = unit;
}

}  // namespace

bool holds_placeholder(std::string_view text) { return text.contains(kBootstrapToken) || text.contains(kMachineName); }

Error hidden_placeholder(std::string_view in, std::string hint) {
  return {.code = Code::InvalidArgument,
          .message = fmt::format("holds a placeholder, and in {} the machine controller would not find it", in),
          .hint = std::move(hint)};
}

std::string content_sha256(const Userdata& userdata) {
  std::string canonical;
  for (const auto& file : userdata.files) {
    canonical += "file ";
    append(canonical, file.path);
    append(canonical, fmt::format("{:04o}", file.mode));
    append(canonical, sha256_hex(file.bytes));
  }
  for (const auto& unit : userdata.units) {
    canonical += "unit ";
    append(canonical, unit.name);
    append(canonical, fmt::format("{} {} {}", unit.enable, static_cast<int>(unit.command), unit.content.has_value()));
    append(canonical, unit.content.value_or(""));
    for (const auto& [name, text] : unit.drop_ins) {
      canonical += "drop-in ";
      append(canonical, name);
      append(canonical, text);
    }
  }
  return sha256_hex(canonical);
}

std::vector<UserdataFile> all_files(const Userdata& userdata) {
  auto out = userdata.files;
  const auto add = [&out](std::string path, const std::string& text) {
    out.push_back({.path = std::move(path), .bytes = text, .has_placeholder = holds_placeholder(text)});
  };
  for (const auto& unit : userdata.units) {
    const auto path = "/etc/systemd/system/" + unit.name;
    if (unit.content) add(path, *unit.content);
    for (const auto& [name, text] : unit.drop_ins) add(fmt::format("{}.d/{}", path, name), text);
  }
  return out;
}

std::vector<UserdataFile> mirror_files(const Mirror& mirror) {
  std::vector<UserdataFile> out;
  out.reserve(mirror.ca_files.size() + 1);
  for (const auto& ca : mirror.ca_files) out.push_back({.path = ca.path, .bytes = ca.pem});
  out.push_back({.path = containerd::hosts_toml_path(mirror.registry.upstream),
                 .bytes = containerd::render_hosts_toml(mirror.registry, containerd::kDialTimeout)});
  return out;
}

std::vector<WrittenFile> below_certs(const std::vector<UserdataFile>& files) {
  std::vector<WrittenFile> out;
  for (const auto& file : files)
    if (is_below_certs(file.path))
      out.push_back({.sha256 = sha256_hex(file.bytes), .mode = file.mode, .path = file.path});
  return out;
}

std::optional<std::string> agent_image(const osc::Osc& osc) {
  const auto script = own_init_script(osc);
  auto image = script ? between("\n" + *script, "\nimage=\"", "\"\n") : std::nullopt;
  return image && osc::rules::why_not_image(*image) ? std::nullopt : image;
}

Result<Userdata> make_userdata(const osc::Osc& osc, const std::vector<Mirror>& mirrors,
                               const UserdataOptions& options) {
  if (osc.spec.purpose == "reconcile")
    return fail(Code::InvalidArgument, "spec.purpose: is reconcile; userdata is made of the provision OSC");
  Userdata out{.generation = options.generation};
  for (const auto& mirror : mirrors)
    for (auto& file : mirror_files(mirror)) out.files.push_back(std::move(file));
  if (options.with_credentials && needs_credentials(mirrors))
    for (auto& file : private_hosts(mirrors)) out.files.push_back(std::move(file));
  std::vector<UserdataFile> others;
  GNA_TRY(add_files(osc.spec.files, "spec.files", options.secrets, others));
  GNA_TRY(add_files(osc.status.extension_files, "status.extensionFiles", options.secrets, others));
  for (auto& file : others)
    if (std::ranges::find(out.files, file.path, &UserdataFile::path) == out.files.end())
      out.files.push_back(std::move(file));
  for (const auto& unit : osc::merged_units(osc)) out.units.push_back(unit_of(unit));
  for (const auto& file : all_files(out))
    if (holds_placeholder(file.path)) return std::unexpected(hidden_placeholder("a path").with(file.path));

  const auto image = options.image.empty() ? agent_image(osc).value_or("") : options.image;
  // A machine that `gardenadm` sets up has no agent's init.
  const bool pulls = !options.image.empty() || has_init(osc);
  if (pulls && (options.require_mirror || !options.keep_init)) GNA_TRY(check_image(image, options));
  if (options.require_mirror && !image.empty()) GNA_TRY(check_closed(image, mirrors));
  if (pulls && !options.keep_init) put_init(osc, mirrors, options, image, out);
  out.sha256 = content_sha256(out);
  return out;
}

std::vector<std::string> mirror_warnings(const std::vector<Mirror>& mirrors, const std::string& image,
                                         std::int64_t now) {
  std::vector<std::string> out;
  constexpr std::int64_t kSoon = 30 * 24 * 3600;
  for (const auto& mirror : mirrors) {
    const auto& upstream = mirror.registry.upstream;
    const bool closed = mirror.registry.server == mirror.registry.hosts.front().url;
    if (!resolves(mirror))
      out.push_back(fmt::format("mirror of {}: no host has the capability resolve, so a pull by tag {}", upstream,
                                closed ? "may fail" : "asks the upstream"));
    for (const auto& host : mirror.registry.hosts)
      if (host.url.starts_with("http://") && !host.ca_certs.empty())
        out.push_back(
            fmt::format("mirror of {}: {} has a CA bundle, so containerd tries it with TLS first", upstream, host.url));
    for (const auto& ca : mirror.ca_files) {
      if (ca.not_before > now)
        out.push_back(fmt::format("mirror of {}: a certificate in {} is not valid yet", upstream, ca.path));
      if (ca.not_after < now + kSoon)
        out.push_back(fmt::format("mirror of {}: a certificate in {} {}", upstream, ca.path,
                                  ca.not_after < now ? "has expired" : "expires within 30 days"));
    }
  }
  const auto registry = registry_of(image);
  if (!image.empty() && !mirrors.empty() &&
      std::ranges::none_of(mirrors, [&](const Mirror& mirror) { return mirror.registry.upstream == registry; }))
    out.push_back(fmt::format("no mirror for {}, where the agent's image is: it is pulled from there", registry));
  return out;
}

}  // namespace gna::provision
