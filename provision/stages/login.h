// How a mirror is spoken to before there is a containerd that would do it.
#pragma once

#include <string>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"
#include "provision/mirror_config.h"

namespace gna::provision {

// ".../v2/": there a registry answers, with a welcome or with "who are you?". init.sh asks there, too.
std::string registry_url(const desired::RegistryHost& host);

// PEM, as the mirror's document holds it.
std::vector<std::string> ca_pems(const Mirror& mirror, const desired::RegistryHost& host);

// A token for one pull of `image`, from the token server that this host names, for the user and password known for the
// host. Empty: it names none, and takes them itself. containerd before 2.1 shows token servers nothing of what
// hosts.toml holds, so that a login needs an argument of ctr, where everybody could read it.
//
// Errors: those of http::get(); PermissionDenied (the token server refuses, or would be asked without TLS); Corrupt.
// Source: distribution docs/spec/auth/token.md.
Result<std::string> fetch_token(const Mirror& mirror, const desired::RegistryHost& host, const std::string& image,
                                Deadline by);

}  // namespace gna::provision
