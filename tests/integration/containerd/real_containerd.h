// A real containerd with a registry of its own, both gone at the end.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "agent/containerd/client.h"
#include "agent/containerd/pull.h"
#include "tests/support/oci_image.h"
#include "tests/support/temp_root.h"
#include "tests/support/tls_server.h"

namespace gna::integration {

enum class Generation { v1_6, v2 };

// Why not on this machine; empty: it can.
std::string why_no_containerd(Generation generation);

// The daemon knows registry.example.test only through a hosts directory, which names a mirror on loopback whose
// certificate is signed by a private authority. The upstream itself has no address.
class RealContainerd {
 public:
  explicit RealContainerd(Generation generation);
  ~RealContainerd();

  containerd::Client& client() { return *client_; }
  containerd::PullOptions options() const;
  // "registry.example.test/team/app:v1"
  void push(const std::string& reference, const support::Image& image);
  void stop_registry() { registry_.reset(); }
  // Runs Debian's ctr against this daemon; its stdout.
  std::string ctr(const std::string& arguments) const;
  // Leases, views and mounts that are there.
  std::string leftovers() const;

 private:
  std::string path(const std::string& name) const { return root_.path().string() + "/" + name; }

  support::TempRoot root_;
  support::Authority authority_{"private"};
  std::mutex mutex_;  // guards images_
  std::map<std::string, support::Image> images_;
  std::unique_ptr<support::TlsServer> registry_;
  pid_t daemon_ = -1;
  std::unique_ptr<containerd::Client> client_;
};

}  // namespace gna::integration
