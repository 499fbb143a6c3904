#include "backends/systemd/install_section.h"

#include <utility>

#include "agent/desired/unit_file.h"
#include "backends/systemd/unit_name.h"

namespace gna::systemd {

namespace {

void collect(std::string_view value, std::vector<std::string>& into) {
  if (value.empty()) {
    into.clear();
    return;
  }
  for (auto& word : desired::unit_words(value)) into.push_back(std::move(word));
}

}  // namespace

void read_install_section(std::string_view text, std::string_view unit, InstallSection& into) {
  for (const auto& [section, key, value] : desired::read_unit_file(text)) {
    if (section != "Install") continue;
    if (key == "WantedBy")
      collect(value, into.wanted_by);
    else if (key == "RequiredBy")
      collect(value, into.required_by);
    else if (key == "UpheldBy")
      collect(value, into.upheld_by);
    else if (key == "Also")
      for (auto& word : desired::unit_words(value)) into.also.push_back(std::move(word));
    else if (key == "Alias" && may_have_aliases(unit))
      collect(value, into.aliases);
    else if (key == "DefaultInstance" && is_template(unit))
      into.default_instance = value;
  }
}

Result<std::string> expand_specifiers(std::string_view value, std::string_view unit, const InstallSection& install) {
  // A template that is enabled by its default instance speaks of that.
  const std::string name =
      is_template(unit) && install.default_instance ? instantiate(unit, *install.default_instance) : std::string(unit);
  const auto prefix = unit_prefix(name);
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    switch (value[++i]) {
      case '%': out += '%'; break;
      case 'i': out += unit_instance(name); break;
      case 'j': out += prefix.substr(prefix.rfind('-') + 1); break;
      case 'n': out += name; break;
      case 'N': out += name.substr(0, name.rfind('.')); break;
      case 'p': out += prefix; break;
      default:
        return fail(Code::Unsupported,
                    std::string(unit) + ": specifier %" + value[i] + " in [Install] has no meaning in an offline tree");
    }
  }
  return out;
}

}  // namespace gna::systemd
