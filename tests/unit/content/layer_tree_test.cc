#include <gtest/gtest.h>

#include "agent/content/layer_tree.h"

namespace gna::content {
namespace {

using Kind = TarEntry::Kind;

TarEntry file(const std::string& name, std::uint64_t offset = 0) {
  return {.kind = Kind::file, .name = name, .data_offset = offset, .size_bytes = 1};
}
TarEntry directory(const std::string& name) { return {.kind = Kind::directory, .name = name}; }
TarEntry symlink(const std::string& name, const std::string& target) {
  return {.kind = Kind::symlink, .name = name, .link = target};
}
TarEntry hard_link(const std::string& name, const std::string& target) {
  return {.kind = Kind::hard_link, .name = name, .link = target};
}

Result<LayerTree> lay(const std::vector<std::vector<TarEntry>>& layers) {
  LayerTree tree(1000);
  for (const auto& layer : layers) {
    tree.begin_layer();
    for (const auto& entry : layer) GNA_TRY(tree.add(entry));
  }
  return tree;
}

// "layer:offset" of the path, or the error's code.
std::string found(const std::vector<std::vector<TarEntry>>& layers, const std::string& path) {
  const auto tree = lay(layers);
  if (!tree) return "layers: " + std::string(to_string(tree.error().code));
  const auto place = tree->find(path);
  if (!place) return std::string(to_string(place.error().code));
  return std::to_string(place->layer) + ":" + std::to_string(place->offset);
}

struct Case {
  const char* name;
  std::vector<std::vector<TarEntry>> layers;
  const char* path;
  const char* wanted;
};

class Find : public testing::TestWithParam<Case> {};

TEST_P(Find, GivesWhatLiesOnTop) { EXPECT_EQ(found(GetParam().layers, GetParam().path), GetParam().wanted); }

INSTANTIATE_TEST_SUITE_P(
    Names, Find,
    testing::Values(Case{"Plain", {{file("usr/bin/x", 7)}}, "/usr/bin/x", "0:7"},
                    Case{"DotSlash", {{file("./usr/bin/x", 7)}}, "/usr/bin/x", "0:7"},
                    Case{"Absolute", {{file("/usr//bin/./x", 7)}}, "usr/bin/x", "0:7"},
                    Case{"TheLastOfALayerWins", {{file("x", 1), file("x", 2)}}, "/x", "0:2"},
                    Case{"TheUpperLayerWins", {{file("x", 1)}, {file("x", 2)}}, "/x", "1:2"},
                    Case{"LowerStaysSeen", {{file("a/x", 1)}, {file("a/y", 2)}}, "/a/x", "0:1"},
                    Case{"Missing", {{file("x")}}, "/y", "NotFound"},
                    Case{"BelowAFile", {{file("x")}}, "/x/y", "NotFound"},
                    Case{"ADirectory", {{directory("d")}}, "/d", "InvalidArgument"},
                    Case{"TheRoot", {{file("x")}}, "/", "InvalidArgument"},
                    Case{"ADevice", {{{.kind = Kind::other, .name = "dev/null"}}}, "/dev/null", "InvalidArgument"},
                    Case{"NoLayers", {}, "/x", "NotFound"}),
    [](const auto& one) { return std::string(one.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Replacing, Find,
    testing::Values(Case{"AFileForADirectory", {{file("a/x", 1)}, {file("a", 2)}}, "/a", "1:2"},
                    Case{"ADirectoryForAFile", {{file("a", 1)}, {directory("a"), file("a/x", 2)}}, "/a/x", "1:2"},
                    Case{"ADirectoryKeepsItsChildren", {{file("a/x", 1)}, {directory("a")}}, "/a/x", "0:1"},
                    Case{"AFileForASymlink", {{symlink("a", "b"), file("b", 1)}, {file("a", 2)}}, "/a", "1:2"}),
    [](const auto& one) { return std::string(one.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Whiteouts, Find,
    testing::Values(Case{"HidesAFile", {{file("a/x")}, {file("a/.wh.x")}}, "/a/x", "NotFound"},
                    Case{"HidesADirectory", {{file("a/b/x")}, {file("a/.wh.b")}}, "/a/b/x", "NotFound"},
                    Case{"NotItsOwnLayer", {{file("a/x", 1)}, {file("a/x", 2), file("a/.wh.x")}}, "/a/x", "1:2"},
                    Case{"NotItsOwnLayerBefore", {{file("a/x", 1)}, {file("a/.wh.x"), file("a/x", 2)}}, "/a/x", "1:2"},
                    Case{"OpaqueHidesChildren", {{file("a/x")}, {file("a/.wh..wh..opq")}}, "/a/x", "NotFound"},
                    Case{"OpaqueKeepsItsOwn", {{file("a/x")}, {file("a/y", 3), file("a/.wh..wh..opq")}}, "/a/y", "1:3"},
                    Case{"OpaqueHidesDeepOnes",
                         {{file("a/b/c/x")}, {file("a/b/y"), file("a/.wh..wh..opq")}},
                         "/a/b/c/x",
                         "NotFound"},
                    Case{"ANewFileAfterIt", {{file("x", 1)}, {file(".wh.x")}, {file("x", 3)}}, "/x", "2:3"},
                    Case{"OfNothing", {{file("x", 1)}, {file("y/.wh.z")}}, "/x", "0:1"},
                    Case{"IsNoFileItself", {{file("x")}, {file(".wh.x")}}, "/.wh.x", "NotFound"}),
    [](const auto& one) { return std::string(one.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Links, Find,
    testing::Values(
        Case{"Relative", {{file("a/x", 1), symlink("a/l", "x")}}, "/a/l", "0:1"},
        Case{"AbsoluteIsOfTheImage", {{file("a/x", 1), symlink("b/l", "/a/x")}}, "/b/l", "0:1"},
        Case{"AcrossLayers", {{symlink("l", "a/x")}, {file("a/x", 2)}}, "/l", "1:2"},
        Case{"NeverAboveTheRoot", {{file("x", 1), symlink("a/l", "../../../../x")}}, "/a/l", "0:1"},
        Case{"OnTheWay", {{file("usr/lib/x", 1), symlink("lib", "usr/lib")}}, "/lib/x", "0:1"},
        Case{"ChainOfThem", {{file("x", 1), symlink("a", "b"), symlink("b", "/c"), symlink("c", "x")}}, "/a", "0:1"},
        Case{"Loop", {{symlink("a", "b"), symlink("b", "a")}}, "/a", "InvalidArgument"},
        Case{"Dangling", {{symlink("a", "b")}}, "/a", "NotFound"},
        Case{"ToADirectory", {{directory("d"), symlink("a", "d")}}, "/a", "InvalidArgument"},
        Case{"EntriesGoWhereTheirParentLeads",
             {{directory("usr/lib"), symlink("lib", "usr/lib")}, {file("lib/x", 2)}},
             "/usr/lib/x",
             "1:2"},
        Case{"HardLink", {{file("a/x", 1), hard_link("y", "a/x")}}, "/y", "0:1"},
        Case{"HardLinkIntoALowerLayer", {{file("a/x", 1)}, {hard_link("y", "a/x")}}, "/y", "0:1"},
        Case{"HardLinkKeepsTheOldBytes", {{file("x", 1), hard_link("y", "x")}, {file("x", 2)}}, "/y", "0:1"},
        Case{"HardLinkToASymlink", {{file("x", 1), symlink("l", "x"), hard_link("y", "l")}}, "/y", "0:1"}),
    [](const auto& one) { return std::string(one.param.name); });

std::vector<TarEntry> deep(int levels) {
  std::string name;
  for (int i = 0; i < levels; ++i) name += "d/";
  return {file(name + "x", 1)};
}

INSTANTIATE_TEST_SUITE_P(
    Refused, Find,
    testing::Values(Case{"LeadsOut", {{file("../../etc/shadow")}}, "/etc/shadow", "layers: Corrupt"},
                    Case{"LeadsOutAfterAWhile", {{file("a/../../x")}}, "/x", "layers: Corrupt"},
                    Case{"InsideIsFine", {{file("a/../x", 1)}}, "/x", "0:1"},
                    Case{"NulInTheName", {{file(std::string("a\0b", 3))}}, "/a", "layers: Corrupt"},
                    Case{"EntryBelowAFile", {{file("a"), file("a/x")}}, "/a/x", "layers: Corrupt"},
                    Case{"HardLinkToNothing", {{hard_link("y", "x")}}, "/y", "layers: Corrupt"},
                    Case{"HardLinkToADirectory", {{directory("x"), hard_link("y", "x")}}, "/y", "layers: Corrupt"},
                    Case{"HardLinkLeadsOut", {{hard_link("y", "../../etc/shadow")}}, "/y", "layers: Corrupt"},
                    Case{"TooDeep", {deep(600)}, "/x", "layers: InvalidArgument"},
                    Case{"DeepEnough", {deep(500)}, "/x", "NotFound"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(LayerTree, BoundsItsEntries) {
  std::vector<TarEntry> many;
  for (int i = 0; i < 1001; ++i) many.push_back(file("f" + std::to_string(i)));
  const auto tree = lay({many});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace gna::content
