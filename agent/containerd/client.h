// containerd's own services over its socket: what it takes to get files out of an image.
//
// gRPC stays in client.cc. Every call has a deadline and sends the namespace.
// Source: containerd's api/services/*; proto/SOURCES.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::containerd {

inline constexpr const char* kSnapshotter = "overlayfs";

struct Address {
  std::string socket = "/run/containerd/containerd.sock";
  std::string name_space = "default";  // not k8s.io: kubelet's image collection empties that one

  // CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE, where they are set and not empty.
  static Address from_environment();
  bool operator==(const Address&) const = default;
};

// A blob in the content store.
struct Descriptor {
  std::string media_type = {};
  std::string digest = {};  // "sha256:…"
  std::int64_t size_bytes = 0;
  bool operator==(const Descriptor&) const = default;
};

struct Mount {
  std::string type = {};  // "bind" or "overlay" with the overlayfs snapshotter
  std::string source = {};
  std::vector<std::string> options = {};
  bool operator==(const Mount&) const = default;
};

// Threads: any method from any thread.
// Errors:  of all methods: Unavailable (no daemon, or it went away), DeadlineExceeded, PermissionDenied.
class Client {
 public:
  // Does not connect yet, so it cannot fail: the first call does.
  explicit Client(Address address);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  const Address& address() const;

  // Waits for a daemon that is just starting; all other calls fail at once without one.
  // Errors: Unavailable.
  Result<void> connect(Deadline by);

  // As the daemon words it: "1.6.20~ds1", "v2.1.5".
  Result<std::string> version(Deadline by);

  // Is there a transfer service that works? 1.6 has none; 1.7's ignores the hosts directory.
  Result<bool> has_transfer(Deadline by);

  // The image's target: an index or a manifest. That it is there says nothing about unpacked layers.
  // Errors: NotFound.
  Result<Descriptor> image(const std::string& name, Deadline by);

  // A blob, held against its digest.
  // Errors: NotFound, Corrupt (digest), InvalidArgument (larger than the limit).
  Result<std::string> read(const std::string& digest, std::size_t limit_bytes, Deadline by);

  // A lease goes away by itself after `lifetime`: what a killed process leaves is collected.
  Result<void> create_lease(const std::string& id, std::chrono::seconds lifetime, Deadline by);
  // Absent is fine. With `collect`, returns after garbage collection.
  Result<void> delete_lease(const std::string& id, bool collect, Deadline by);

  // Is there a committed snapshot of this name (a chain id)?
  Result<bool> has_snapshot(const std::string& name, Deadline by);
  // A read-only view of `parent`, held by the lease.
  // Errors: NotFound (parent), Conflict (key in use).
  Result<std::vector<Mount>> view(const std::string& key, const std::string& parent, const std::string& lease,
                                  Deadline by);
  // Absent is fine. Order: after unmounting; the daemon doesn't check.
  Result<void> remove_snapshot(const std::string& key, Deadline by);

  // Pulls and unpacks with the daemon's transfer service, mirrors from `hosts_directory`.
  // OK does not mean unpacked: an index without this platform is OK too.
  // Errors: NotFound (no such tag), Unavailable (registry, DNS, TLS: in words only), Unsupported (1.6).
  Result<void> transfer(const std::string& reference, const std::string& hosts_directory,
                        const std::string& architecture, const std::string& lease, Deadline by);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gna::containerd
