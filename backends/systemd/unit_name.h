// Names of units, templates and instances: foo.service, foo@.service, foo@bar.service.
#pragma once

#include <string>
#include <string_view>

namespace gna::systemd {

// A name that systemd takes. Source: unit_name_is_valid(), systemd.unit(5).
bool is_unit_name(std::string_view name);
bool is_template(std::string_view name);  // foo@.service
bool is_instance(std::string_view name);  // foo@bar.service

std::string_view unit_suffix(std::string_view name);    // "service"; after the last dot
std::string_view unit_prefix(std::string_view name);    // "foo"; before "@" or the suffix
std::string_view unit_instance(std::string_view name);  // "bar"; empty for all else

// foo@.service of an instance.
std::string template_of(std::string_view instance);
// foo@bar.service of a template.
std::string instantiate(std::string_view unit_template, std::string_view instance);

// Whether units of this suffix may have other names.
bool may_have_aliases(std::string_view name);
// Whether `unit` may be known by that name too: the same kind, a template by a template's or an
// instance's name, an instance by one of the same instance. Source: unit_validate_alias_symlink_or_warn().
bool is_alias_fit(std::string_view alias, std::string_view unit);

// "a-b\x2dc" → "a/b-c". Source: systemd-escape(1).
std::string unescape_unit_name(std::string_view escaped);

// Where the unit's object lies on the bus: each byte outside [A-Za-z0-9], and a leading
// digit, becomes "_" and two hex digits.
std::string unit_object_path(std::string_view name);

}  // namespace gna::systemd
