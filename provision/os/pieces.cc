#include "provision/os/pieces.h"

#include <fmt/core.h>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/userdata.h"

namespace gna::provision {
namespace {

constexpr std::string_view kGuard =
    "if [ -f \"/var/lib/osc/provision-osc-applied\" ]; then\n"
    "  echo \"Provision OSC already applied, exiting...\"\n"
    "  exit 0\n"
    "fi\n\n";
constexpr std::string_view kEnd = "\n\nmkdir -p /var/lib/osc\ntouch /var/lib/osc/provision-osc-applied\n";

// Between double quotes, and in an unquoted here-document, a shell looks for these.
bool shell_leaves_alone(std::string_view text, bool in_quotes) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' || text[i] == '`' || (in_quotes && text[i] == '"')) return false;
    // "\x2d" in a unit's name stays as it is; other escapes may not.
    if (text[i] == '\\' && !text.substr(i + 1).starts_with('x')) return false;
  }
  return !text.contains('\0');
}

constexpr const char* kUnencoded = "a file with inline content and transmitUnencoded: true keeps it findable";

Result<std::string> quoted(const std::string& path) {
  if (!shell_leaves_alone(path, true))
    return fail(Code::InvalidArgument, "a path or name has a character that the shell would not leave as it is");
  return "\"" + path + "\"";
}

Result<std::string> from_base64(const std::string& path, std::string_view bytes) {
  if (holds_placeholder(bytes)) return std::unexpected(hidden_placeholder("base64", kUnencoded));
  GNA_LET(target, quoted(path));
  return fmt::format("\ncat << EOF | base64 -d > {}\n{}\nEOF", target, base64_encode(bytes));
}

Result<std::string> unencoded(const std::string& path, const std::string& text) {
  GNA_LET(target, quoted(path));
  if (!shell_leaves_alone(text, false) || delimiter_for(text) != "EOF")
    return fail(Code::InvalidArgument,
                "the text is transmitted unencoded, and the shell would not leave it as it is: it has a $, a `, a \\, "
                "a NUL or a line EOF");
  return fmt::format("\ncat << EOF > {}\n{}\nEOF", target, text);
}

Result<std::string> file_piece(const osc::File& file, const osc::Secrets& secrets) {
  GNA_LET(bytes, file_bytes(file, secrets));
  const auto slash = file.path.rfind('/');
  GNA_LET(directory, quoted(slash == 0 ? "/" : file.path.substr(0, slash)));
  auto out = fmt::format("\nmkdir -p {}\n", directory);
  GNA_LET(content, file.content.transmit_unencoded.value_or(false) ? unencoded(file.path, bytes)
                                                                   : from_base64(file.path, bytes));
  out += content;
  if (file.permissions) out += fmt::format("\nchmod \"{:04o}\" \"{}\"", *file.permissions, file.path);
  return out;
}

Result<std::string> unit_piece(const osc::Unit& unit) {
  const auto path = "/etc/systemd/system/" + unit.name;
  std::string out;
  if (unit.content) {
    GNA_LET(content, from_base64(path, *unit.content));
    out += "\n" + content;
  }
  if (unit.drop_ins.empty()) return out;
  GNA_LET(directory, quoted(path + ".d"));
  out += fmt::format("\nmkdir -p {}", directory);
  for (const auto& drop_in : unit.drop_ins) {
    GNA_LET(content, from_base64(fmt::format("{}.d/{}", path, drop_in.name), drop_in.content));
    out += "\n" + content;
  }
  return out;
}

}  // namespace

Result<std::string> file_bytes(const osc::File& file, const osc::Secrets& secrets) {
  if (file.content.inline_data)
    if (auto bytes = osc::decode(*file.content.inline_data)) return std::move(*bytes);
  if (file.content.secret_ref)
    if (const auto secret = secrets.find(file.content.secret_ref->name); secret != secrets.end())
      if (const auto value = secret->second.find(file.content.secret_ref->data_key); value != secret->second.end())
        return value->second;
  return fail(Code::InvalidArgument, file.path + ": has no content that userdata could hold");
}

std::string own_file(std::string_view path, std::string_view text) {
  return fmt::format("mkdir -p {0}\ncat << 'EOF' > {1}\n{2}EOF\nchmod 0644 {1}\n", path.substr(0, path.rfind('/')),
                     path, text);
}

Result<std::string> once_script(std::string_view head, std::string_view tail, const osc::Osc& osc,
                                const osc::Secrets& secrets) {
  const auto comments = head.find('\n') + 1;
  std::string out(head.substr(0, comments));
  out += kGuard;
  out += head.substr(comments);
  for (const auto& file : osc.spec.files) {
    GNA_LET_AT(file.path, piece, file_piece(file, secrets));
    out += piece;
  }
  out += "\n";
  for (const auto& unit : osc.spec.units) {
    GNA_LET_AT(unit.name, piece, unit_piece(unit));
    out += piece;
  }
  out += "\n";
  out += tail;
  for (const auto& unit : osc.spec.units)
    out += fmt::format("systemctl enable '{0}' && systemctl restart --no-block '{0}'\n", unit.name);
  out += kEnd;
  return out;
}

}  // namespace gna::provision
