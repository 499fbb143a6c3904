#include "backends/systemd/libsystemd.h"

#include <dlfcn.h>

#include <string>

namespace gna::systemd {

namespace {

Result<Libsystemd> load() {
  void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Code::Unsupported, std::string("load libsystemd: ") + ::dlerror());
  Libsystemd table;
#define GNA_LIBSYSTEMD_RESOLVE(name)                                            \
  table.name = reinterpret_cast<decltype(table.name)>(::dlsym(library, #name)); \
  if (table.name == nullptr) return fail(Code::Unsupported, "libsystemd.so.0 is too old: it lacks " #name);
  GNA_LIBSYSTEMD_SYMBOLS(GNA_LIBSYSTEMD_RESOLVE)
#undef GNA_LIBSYSTEMD_RESOLVE
  return table;
}

}  // namespace

Result<const Libsystemd*> libsystemd() {
  static const Result<Libsystemd> loaded = load();
  if (!loaded) return std::unexpected(loaded.error());
  return &*loaded;
}

std::vector<std::string_view> libsystemd_symbols() {
  return {
#define GNA_LIBSYSTEMD_NAME(name) #name,
      GNA_LIBSYSTEMD_SYMBOLS(GNA_LIBSYSTEMD_NAME)
#undef GNA_LIBSYSTEMD_NAME
  };
}

}  // namespace gna::systemd
