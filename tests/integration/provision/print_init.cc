// Prints init.sh (arguments: IMAGE [require-mirror] [NOT_BEFORE] [REGISTRY_CA_SERVER]) or, without arguments, its unit.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "provision/init_script.h"

int main(int argc, char** argv) {
  const auto argument = [&](int i) { return argc > i ? std::string(argv[i]) : std::string(); };
  const auto text = argc < 2 ? gna::provision::init_unit()
                             : gna::provision::init_script({.image = argument(1),
                                                            .require_mirror = argument(2) == "require-mirror",
                                                            .not_before = std::atoll(argument(3).c_str()),
                                                            .registry_ca = argument(4)});
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
