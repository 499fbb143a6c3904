#include "gna/backend/content_source.h"

namespace gna::backend {

namespace {

std::unexpected<Error> nothing_here(const desired::ImageSource& source) {
  return fail(Code::InvalidArgument, "image " + source.image + ": there is no containerd to take it from",
              "give an OCI image layout with --image-layout DIR");
}

}  // namespace

Result<void> NoContent::available(const std::vector<desired::ImageSource>& sources, Deadline) {
  if (sources.empty()) return {};
  return nothing_here(sources.front());
}

Result<Fd> NoContent::open(const desired::ImageSource& source, Deadline) { return nothing_here(source); }

}  // namespace gna::backend
