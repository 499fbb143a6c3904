#include "agent/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "agent/cli/documents.h"
#include "agent/cli/text.h"

namespace gna::cli {
namespace {

bool colour_wanted() {
  const char* no = std::getenv("NO_COLOR");
  if (no != nullptr && *no != '\0') return false;
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string_view sequence(Colour colour) {
  switch (colour) {
    case Colour::none: return "";
    case Colour::red: return "\x1b[31m";
    case Colour::green: return "\x1b[32m";
    case Colour::yellow: return "\x1b[33m";
    case Colour::cyan: return "\x1b[36m";
    case Colour::bold: return "\x1b[1m";
    case Colour::faint: return "\x1b[2m";
  }
  return "";
}

std::size_t columns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

Console::Console(Masker masker, Format format)
    : masker_(std::move(masker)),
      err_masker_(masker_.shows_secrets() ? Masker::for_this_run() : masker_),
      format_(format),
      out_terminal_(isatty(STDOUT_FILENO) == 1),
      err_terminal_(isatty(STDERR_FILENO) == 1),
      out_colour_(out_terminal_ && colour_wanted()),
      err_colour_(err_terminal_ && colour_wanted()) {}

void Console::wipe() {
  if (!progress_shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  progress_shown_ = false;
}

void Console::write(std::FILE* to, const Masker& masker, std::string_view text, Colour colour, bool colours) {
  const auto shown = printable(masker.text(text), true);
  const std::lock_guard lock(mutex_);
  wipe();
  if (colours && colour != Colour::none) {
    // The line feed stays outside, so that a colour never runs into the next line.
    const auto body = std::string_view(shown).substr(0, shown.find_last_not_of('\n') + 1);
    std::fputs(std::string(sequence(colour)).c_str(), to);
    std::fwrite(body.data(), 1, body.size(), to);
    std::fputs("\x1b[0m", to);
    std::fwrite(shown.data() + body.size(), 1, shown.size() - body.size(), to);
  } else {
    std::fwrite(shown.data(), 1, shown.size(), to);
  }
  // A person watches, or a script follows line by line.
  if (text.ends_with('\n')) std::fflush(to);
}

void Console::out(std::string_view text, Colour colour) {
  if (!is_json()) write(stdout, masker_, text, colour, out_colour_);
}

void Console::raw(std::string_view text) {
  const std::lock_guard lock(mutex_);
  wipe();
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Console::err(std::string_view text, Colour colour) { write(stderr, err_masker_, text, colour, err_colour_); }

int Console::fail(const Error& error, int exit_code) {
  if (is_json()) raw(error_document(error, exit_code, masker_));
  err("gna: error: " + error.message + "\n", Colour::red);
  if (!error.hint.empty()) err("  " + error.hint + "\n");
  return exit_code;
}

void Console::warn(std::string_view message) { err("gna: warning: " + std::string(message) + "\n", Colour::yellow); }

void Console::progress(std::string_view line) {
  auto shown = printable(err_masker_.text(line));
  if (const auto width = columns(STDERR_FILENO) - 1; shown.size() > width) {
    auto cut = width - 3;
    while (cut > 0 && (static_cast<unsigned char>(shown[cut]) & 0xc0) == 0x80) --cut;  // never inside a character
    shown = shown.substr(0, cut) + "...";
  }
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "\r\x1b[K%s", shown.c_str());
  std::fflush(stderr);
  progress_shown_ = true;
}

bool Console::flush() {
  const std::lock_guard lock(mutex_);
  wipe();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace gna::cli
