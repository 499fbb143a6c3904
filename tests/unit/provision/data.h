// What the tests of this room share: test data, and the machine controller's part.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gna/osc/osc.h"
#include "gna/osc/secrets.h"
#include "provision/mirror_config.h"
#include "provision/userdata.h"

namespace gna::provision::testing {

std::string read(const std::string& path);  // below tests/testdata
osc::Osc worker();                          // the provision OSC of a real pool
osc::Secrets secrets();
MirrorConfigs three_mirrors();

// An OSC with files and units of one's own, and the agent's image.
osc::File plain_file(const std::string& path, const std::string& text);
osc::File base64_file(const std::string& path, const std::string& bytes);
Userdata userdata_of(std::vector<UserdataFile> files, std::vector<UserdataUnit> units = {});

std::string gunzip(std::string_view bytes);

// Source: machine-controller-manager: the plain form everywhere, or if there is none the URL-encoded one.
std::string machine_controller(std::string userdata, const std::string& token, const std::string& machine);

}  // namespace gna::provision::testing
