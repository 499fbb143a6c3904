// The real program as on a live node: chroot into the tree, in a mount namespace of its own, with
// a fake systemd on a private bus.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/gna_run.h"
#include "tests/support/fake_systemd1.h"
#include "tests/support/private_bus.h"
#include "tests/support/tls_server.h"

namespace gna::crash {

// A mirror that is a workload of the very node: it answers once a file is there.
struct LateMirror {
  std::string waits_for = {};  // to be set before anybody asks
  support::TlsServer server;
  LateMirror();
};

class LiveRun : private LateMirror, public GnaRun {
 public:
  LiveRun();
  ~LiveRun() override;

  void set(const Snapshot& disk) const override;
  // The tree's, and: "" if units were started and stopped as in an undisturbed run: each that
  // has to, none twice, and in the end with what lies on the disk.
  std::string unlike_an_undisturbed_run() const override;

 protected:
  Program program(const std::string& osc) const override;
  void applied_once(bool is_old) override;

 private:
  // Unit → what befell it, in order: "started FINGERPRINT", "stopped".
  using Starts = std::map<std::string, std::vector<std::string>>;
  Starts starts() const;
  void serve() const;
  std::string log() const { return scratch().path("/systemd"); }

  std::unique_ptr<support::PrivateBus> bus_;
  mutable std::unique_ptr<support::FakeSystemd1> systemd_;
  std::string units_before_;  // the fake's memory with the old OSC applied
  Starts undisturbed_;
};

}  // namespace gna::crash
