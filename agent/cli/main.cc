#include "agent/cli/commands.h"

int main(int argc, char** argv) { return gna::cli::run(argc, argv); }
