// What a mirror's address may be, and the names that follow from it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/osc/rules.h"

namespace gna::provision {

// A DNS name with an optional port, fit to be a directory: no _default here.
osc::rules::WhyNot why_not_mirror_upstream(std::string_view upstream);

// http:// or https://, a DNS name or IPv4 address, a port, a path of plain segments. Narrower than what
// the registry-mirror extension lets through: that judges the parsed URL and passes on the raw text.
osc::rules::WhyNot why_not_mirror_url(std::string_view url);

}  // namespace gna::provision
