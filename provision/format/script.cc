#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/format/format.h"

namespace gna::provision {
namespace {

constexpr std::string_view kGuard = R"sh(set -eu
umask 022
state=/var/lib/gardener-node-agent/provision-state

say() { echo "gna-provision: $*" >&2; }

# The agent's work is never undone, and nothing goes back to what is older.
if [ -e /var/lib/gardener-node-agent/last-applied-osc.yaml ]; then
  say 'the agent has taken over: nothing to do'
  exit 0
fi
machine=$(cat /etc/machine-id 2>/dev/null) || machine=''
if [ -f $state ]; then
  g='' h='' m='' p=''
  while read -r key value; do
    case $key in
      generation) g=$value ;;
      sha256) h=$value ;;
      machine) m=$value ;;
      phase) p=$value ;;
    esac
  done <$state
  if [ "$m" ] && [ "$m" != "$machine" ]; then
    say 'this disk comes from another machine: everything is applied anew'
  elif [ "$h" = $sha256 ] && [ "$p" = 'done' ]; then
    say "generation $g is applied already: nothing to do"
    exit 0
  elif [ "$h" != $sha256 ] && [ "$g" -ge $generation ]; then
    say "generation $g is applied, this is $generation: nothing to do"
    exit 0
  fi
fi
trap '[ $? = 0 ] || say "cut short: to be done again at the next run"' EXIT

