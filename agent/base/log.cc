#include "gna/base/log.h"

#include <mutex>

namespace gna::log {

namespace {

struct State {
  std::mutex mutex;  // guards both
  Sink sink;
  Level lowest = Level::info;
};

State& state() {
  static State instance;
  return instance;
}

}  // namespace

void event(Level level, std::string_view id, std::string_view message, Fields fields) {
  const std::lock_guard lock(state().mutex);
  if (state().sink && level >= state().lowest) state().sink(level, id, message, fields);
}

void set_sink(Sink sink, Level lowest) {
  const std::lock_guard lock(state().mutex);
  state().sink = std::move(sink);
  state().lowest = lowest;
}

}  // namespace gna::log
