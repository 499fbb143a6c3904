// Durations as people and Kubernetes write them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace gna {

// Go's durations, as --timeout and the agent's configuration have them: "90s", "5m", "1h30m", "500ms", "1.5s".
// nullopt: anything else, zero and negative ones included.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace gna
