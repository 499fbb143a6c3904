// The running OS version, as the Go agent reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gna::systemd {

// The first number of PRETTY_NAME ("Garden Linux 1592.6" → "1592.6"); a number that runs into
// letters is none ("1592Foo"). Source: os-release(5), gardener operatingsystemconfig/reconciler.go.
std::optional<std::string> os_version(std::string_view os_release);

}  // namespace gna::systemd
