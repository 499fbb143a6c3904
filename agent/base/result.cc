#include "gna/base/result.h"

#include <cerrno>
#include <system_error>

namespace gna {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::InvalidArgument: return "InvalidArgument";
    case Code::NotFound: return "NotFound";
    case Code::Conflict: return "Conflict";
    case Code::Unsupported: return "Unsupported";
    case Code::PermissionDenied: return "PermissionDenied";
    case Code::Unavailable: return "Unavailable";
    case Code::DeadlineExceeded: return "DeadlineExceeded";
    case Code::Corrupt: return "Corrupt";
    case Code::Internal: return "Internal";
  }
  return "Internal";
}

Error Error::with(std::string_view step) && {
  message.insert(0, ": ");
  message.insert(0, step);
  return std::move(*this);
}

Error Error::with(std::string_view step) const& { return Error(*this).with(step); }

namespace {

Code code_of(int error_number) {
  switch (error_number) {
    case ENOENT: return Code::NotFound;
    case EACCES:
    case EPERM: return Code::PermissionDenied;
    case EEXIST:
    case ENOTEMPTY:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case EXDEV: return Code::Conflict;
    case EINVAL:
    case ENAMETOOLONG: return Code::InvalidArgument;
    case ENOSYS:
    case EOPNOTSUPP: return Code::Unsupported;
    case ETIMEDOUT: return Code::DeadlineExceeded;
    default: return Code::Unavailable;  // ENOSPC, EIO, EROFS, ...: the surroundings
  }
}

}  // namespace

Error errno_error(int error_number, std::string_view step) {
  return Error{code_of(error_number), std::string(step) + ": " + std::generic_category().message(error_number)};
}

}  // namespace gna
