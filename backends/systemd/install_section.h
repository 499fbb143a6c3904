// [Install]: what a unit file says about being enabled.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/result.h"

namespace gna::systemd {

struct InstallSection {
  std::vector<std::string> aliases = {};  // as written: specifiers are not expanded yet
  std::vector<std::string> wanted_by = {};
  std::vector<std::string> required_by = {};
  std::vector<std::string> upheld_by = {};
  std::vector<std::string> also = {};
  std::optional<std::string> default_instance = {};

  bool has_rules() const {
    return !aliases.empty() || !wanted_by.empty() || !required_by.empty() || !upheld_by.empty();
  }
  bool operator==(const InstallSection&) const = default;
};

// Adds what the text of `unit`, or of a drop-in of it, says. As systemd: an empty value
// takes back what was collected, DefaultInstance counts for templates alone, Alias for
// the kinds of units that may have some; what cannot be understood is passed over.
// Source: systemd.unit(5), systemd.syntax(7).
void read_install_section(std::string_view text, std::string_view unit, InstallSection& into);

// Puts the unit's name into a value of its [Install] section: %i %j %n %N %p %%.
// Errors: Unsupported: a specifier that only a running machine can answer (%H, %m, …).
Result<std::string> expand_specifiers(std::string_view value, std::string_view unit, const InstallSection& install);

}  // namespace gna::systemd
