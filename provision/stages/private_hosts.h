// A hosts directory for the first pull alone, for mirrors that ask who is there. Pure.
#pragma once

#include <string>
#include <vector>

#include "provision/mirror_config.h"
#include "provision/userdata.h"

namespace gna::provision {

// Below /run, so that it is gone with the next boot; 0700.
inline constexpr const char* kPrivateHostsDirectory = "/run/gna/certs.d";

bool needs_credentials(const std::vector<Mirror>& mirrors);

// hosts.toml with the credentials in it, 0600, and key pairs beside it; CAs stay where they are.
// Source: containerd docs/hosts.md: header, client.
std::vector<UserdataFile> private_hosts(const std::vector<Mirror>& mirrors);

}  // namespace gna::provision
