// Where the bytes of imageRef files come from.
#pragma once

#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/fd.h"
#include "gna/base/result.h"
#include "gna/desired/state.h"

namespace gna::backend {

class ContentSource {
 public:
  // Can these be had at all? Asked before the first change, so it pulls nothing.
  // Errors: InvalidArgument with what to do (--image-layout, a running containerd).
  virtual Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) = 0;

  // The file, open for reading at its start. It may be 90 MB: copy, don't load.
  // The descriptor stays valid after the source has cleaned up behind itself.
  // Errors: NotFound (no such image or file in it), Unavailable, DeadlineExceeded.
  virtual Result<Fd> open(const desired::ImageSource& source, Deadline by) = 0;

  virtual ~ContentSource() = default;
};

// For machines that have no images: refuses everything.
class NoContent : public ContentSource {
 public:
  Result<void> available(const std::vector<desired::ImageSource>& sources, Deadline by) override;
  Result<Fd> open(const desired::ImageSource& source, Deadline by) override;
};

}  // namespace gna::backend
