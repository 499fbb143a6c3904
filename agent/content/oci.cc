#include "agent/content/oci.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gna/base/digest.h"

namespace gna::content::oci {

namespace {

using nlohmann::json;

constexpr int kNesting = 4;  // of indexes

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::unexpected<Error> corrupt(std::string_view document, std::string_view what) {
  return fail(Code::Corrupt, std::string(document) + ": " + std::string(what));
}

Result<json> parse_object(std::string_view document, std::string_view bytes) {
  json parsed = json::parse(bytes, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return corrupt(document, "not a JSON object");
  return parsed;
}

Result<Descriptor> descriptor(std::string_view document, const json& from) {
  if (!from.is_object()) return corrupt(document, "a descriptor that is no object");
  Descriptor out{.media_type = text_at(from, "mediaType"), .digest = text_at(from, "digest")};
  if (!is_sha256(out.digest)) {
    const bool other = out.digest.starts_with("sha512:") || out.digest.starts_with("sha384:");
    return fail(other ? Code::Unsupported : Code::Corrupt,
                std::string(document) + ": digest \"" + out.digest.substr(0, 80) + "\" is not a SHA-256");
  }
  const auto size = from.find("size");
  if (size == from.end() || !size->is_number_unsigned()) return corrupt(document, "a descriptor without size");
  out.size_bytes = size->get<std::uint64_t>();
  if (const auto platform = from.find("platform"); platform != from.end() && platform->is_object()) {
    out.os = text_at(*platform, "os");
    out.architecture = text_at(*platform, "architecture");
  }
  if (const auto notes = from.find("annotations"); notes != from.end() && notes->is_object())
    out.ref_name = text_at(*notes, "org.opencontainers.image.ref.name");
  return out;
}

Result<std::vector<Descriptor>> descriptors(std::string_view document, const json& object, const char* key) {
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return corrupt(document, std::string("no list of ") + key);
  std::vector<Descriptor> out;
  for (const auto& entry : *list) {
    GNA_LET(one, descriptor(document, entry));
    out.push_back(std::move(one));
  }
  return out;
}

Result<Image> from_manifest(const json& manifest, const Read& read, const std::string& architecture) {
  Image image;
  const auto config = manifest.find("config");
  if (config == manifest.end()) return corrupt("manifest", "no config");
  GNA_LET(config_descriptor, descriptor("manifest", *config));
  image.config = std::move(config_descriptor);
  GNA_LET(layers, descriptors("manifest", manifest, "layers"));
  image.layers = std::move(layers);

  GNA_LET_AT("config", bytes, read(image.config));
  GNA_LET(parsed, parse_object("config", bytes));
  const std::string os = text_at(parsed, "os");
  const std::string found = text_at(parsed, "architecture");
  if (os != "linux" || found != architecture)
    return fail(Code::NotFound, "image is for " + os + "/" + found + ", this machine is linux/" + architecture);
  const auto root = parsed.find("rootfs");
  if (root == parsed.end() || !root->is_object()) return corrupt("config", "no rootfs");
  const auto ids = root->find("diff_ids");
  if (ids == root->end() || !ids->is_array()) return corrupt("config", "no list of diff_ids");
  for (const auto& id : *ids) {
    if (!id.is_string() || !is_sha256(id.get_ref<const std::string&>()))
      return corrupt("config", "a diff_id that is no SHA-256");
    image.diff_ids.push_back(id.get<std::string>());
  }
  if (image.diff_ids.size() != image.layers.size()) return corrupt("config", "not as many diff_ids as layers");
  return image;
}

Result<Image> resolve_at(const Descriptor& target, const Read& read, const std::string& architecture, int depth);

Result<Image> from_index(const json& index, const Read& read, const std::string& architecture, int depth) {
  if (depth >= kNesting) return corrupt("index", "nested too deeply");
  GNA_LET(entries, descriptors("index", index, "manifests"));
  // Those for this platform first, then those that do not say; "unknown/unknown" are attestations.
  const auto fits = [&](const Descriptor& entry) { return entry.os == "linux" && entry.architecture == architecture; };
  const auto silent = [](const Descriptor& entry) { return entry.os.empty() && entry.architecture.empty(); };
  for (const bool named : {true, false}) {
    for (const auto& entry : entries) {
      if (!(named ? fits(entry) : silent(entry))) continue;
      auto image = resolve_at(entry, read, architecture, depth + 1);
      if (image || image.error().code != Code::NotFound || named) return image;
    }
  }
  return fail(Code::NotFound, "image has nothing for linux/" + architecture);
}

Result<Image> resolve_at(const Descriptor& target, const Read& read, const std::string& architecture, int depth) {
  GNA_LET(bytes, read(target));
  // By what it is, not by its media type: layouts leave that out, and lists come under two names.
  GNA_LET(document, parse_object("manifest", bytes));
  if (document.contains("manifests")) return from_index(document, read, architecture, depth);
  return from_manifest(document, read, architecture);
}

}  // namespace

bool is_sha256(std::string_view digest) {
  constexpr std::string_view kPrefix = "sha256:";
  return digest.size() == kPrefix.size() + 64 && digest.starts_with(kPrefix) &&
         digest.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

Result<std::vector<Descriptor>> parse_index(std::string_view bytes) {
  GNA_LET(index, parse_object("index", bytes));
  return descriptors("index", index, "manifests");
}

Result<Image> resolve(const Descriptor& target, const Read& read, const std::string& architecture) {
  return resolve_at(target, read, architecture, 0);
}

std::string chain_id(const std::vector<std::string>& diff_ids) {
  std::string chain;
  for (const auto& id : diff_ids) {
    if (!chain.empty()) chain.append(" ");
    chain.append(id);
    if (chain.size() > id.size()) chain = "sha256:" + sha256_hex(chain);
  }
  return chain;
}

std::optional<std::string> other_path(const std::string& path) {
  if (path == "/gardener-node-agent") return "/ko-app/gardener-node-agent";
  return std::nullopt;
}

}  // namespace gna::content::oci
