// A containerd that is none: its gRPC services on a socket of its own, over images made by hand.
//
// Snapshots are real directories below `directory` and views real mounts, bind for one layer and overlay for
// more, so what is tested opens real files. Requests that end a real daemon end the test.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/oci_image.h"

namespace gna::support {

class FakeContainerd {
 public:
  explicit FakeContainerd(std::string directory, std::string version = "v2.1.5");
  ~FakeContainerd();

  std::string socket() const;

  // What a registry would have: a pull brings it here.
  void offer(const std::string& reference, const Image& image);
  // As after a pull with `ctr`.
  void import(const std::string& reference, const Image& image, bool unpacked = true);

  enum class Plugin { absent, failed, ok };
  void set_transfer(Plugin state);
  // The next call of this method ("View", "Transfer") fails with this gRPC status code.
  void fail_next(const std::string& method, int code, const std::string& message = "scripted");
  // The next call of this method does not return before its deadline.
  void hang_next(const std::string& method);
  // Blobs served from now on are damaged.
  void damage(const std::string& digest);

  // "Method detail lease=…", in order.
  std::vector<std::string> calls() const;
  std::vector<std::string> leases() const;  // that are there now
  std::vector<std::string> views() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gna::support
