// Logs are events: a stable id, a short message, key-values.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace gna::log {

enum class Level { debug, info, warn, error };

using Field = std::pair<std::string_view, std::string_view>;
using Fields = std::initializer_list<Field>;

// One event. `id` is stable and meant for machines ("step-done"), `message` for people.
//
// Threads: from any thread; the sink is called under a lock.
void event(Level level, std::string_view id, std::string_view message, Fields fields = {});

// Where events go: set once by main, before the first thread. Without a sink they vanish.
using Sink = std::function<void(Level, std::string_view id, std::string_view message, Fields)>;
void set_sink(Sink sink, Level lowest);

}  // namespace gna::log
