#include "tests/support/oci_image.h"

#include <sys/utsname.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "gna/base/digest.h"

namespace gna::support {

namespace {

using nlohmann::json;

constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";

std::string octal(std::uint64_t value, int width) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*llo", width, static_cast<unsigned long long>(value));
  return text;
}

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  return bytes;
}

std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

std::string header(const Item& item, std::uint64_t size) {
  std::string block(512, '\0');
  block.replace(0, std::min<std::size_t>(item.name.size(), 100), item.name.substr(0, 100));
  block.replace(100, 7, octal(item.mode, 7));
  block.replace(108, 7, octal(0, 7));
  block.replace(116, 7, octal(0, 7));
  block.replace(124, 11, octal(size, 11));
  block.replace(136, 11, octal(0, 11));
  block[156] = item.type;
  if (item.type == '1' || item.type == '2')
    block.replace(157, std::min<std::size_t>(item.text.size(), 100), item.text.substr(0, 100));
  block.replace(257, 8,
                std::string("ustar\0"
                            "00",
                            8));
  return block;
}

std::string sealed(std::string block) {
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const unsigned char byte : block) sum += byte;
  block.replace(148, 8, octal(sum, 6) + std::string("\0 ", 2));
  return block;
}

std::string this_architecture(const std::string& given) {
  if (!given.empty()) return given;
  utsname machine{};
  ::uname(&machine);
  const std::string name = machine.machine;
  return name == "x86_64" ? "amd64" : name == "aarch64" ? "arm64" : name;
}

json descriptor(const std::string& type, const std::string& digest, std::size_t size) {
  return {{"mediaType", type}, {"digest", digest}, {"size", size}};
}

std::string add_blob(Image& image, std::string bytes) {
  std::string digest = digest_of(bytes);
  image.blobs[digest] = std::move(bytes);
  return digest;
}

}  // namespace

std::string tar_header(const std::string& name, char type, std::string_view size_field, const std::string& link) {
  std::string block = header({.name = name, .text = link, .type = type}, 0);
  block.replace(124, size_field.size(), size_field);
  return sealed(block);
}

std::string tar(const Layer& layer) {
  std::string out;
  for (const auto& item : layer) {
    const bool link = item.type == '1' || item.type == '2';
    std::string records;
    if (item.name.size() > 100) records += pax_record("path", item.name);
    if (link && item.text.size() > 100) records += pax_record("linkpath", item.text);
    if (!records.empty()) out += sealed(header({.name = "pax", .type = 'x'}, records.size())) + padded(records);
    out += sealed(header(item, link ? 0 : item.text.size()));
    if (!link) out += padded(item.text);
  }
  return out + std::string(1024, '\0');
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  std::string out(::deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::string digest_of(std::string_view bytes) { return "sha256:" + sha256_hex(bytes); }

Image make_image_of_blobs(const std::vector<std::string>& blobs, const std::vector<std::string>& diff_ids,
                          const std::string& architecture) {
  Image image{.media_type = kManifest, .diff_ids = diff_ids};
  const json config = {{"architecture", this_architecture(architecture)},
                       {"os", "linux"},
                       {"config", json::object()},
                       {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
  const std::string config_bytes = config.dump();
  json manifest = {{"schemaVersion", 2},
                   {"mediaType", kManifest},
                   {"config", descriptor(kConfig, add_blob(image, config_bytes), config_bytes.size())},
                   {"layers", json::array()}};
  for (const auto& blob : blobs) {
    const bool packed = blob.starts_with("\x1f\x8b");
    manifest["layers"].push_back(
        descriptor(packed ? std::string(kLayer) + "+gzip" : kLayer, add_blob(image, blob), blob.size()));
  }
  image.digest = add_blob(image, manifest.dump());
  image.media_types[image.digest] = kManifest;
  return image;
}

Image make_image(const std::vector<Layer>& layers, const ImageOptions& options) {
  std::vector<std::string> blobs;
  std::vector<std::string> diff_ids;
  for (const auto& layer : layers) {
    const std::string bytes = tar(layer);
    diff_ids.push_back(digest_of(bytes));
    blobs.push_back(options.packing == Packing::gzip ? gzip(bytes) : bytes);
  }
  Image image = make_image_of_blobs(blobs, diff_ids, options.architecture);
  image.layers = layers;
  return image;
}

Image make_index(const std::vector<IndexEntry>& entries) {
  Image index{.media_type = kIndex};
  json document = {{"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", json::array()}};
  for (const auto& [image, os, architecture] : entries) {
    json entry = descriptor(image.media_type, image.digest, image.manifest().size());
    if (!os.empty()) entry["platform"] = {{"os", os}, {"architecture", architecture}};
    document["manifests"].push_back(entry);
    index.parts.push_back(image);
    index.blobs.insert(image.blobs.begin(), image.blobs.end());
    index.media_types.insert(image.media_types.begin(), image.media_types.end());
  }
  index.digest = add_blob(index, document.dump());
  index.media_types[index.digest] = kIndex;
  return index;
}

Layout::Layout(std::string directory) : directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_ + "/blobs/sha256");
  std::ofstream(directory_ + "/oci-layout") << R"({"imageLayoutVersion":"1.0.0"})";
  std::ofstream(directory_ + "/index.json") << R"({"schemaVersion":2,"manifests":[]})";
}

void Layout::add(const std::string& reference, const Image& image) {
  for (const auto& [digest, bytes] : image.blobs) write_blob(digest, bytes);
  json entry = descriptor(image.media_type, image.digest, image.manifest().size());
  entry["annotations"] = {{"org.opencontainers.image.ref.name", reference}};
  entries_.push_back(entry.dump());
  json index = {{"schemaVersion", 2}, {"manifests", json::array()}};
  for (const auto& text : entries_) index["manifests"].push_back(json::parse(text));
  std::ofstream(directory_ + "/index.json") << index.dump();
}

void Layout::write_blob(const std::string& digest, std::string_view bytes) const {
  std::ofstream(blob_path(digest), std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string Layout::blob_path(const std::string& digest) const {
  return directory_ + "/blobs/sha256/" + digest.substr(7);
}

HttpReply registry_reply(const std::map<std::string, Image>& images, const HttpRequest& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path == "/v2/") return {200, "{}", {}};
  const auto answer = [](const std::string& bytes, const std::string& type, const std::string& digest) {
    return HttpReply{200, bytes, {{"Content-Type", type}, {"Docker-Content-Digest", digest}}};
  };
  for (const auto& [name, image] : images) {
    const auto colon = name.rfind(':');
    const std::string base = "/v2/" + name.substr(0, colon);
    if (path == base + "/manifests/" + name.substr(colon + 1))
      return answer(image.manifest(), image.media_type, image.digest);
    for (const auto& [digest, type] : image.media_types)
      if (path == base + "/manifests/" + digest) return answer(image.blobs.at(digest), type, digest);
    for (const auto& [digest, bytes] : image.blobs)
      if (path == base + "/blobs/" + digest) return answer(bytes, "application/octet-stream", digest);
  }
  return {
      404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]})", {{"Content-Type", "application/json"}}};
}

}  // namespace gna::support
