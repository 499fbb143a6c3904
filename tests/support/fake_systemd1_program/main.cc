// gna-fake-systemd1 SOCKETDIR LOGFILE [--root DIR] [SCRIPT]
//
// Starts a bus at SOCKETDIR/bus and a fake systemd on it, prints the bus's address and
// serves until SIGTERM. SCRIPT holds lines as tests/support/unit_model.h has them; lines that
// are empty or begin with # are passed over.
#include <signal.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_systemd1.h"
#include "tests/support/private_bus.h"

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  gna::support::FakeSystemd1Options options;
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (*word != "--root" || word + 1 == words.end()) continue;
    options.root = *(word + 1);
    words.erase(word, word + 2);
    break;
  }
  if (words.size() != 2 && words.size() != 3) {
    std::fputs("usage: gna-fake-systemd1 SOCKETDIR LOGFILE [--root DIR] [SCRIPT]\n", stderr);
    return 2;
  }
  try {
    if (words.size() == 3) {
      std::ifstream in(words[2]);
      if (!in) throw std::runtime_error("cannot read " + words[2]);
      for (std::string line; std::getline(in, line);)
        if (!line.empty() && !line.starts_with('#')) options.script.push_back(line);
    }
    sigset_t ends = {};
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);

    gna::support::PrivateBus bus(words[0]);
    options.address = bus.address();
    options.log = words[1];
    const gna::support::FakeSystemd1 systemd(options);
    std::printf("%s\n", options.address.c_str());
    std::fflush(stdout);
    int signal = 0;
    sigwait(&ends, &signal);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gna-fake-systemd1: %s\n", error.what());
    return 1;
  }
}
