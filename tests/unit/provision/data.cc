#include "tests/unit/provision/data.h"

#include <zlib.h>

#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "gna/base/digest.h"
#include "gna/osc/parse.h"
#include "provision/encode.h"

namespace gna::provision::testing {

std::string read(const std::string& path) {
  std::ifstream in(std::string(GNA_TESTDATA) + "/" + path, std::ios::binary);
  if (!in) throw std::runtime_error(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

osc::Osc worker() { return osc::parse(read("osc/real/provision-worker.yaml")).document.value().osc; }

osc::Secrets secrets() { return osc::parse_secrets(read("provision/secrets.yaml")).value(); }

MirrorConfigs three_mirrors() {
  return parse_mirrors({{.name = "mirrors.yaml", .bytes = read("provision/mirrors.yaml")}}, secrets()).value();
}

osc::File plain_file(const std::string& path, const std::string& text) {
  osc::File out{.path = path};
  out.content.inline_data = osc::Inline{.data = text};
  return out;
}

osc::File base64_file(const std::string& path, const std::string& bytes) {
  osc::File out{.path = path};
  out.content.inline_data = osc::Inline{.encoding = "b64", .data = base64_encode(bytes)};
  return out;
}

Userdata userdata_of(std::vector<UserdataFile> files, std::vector<UserdataUnit> units) {
  Userdata out{.files = std::move(files), .units = std::move(units), .generation = 1790000000};
  for (auto& file : out.files) file.has_placeholder = holds_placeholder(file.bytes);
  out.sha256 = content_sha256(out);
  return out;
}

std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  inflateInit2(&stream, MAX_WBITS + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 65536> buffer{};
  for (int status = Z_OK; status == Z_OK;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) throw std::runtime_error("no gzip");
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return out;
}

std::string machine_controller(std::string userdata, const std::string& token, const std::string& machine) {
  const auto replace = [&](std::string_view placeholder, const std::string& value) {
    auto text = std::string(placeholder);
    if (!userdata.contains(text)) text = "%3C%3C" + text.substr(2, text.size() - 4) + "%3E%3E";
    for (auto at = userdata.find(text); at != std::string::npos; at = userdata.find(text, at + value.size()))
      userdata.replace(at, text.size(), value);
  };
  replace(kBootstrapToken, token);
  replace(kMachineName, machine);
  return userdata;
}

}  // namespace gna::provision::testing
