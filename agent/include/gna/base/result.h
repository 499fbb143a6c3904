// Errors as values.
//
// A code tells the caller what it can do; the message is for a person, and each
// layer puts its own step in front: "apply file /etc/x: rename: no space left".
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gna {

// What the caller can do about it. One table per border (errno, D-Bus, gRPC, HTTP)
// turns foreign errors into these; behind the border nobody reads the foreign one.
enum class Code {
  InvalidArgument,   // report; wait for new input; keep the last good state
  NotFound,          // often an answer, not a failure
  Conflict,          // read again, try once more
  Unsupported,       // goes into Plan::refused
  PermissionDenied,  // renew credentials, then report
  Unavailable,       // back off and retry
  DeadlineExceeded,  // outcome unknown: observe before retrying
  Corrupt,           // keep the last good state, report
  Internal,          // a bug: full context, no blind retry
};

std::string_view to_string(Code code);

struct Error {
  Code code = Code::Internal;
  std::string message = {};
  std::string hint = {};  // what to do about it, for a person; may be empty

  // Puts the caller's step in front of the message.
  [[nodiscard]] Error with(std::string_view step) &&;
  [[nodiscard]] Error with(std::string_view step) const&;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message, std::string hint = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(hint)});
}

// The errno border: `step` names the call and its object.
[[nodiscard]] Error errno_error(int error_number, std::string_view step);
[[nodiscard]] inline std::unexpected<Error> fail_errno(int error_number, std::string_view step) {
  return std::unexpected(errno_error(error_number, step));
}

}  // namespace gna
// clang-format off: a macro reads best one statement a line
#define GNA_CONCAT_(a, b) a##b
#define GNA_CONCAT(a, b) GNA_CONCAT_(a, b)

// Leaves the function with the error of `expr`, a Result, if it holds one.
#define GNA_TRY(expr)                                                       \
  do {                                                                      \
    if (auto gna_result_ = (expr); !gna_result_)                            \
      return std::unexpected(std::move(gna_result_).error());               \
  } while (false)

// Declares `var` with the value of `expr`, or leaves with its error:
//   GNA_LET(text, read(path));
#define GNA_LET(var, expr)                                                              \
  auto GNA_CONCAT(gna_##var##_, result) = (expr);                                       \
  if (!GNA_CONCAT(gna_##var##_, result))                                                \
    return std::unexpected(std::move(GNA_CONCAT(gna_##var##_, result)).error());        \
  auto& var = *GNA_CONCAT(gna_##var##_, result)

// The same, with a step in front of the error.
#define GNA_TRY_AT(step, expr)                                              \
  do {                                                                      \
    if (auto gna_result_ = (expr); !gna_result_)                            \
      return std::unexpected(std::move(gna_result_).error().with(step));    \
  } while (false)
#define GNA_LET_AT(step, var, expr)                                                     \
  auto GNA_CONCAT(gna_##var##_, result) = (expr);                                       \
  if (!GNA_CONCAT(gna_##var##_, result))                                                \
    return std::unexpected(std::move(GNA_CONCAT(gna_##var##_, result)).error().with(step)); \
  auto& var = *GNA_CONCAT(gna_##var##_, result)
