#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "gna/osc/parse.h"

int main(int, char** argv) {
  std::ifstream in(argv[1], std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto parsed = gna::osc::parse(bytes);
  for (const auto& finding : parsed.findings)
    std::printf("%s:%d:%d: %s: %s\n", argv[1], finding.line, finding.column, finding.field.c_str(),
                finding.message.c_str());
  if (!parsed.ok()) return 1;
  std::printf("%s\n", parsed.document->checksum.c_str());
}
