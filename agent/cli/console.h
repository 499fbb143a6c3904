// Standard output and standard error, with everything masked on its way out.
//
// Threads: any; whole pieces of text are written under one lock.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "agent/cli/masking.h"
#include "agent/cli/options.h"
#include "gna/base/result.h"

namespace gna::cli {

enum class Colour { none, red, green, yellow, cyan, bold, faint };

class Console {
 public:
  // `masker`: of standard output. Standard error and logs, which outlive the terminal, are masked in any case.
  Console(Masker masker, Format format);

  const Masker& masker() const { return masker_; }
  const Masker& log_masker() const { return err_masker_; }
  Format format() const { return format_; }
  bool is_json() const { return format_ == Format::json; }
  bool out_is_terminal() const { return out_terminal_; }
  bool err_is_terminal() const { return err_terminal_; }

  // Text for people: nothing in JSON mode. Control characters but line feeds and tabs are made visible.
  void out(std::string_view text, Colour colour = Colour::none);
  // Whole documents as they are: JSON (masked by whoever built it), scripts, help.
  void raw(std::string_view text);
  void err(std::string_view text, Colour colour = Colour::none);

  // "gna: error: MESSAGE" and the hint below it; in JSON mode an Error document on standard output too.
  // Gives the exit code.
  int fail(const Error& error, int exit_code);
  void warn(std::string_view message);

  // A line that the next output replaces; for terminals.
  void progress(std::string_view line);

  // Flushes. False: something could not be written (a full disk, a pipe that nobody reads).
  bool flush();

 private:
  void write(std::FILE* to, const Masker& masker, std::string_view text, Colour colour, bool colours);
  void wipe();

  Masker masker_;
  Masker err_masker_;
  Format format_;
  bool out_terminal_ = false, err_terminal_ = false;
  bool out_colour_ = false, err_colour_ = false;
  std::mutex mutex_;  // guards what is written and the line below
  bool progress_shown_ = false;
};

}  // namespace gna::cli
