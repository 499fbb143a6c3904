// From documents to userdata: what `gna provision render` does, less reading and printing. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "gna/base/result.h"
#include "gna/osc/osc.h"
#include "provision/limits.h"
#include "provision/mirror_config.h"
#include "provision/userdata.h"

namespace gna::provision {

struct RenderOptions {
  std::string form = "script";  // script, cloud-config, mime, ignition
  std::string os = {};          // instead of a form: gardenlinux, ubuntu, suse-chost, memoryone, flatcar, local
  bool gzip = false;
  std::optional<Limit> limit = {};
  bool measure = false;  // fill Rendered::parts; what is over the limit is always measured
  UserdataOptions userdata = {};
};

struct Part {
  std::string path = {};  // of a file; "unit NAME"
  std::size_t bytes = 0;  // by how much the userdata would be smaller without it
  bool operator==(const Part&) const = default;
};

struct Rendered {
  std::string bytes = {};
  std::size_t gzip_bytes = 0;    // of the whole, whether or not it was asked for
  std::vector<Part> parts = {};  // the greatest first; of a very large whole not all, but those
};

// The limit is not yet applied: who prints shows the parts first.
//
// Errors: InvalidArgument; Unsupported for a form that is not there.
Result<Rendered> render(const osc::Osc& osc, const std::vector<Mirror>& mirrors, const RenderOptions& options);

}  // namespace gna::provision