# put FILE MODE: standard input becomes the file, whole or not at all.
put() {
  new=${1%/*}/.gna-new
  mkdir -p "${1%/*}/"
  rm -f "$new"
  (umask 077 && cat >"$new")
  chmod "$2" "$new"
  sync "$new"
  mv -fT "$new" "$1"
  sync "${1%/*}/"
}

# The same without the line feed at the end, that a here-document always has.
put_line() { printf %s "$(cat)" | put "$@"; }

)sh";

constexpr std::string_view kUnpack = "# files, written and units, as text\nall=$(base64 -d <<'EOF' | gzip -d\n";

constexpr std::string_view kEnd = R"sh(units
{
  printf 'gna-provision 1\ngeneration %s\nsha256 %s\n' $generation $sha256
  [ -z "$machine" ] || echo "machine $machine"
  echo 'phase done'
  written
} | put $state 0600
say "generation $generation is applied"
)sh";

constexpr std::string_view kUnitFunctions =
    R"sh(on() { { systemctl enable "$1" && systemctl "${2:-restart}" --no-block "$1"; } || bad="$bad $1"; }
off() { systemctl disable --now --no-block "$1" || bad="$bad $1"; }
)sh";

std::string here_document(std::string_view command, std::string_view text) {
  const auto delimiter = delimiter_for(text);
  return fmt::format("{} <<'{}'\n{}{}{}\n", command, delimiter, text, text.ends_with('\n') || text.empty() ? "" : "\n",
                     delimiter);
}

// Bytes around the placeholders that a here-document cannot hold.
std::string pieces(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto at = std::min({bytes.find(kBootstrapToken), bytes.find(kMachineName), bytes.size()});
    if (at > 0) out += fmt::format("base64 -d <<'EOF'\n{}\nEOF\n", base64_encode(bytes.substr(0, at)));
    bytes.remove_prefix(at);
    if (bytes.empty()) break;
    const auto placeholder = bytes.starts_with(kBootstrapToken) ? kBootstrapToken : kMachineName;
    out += fmt::format("printf %s \"$(cat <<'EOF'\n{}\nEOF\n)\"\n", placeholder);
    bytes.remove_prefix(placeholder.size());
  }
  return out;
}

std::string put(const UserdataFile& file) {
  const auto target = fmt::format("{} {:04o}", shell_word(file.path), file.mode);
  if (is_plain_text(file.bytes)) {
    const bool ends_well = file.bytes.empty() || file.bytes.ends_with('\n');
    return here_document((ends_well ? "put " : "put_line ") + target, file.bytes);
  }
  if (file.has_placeholder) return fmt::format("{{\n{}}} | put {}\n", pieces(file.bytes), target);
  return fmt::format("base64 -d <<'EOF' | put {}\n{}\nEOF\n", target, base64_encode(file.bytes));
}

std::string unit_line(const UserdataUnit& unit) {
  const auto name = shell_word(unit.name);
  if (!unit.enable) return fmt::format("off {}\n", name);
  return fmt::format("on {}{}\n", name, unit.command == Command::stop ? " stop" : "");
}

// Credentials: the directories below are nobody else's business either.
bool is_private(const UserdataFile& file) { return file.path.starts_with("/run/gna/"); }

// What needs no placeholder: one text of three functions' worth.
std::string archive(const Userdata& userdata, const std::vector<UserdataFile>& files) {
  std::string out;
  if (std::ranges::any_of(files, [](const UserdataFile& file) { return is_private(file); }))
    out += "mkdir -p /run/gna\nchmod 0700 /run/gna\n";
  for (const auto& file : files)
    if (!file.has_placeholder) out += put(file);
  out += "written() {\n" + here_document("cat", write(below_certs(files))) + "}\n";
  out += kUnitFunctions;
  out += "units() {\nbad=''\nsystemctl daemon-reload\n";
  for (const auto& unit : userdata.units) out += unit_line(unit);
  out += "[ -z \"$bad\" ] || { say \"these units are not as they should be:$bad\"; exit 1; }\n}\n";
  return out;
}

// Source: cloud-init, handlers: the text anywhere in the first 4096 bytes, in any case.
bool looks_like_mime(std::string_view text) {
  constexpr std::string_view kHeader = "mime-version:";
  const auto early = text.substr(0, 4096);
  return !std::ranges::search(early, kHeader, {}, [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
          }).empty();
}

// Without the line that names the interpreter.
std::string body(const Userdata& userdata) {
  const auto files = all_files(userdata);
  auto out = fmt::format("# Userdata of gna: running it again changes nothing.\ngeneration={}\nsha256={}\n",
                         userdata.generation, userdata.sha256);
  out += kGuard;
  out += kUnpack;
  out += base64_encode(gzip(archive(userdata, files))) + "\nEOF\n)\neval \"$all\"\n\n";
  for (const auto& file : files)
    if (file.has_placeholder) out += put(file);
  out += "\n";
  out += kEnd;
  return out;
}

}  // namespace

Result<std::string> script(const Userdata& userdata) {
  auto out = "#!/bin/sh\n" + body(userdata);
  if (looks_like_mime(out))
    return fail(Code::InvalidArgument,
                "a file with a placeholder says mime-version: so early that cloud-init would take the whole for MIME",
                "--format mime");
  return out;
}

// A list would put each word into an argument vector; a text becomes part of the script that cloud-init
// writes, where a subshell keeps our settings and our exit to itself.
Result<std::string> cloud_config(const Userdata& userdata) {
  std::string out = "#cloud-config\nruncmd:\n- |\n  (\n";
  const auto text = body(userdata);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    if (end - at > 1) out += "  ";
    out.append(text, at, end - at);
    at = end;
  }
  return out + "  )\n";
}

Result<std::string> mime(const Userdata& userdata) {
  const auto text = "#!/bin/sh\n" + body(userdata);
  std::string boundary = "gna-userdata";
  while (text.contains(boundary)) boundary += '-';
  return fmt::format(
      "Content-Type: multipart/mixed; boundary=\"{0}\"\nMIME-Version: 1.0\n\n"
      "--{0}\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\nMIME-Version: 1.0\n"
      "Content-Transfer-Encoding: 7bit\nContent-Disposition: attachment; "
      "filename=\"gna-provision.sh\"\n\n{1}\n--{0}--\n",
      boundary, text);
}

}  // namespace gna::provision
