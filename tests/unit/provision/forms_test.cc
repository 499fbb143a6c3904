#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/format/format.h"
#include "tests/unit/provision/data.h"

namespace gna::provision {
namespace {

using ::testing::EndsWith;
using testing::gunzip;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::userdata_of;

// Bytes that one form or another has no easy way with.
std::vector<std::string> awkward_texts() {
  std::vector<std::string> out = {"",
                                  "\n",
                                  "\n\n",
                                  "x",
                                  "x\n",
                                  "x\n\n",
                                  " x ",
                                  "\t",
                                  "$HOME `id` $(id) \\ ' \" \\n\n",
                                  "EOF",
                                  "EOF\n",
                                  "EOF\nEOF1\nEOF2\n",
                                  "a\r\nb\r\n",
                                  std::string("\0", 1),
                                  std::string("a\0b\n", 4),
                                  "\x01\x7f\x80\xff\xc3\xa9\n",
                                  "%41%zz+ +",
                                  "---\n...\n",
                                  "- |\n",
                                  "mime-version: 1.0\n"};
  std::mt19937 random(20261124);
  for (int i = 0; i < 40; ++i) {
    std::string bytes(random() % 300, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    out.push_back(std::move(bytes));
  }
  return out;
}

Userdata awkward() {
  std::vector<UserdataFile> files;
  for (const auto& text : awkward_texts())
    files.push_back({.path = "/t/" + std::to_string(files.size()), .bytes = text});
  return userdata_of(std::move(files));
}

std::string data_of(const std::string& source) {
  const auto comma = source.find(',');
  const auto data = source.substr(comma + 1);
  if (source.substr(0, comma).ends_with(";base64")) return base64_decode(data).value();
  std::string out;
  for (std::size_t i = 0; i < data.size(); ++i)
    out += data[i] == '%' ? static_cast<char>(std::stoi(data.substr((i += 2) - 1, 2), nullptr, 16)) : data[i];
  return out;
}

nlohmann::json inner(const std::string& config) {
  const auto merge = nlohmann::json::parse(config)["ignition"]["config"]["merge"][0];
  EXPECT_EQ(merge["compression"], "gzip");
  return nlohmann::json::parse(gunzip(data_of(merge["source"])));
}

// path → contents, of both layers.
std::map<std::string, std::string> ignition_files(const std::string& config) {
  std::map<std::string, std::string> out;
  for (const auto& layer : {nlohmann::json::parse(config), inner(config)})
    if (layer.contains("storage"))
      for (const auto& file : layer["storage"]["files"]) {
        EXPECT_TRUE(file["overwrite"]) << "Ignition stops at a file that exists";
        EXPECT_TRUE(out.emplace(file["path"], data_of(file["contents"]["source"])).second) << "a path twice";
      }
  return out;
}

TEST(Gzip, GivesBackWhatItTook) {
  for (const auto& text : awkward_texts()) EXPECT_EQ(gunzip(gzip(text)), text);
  EXPECT_EQ(gzip("x").substr(4, 4), std::string(4, '\0')) << "no time stamp";
}

TEST(PercentEncode, LeavesNoPlusForABlankAndNoPlaceholder) {
  EXPECT_EQ(percent_encode("a b\n"), "a%20b%0A");
  EXPECT_EQ(percent_encode(kMachineName), "%3C%3CMACHINE_NAME%3E%3E");
  for (const auto& text : awkward_texts()) EXPECT_EQ(data_of("data:," + percent_encode(text)), text);
}

TEST(Delimiter, IsNoLineOfTheText) {
  EXPECT_EQ(delimiter_for("x"), "EOF");
  EXPECT_EQ(delimiter_for("EOF"), "EOF1");
  EXPECT_EQ(delimiter_for("a\nEOF\nEOF1\n"), "EOF2");
  EXPECT_EQ(delimiter_for(" EOF\nEOFx"), "EOF");
}

TEST(ShellWord, SurvivesEverything) { EXPECT_EQ(shell_word("it's $x"), "'it'\\''s $x'"); }

// A YAML reader takes U+2028 for the end of a line.
TEST(ShellWord, IsAsciiWhateverTheText) {
  EXPECT_EQ(shell_word("/a\u2028b"), R"x("$(printf '/a\342\200\250b')")x");
  EXPECT_EQ(shell_word("\u00e9'%\\"), R"x("$(printf '\303\251\047\045\134')")x");
}

TEST(Ignition, GivesBackAllBytes) {
  const auto userdata = awkward();
  const auto files = ignition_files(ignition(userdata).value());
  for (const auto& file : userdata.files) EXPECT_EQ(files.at(file.path), file.bytes) << file.path;
}

TEST(Ignition, HoldsThePlaceholdersUrlEncodedAndOnlySo) {
  const auto text = "server: x # a b\nname: <<MACHINE_NAME>>\ntoken: \"<<BOOTSTRAP_TOKEN>>\"\n";
  const auto userdata = userdata_of({{.path = "/p", .bytes = text}, {.path = "/q", .bytes = "q"}},
                                    {{.name = "u.service", .content = "[Unit]\nDescription=<<MACHINE_NAME>>\n"}});
  const auto config = ignition(userdata).value();
  EXPECT_THAT(config, Not(HasSubstr("<<")));
  EXPECT_THAT(inner(config).dump(), Not(HasSubstr("MACHINE_NAME")));
  const auto files = ignition_files(testing::machine_controller(config, "abcdef.0123456789abcdef", "machine-1"));
  EXPECT_EQ(files.at("/p"), "server: x # a b\nname: machine-1\ntoken: \"abcdef.0123456789abcdef\"\n");
  EXPECT_EQ(files.at("/etc/systemd/system/u.service"), "[Unit]\nDescription=machine-1\n");
  EXPECT_EQ(inner(config)["systemd"]["units"][0], (nlohmann::json{{"name", "u.service"}, {"enabled", true}}));
}

TEST(Ignition, WritesTheStateThatTheAgentReads) {
  const auto userdata = make_userdata(testing::worker(), testing::three_mirrors().mirrors, {.generation = 7}).value();
  const auto state = ignition_files(ignition(userdata).value()).at("/var/lib/gardener-node-agent/provision-state");
  EXPECT_THAT(state, StartsWith("gna-provision 1\ngeneration 7\nsha256 " + userdata.sha256 + "\nphase done\nfile "));
  EXPECT_EQ(std::ranges::count(state, '\n'), 4 + 6);
}

TEST(Ignition, TakesUnitsAsTheOscHasThem) {
  const auto userdata = userdata_of({}, {{.name = "a.service", .content = "x", .enable = false},
                                         {.name = "b.service", .drop_ins = {{"y.conf", "z"}}}});
  const auto units = inner(ignition(userdata).value())["systemd"]["units"];
  EXPECT_EQ(units[0], (nlohmann::json{{"name", "a.service"}, {"enabled", false}, {"contents", "x"}}));
  EXPECT_EQ(units[1]["dropins"], nlohmann::json::parse(R"([{"name":"y.conf","contents":"z"}])"));
  EXPECT_FALSE(units[1].contains("contents"));
  EXPECT_FALSE(ignition(userdata_of({}, {{.name = "b.service", .drop_ins = {{"y", "z"}}}})));
}

TEST(Script, HoldsThePlaceholdersInPlainTextOnce) {
  const auto userdata = make_userdata(testing::worker(), {}, {}).value();
  for (const auto& form : {script, cloud_config, mime}) {
    const auto text = form(userdata).value();
    const auto filled = testing::machine_controller(text, "abcdef.0123456789abcdef", "machine-1");
    EXPECT_EQ(filled.size(), text.size() + 23 + 9 - kBootstrapToken.size() - kMachineName.size());
    EXPECT_THAT(text, Not(HasSubstr("%3C%3C")));
  }
}

// cloud-init takes whatever says mime-version early for MIME.
TEST(Script, DoesNotLookLikeMime) {
  std::string early = "<<MACHINE_NAME>>\nMIME-Version: 1.0\n";
  const auto text = script(userdata_of({{.path = "/p", .bytes = early}}));
  EXPECT_FALSE(text) << "it would be read as MIME";
  const auto worker = script(make_userdata(testing::worker(), {}, {}).value()).value();
  EXPECT_THAT(worker.substr(0, 4096), Not(HasSubstr("ersion:")));
  EXPECT_THAT(worker, StartsWith("#!/bin/sh\n"));
}

TEST(CloudConfig, IsOneTextAndNoArgumentList) {
  const auto text = cloud_config(make_userdata(testing::worker(), {}, {}).value()).value();
  EXPECT_THAT(text, StartsWith("#cloud-config\nruncmd:\n- |\n  (\n  # Userdata"));
  EXPECT_THAT(text, EndsWith("\n  )\n"));
  EXPECT_THAT(text, HasSubstr("\n  <<BOOTSTRAP_TOKEN>>\n  EOF\n"));
}

TEST(Mime, EndsItsHeadersAndItself) {
  const auto text = mime(make_userdata(testing::worker(), {}, {}).value()).value();
  EXPECT_THAT(text, HasSubstr("MIME-Version: 1.0\n\n--gna-userdata\n"));
  EXPECT_THAT(text, HasSubstr("\n\n#!/bin/sh\n"));
  EXPECT_THAT(text, EndsWith("\n--gna-userdata--\n"));
}

}  // namespace
}  // namespace gna::provision
