// Userdata in the forms that clouds and first-boot programs take. Pure.
//
// What holds a placeholder stays in plain text (URL-encoded in Ignition), everything else goes into one
// compressed archive. No form lets the shell see what is in a file.
//
// Errors: InvalidArgument, for the rare file that a form has no way to carry.
#pragma once

#include <string>

#include "gna/base/result.h"
#include "provision/userdata.h"

namespace gna::provision {

// One POSIX shell script; needs sh, coreutils, gzip and systemd. Running it again, or an older one, does
// nothing; a run that was cut short is no reason not to.
Result<std::string> script(const Userdata& userdata);

// cloud-init's #cloud-config: the same script, run by runcmd.
Result<std::string> cloud_config(const Userdata& userdata);

// The same script as the one part of a MIME multipart message.
Result<std::string> mime(const Userdata& userdata);

// Ignition 3.3.0 in one line of JSON. It runs once, at the first boot.
//
// Source: coreos.github.io/ignition/configuration-v3_3
Result<std::string> ignition(const Userdata& userdata);

}  // namespace gna::provision
