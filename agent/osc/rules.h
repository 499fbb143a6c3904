// The rules for single values: what is safe as a path, a unit's name, an upstream.
//
// Each `why_not` function gives nullopt for a good value, else a code and a reason that completes
// the sentence "the path ...".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gna::osc::rules {

struct Reason {
  std::string code;
  std::string message;
};
using WhyNot = std::optional<Reason>;

// Source: PATH_MAX, NAME_MAX; state files of gna and of the Go agent are nobody else's.
WhyNot why_not_file_path(std::string_view path);

// Source: systemd.unit(5), unit_name_is_valid().
WhyNot why_not_unit_name(std::string_view name);
bool is_template(std::string_view unit_name);

WhyNot why_not_drop_in_name(std::string_view name);

// Source: gardener pkg/api/extensions/validation: _default or host[:port].
WhyNot why_not_upstream(std::string_view upstream);

// http or https with a host; nothing that would have to be escaped in a URL.
WhyNot why_not_url(std::string_view url);
bool has_user_info(std::string_view url);
// The URL without user name and password.
std::string without_user_info(std::string_view url);

WhyNot why_not_ca_path(std::string_view path);

// Source: distribution/reference: [domain/]path[:tag][@digest]
WhyNot why_not_image(std::string_view image);
WhyNot why_not_path_in_image(std::string_view path);

// Source: RFC 1123, k8s.io/apimachinery validation.
bool is_dns_subdomain(std::string_view name);
bool is_dns_label(std::string_view name);
bool is_secret_key(std::string_view key);

// "1592", "1.34.1", "v1.34.1-rc.1+x": up to three numbers, as Masterminds semver reads them.
bool is_version(std::string_view version);

// RFC 3339 to UTC with whole seconds, as metav1.Time prints it.
std::optional<std::string> utc_time(std::string_view time);

// In quotes, control characters escaped, at most 80 bytes of it.
std::string shown(std::string_view text);

}  // namespace gna::osc::rules
