// Brings an image into containerd, unpacked, mirrors counted from the first pull on.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/containerd/client.h"
#include "agent/containerd/process.h"
#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::containerd {

// "amd64", "arm64": this machine, in the words of an image.
std::string host_architecture();

struct PullOptions {
  std::string hosts_directory = "/etc/containerd/certs.d";
  std::string architecture = host_architecture();
  std::string lease = {};  // holds what arrives until its image record does
  // Where the node's `ctr` is looked for, in this order; never the caller's PATH.
  std::vector<std::string> ctr_directories = kProgramDirectories;
  // A daemon that takes a call and never answers it must not hold a run that can do without.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
};

// containerd 2 pulls by its transfer service, which reads the hosts directory itself. Older ones pull by
// the node's own `ctr images pull --hosts-dir`: 1.6 has no such service, and 1.7's leaves the mirrors
// out without a word.
//
// Errors: InvalidArgument (reference), NotFound (image; ctr), Unavailable (registry), DeadlineExceeded.
Result<void> pull(Client& client, const std::string& reference, const PullOptions& options, Deadline by);

// Would pull() have what it needs? Changes nothing, asks no registry.
// Errors: InvalidArgument (a reference), Unavailable (no daemon), NotFound (no `ctr` where one is needed).
Result<void> can_pull(Client& client, const std::vector<std::string>& references, const PullOptions& options,
                      Deadline by);

}  // namespace gna::containerd
