#include "agent/apply/in_place.h"

namespace gna::apply {
store::InPlaceFlags in_place_flags(const osc::Osc*, const osc::Osc&, const std::optional<std::string>&) { return {}; }
}
