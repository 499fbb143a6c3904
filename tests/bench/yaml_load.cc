// The baseline of `run`: what one bare YAML::LoadFile costs.
#include <yaml-cpp/yaml.h>

int main(int argc, char** argv) { return argc == 2 && YAML::LoadFile(argv[1]).IsMap() ? 0 : 1; }
