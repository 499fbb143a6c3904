// Files out of images through the node's containerd.
#pragma once

#include <memory>

#include "agent/containerd/client.h"
#include "agent/containerd/pull.h"
#include "gna/backend/content_source.h"

namespace gna::content {

// open(): lease, pull, platform and architecture checked, snapshot view, mount, open the file beneath it.
//
// The mount lives in a mount namespace of one thread and goes with it, so a killed agent leaves none
// behind; view and lease are given back, or expire. The descriptor pins the mount: it reads on after that.
// /gardener-node-agent that is not there is looked for as /ko-app/gardener-node-agent.
//
// Needs CAP_SYS_ADMIN for images of more than one layer.
// Errors of open(): NotFound (image, platform, file), InvalidArgument (not a regular file, another
//   architecture), Unavailable (daemon, registry), Unsupported (snapshotter), DeadlineExceeded.
// Threads: open() from several at once.
std::unique_ptr<backend::ContentSource> from_containerd(containerd::Client& client,
                                                        containerd::PullOptions options = {});

}  // namespace gna::content
