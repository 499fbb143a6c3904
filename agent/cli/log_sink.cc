#include "agent/cli/log_sink.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/cli/text.h"
#include "gna/base/fd.h"
#include "gna/base/log.h"

namespace gna::cli {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};

std::string text_line(log::Level level, std::string_view id, std::string_view message, log::Fields fields) {
  std::string out = std::string(kLevels[static_cast<std::size_t>(level)]) + ": " + std::string(message) + " [" +
                    std::string(id) + "]";
  for (const auto& [name, value] : fields) out += " " + std::string(name) + "=" + printable(value);
  return out + "\n";
}

std::string json_line(log::Level level, std::string_view id, std::string_view message, log::Fields fields,
                      const Masker& masker) {
  nlohmann::ordered_json out = {
      {"level", kLevels[static_cast<std::size_t>(level)]}, {"event", id}, {"message", masker.text(message)}};
  for (const auto& [name, value] : fields) out[std::string(name)] = masker.text(value);
  return out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// One field of the journal's native protocol: NAME=VALUE, or with the length given if it has lines.
// Source: systemd, docs/JOURNAL_NATIVE_PROTOCOL.md.
void journal_field(std::string& out, std::string_view name, std::string_view value) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  out += upper;
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
  } else {
    out += '\n';
    for (unsigned i = 0; i < 8; ++i) out += static_cast<char>((value.size() >> (8 * i)) & 0xff);
  }
  out += value;
  out += '\n';
}

Fd journal_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/systemd/journal/socket");
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

}  // namespace

void set_up_logs(const std::string& format, const std::string& level, Console& console) {
  const auto at = std::ranges::find(kLevels, level);
  const auto lowest = static_cast<log::Level>(at == kLevels.end() ? 2 : at - kLevels.begin());
  if (format == "journal") {
    if (auto fd = journal_socket()) {
      auto shared = std::make_shared<Fd>(std::move(fd));
      log::set_sink(
          [shared, &console](log::Level severity, std::string_view id, std::string_view message, log::Fields fields) {
            constexpr std::array<std::string_view, 4> kPriority = {"7", "6", "4", "3"};
            std::string datagram;
            journal_field(datagram, "MESSAGE", console.log_masker().text(message));
            journal_field(datagram, "PRIORITY", kPriority[static_cast<std::size_t>(severity)]);
            journal_field(datagram, "SYSLOG_IDENTIFIER", "gna");
            journal_field(datagram, "GNA_EVENT", id);
            for (const auto& [name, value] : fields)
              journal_field(datagram, "GNA_" + std::string(name), console.log_masker().text(value));
            // A full journal loses the event: nothing better could be done with it.
            (void)::send(shared->get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
          },
          lowest);
      return;
    }
    console.warn("no journal answers, so logs go to standard error");
  }
  const bool json = format == "json";
  log::set_sink(
      [json, &console](log::Level severity, std::string_view id, std::string_view message, log::Fields fields) {
        console.err(json ? json_line(severity, id, message, fields, console.log_masker())
                         : text_line(severity, id, message, fields));
      },
      lowest);
}

}  // namespace gna::cli
