// The same trees, the same wishes: ours against `systemctl --root` of this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "backends/systemd/offline.h"
#include "backends/systemd/unit_name.h"
#include "tests/support/temp_root.h"

namespace gna::systemd {
namespace {

namespace stdfs = std::filesystem;

struct Entry {
  std::string path = {};
  std::string text = {};     // of a file
  std::string link_to = {};  // of a symlink
};

struct Wish {
  std::string unit = {};
  bool enable = true;
};

struct Shape {
  std::string name = {};
  std::vector<Entry> tree = {};
  std::vector<Wish> wishes = {};
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

std::string print(const Shape& shape) {
  std::string out = shape.name + "\n";
  for (const auto& entry : shape.tree)
    out += fmt::format("  {} {}{}\n", entry.path, entry.link_to.empty() ? "" : "-> " + entry.link_to, entry.text);
  for (const auto& wish : shape.wishes) out += fmt::format("  {} {}\n", wish.enable ? "enable" : "disable", wish.unit);
  return out;
}

void build(const Shape& shape, const support::TempRoot& root) {
  stdfs::create_directories(root.on_host("/etc/systemd/system"));
  for (const auto& entry : shape.tree) {
    if (entry.link_to.empty()) {
      root.write(entry.path, entry.text);
    } else {
      stdfs::create_directories(root.on_host(entry.path).parent_path());
      stdfs::create_symlink(entry.link_to, root.on_host(entry.path));
    }
  }
}

// Exit code and standard output.
std::pair<int, std::string> systemctl(const support::TempRoot& root, const std::string& words) {
  const auto command = fmt::format("systemctl --root='{}' {} 2>/dev/null", root.path().string(), words);
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error(command);
  std::string out;
  std::array<char, 4096> buffer = {};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
  while (out.ends_with('\n')) out.pop_back();
  return {::pclose(pipe), out};
}

// Type, path and what it leads to of everything but directories that hold nothing.
std::vector<std::string> listing(const support::TempRoot& root) {
  std::vector<std::string> out;
  for (const auto& entry : stdfs::recursive_directory_iterator(root.path())) {
    const auto path = entry.path().lexically_relative(root.path()).string();
    if (entry.is_symlink())
      out.push_back(path + " -> " + stdfs::read_symlink(entry.path()).string());
    else if (entry.is_directory() && stdfs::is_empty(entry.path()))
      out.push_back(path + "/");
    else if (entry.is_regular_file())
      out.push_back(path);
  }
  std::ranges::sort(out);
  return out;
}

std::set<std::string> names_in(const Shape& shape) {
  std::set<std::string> out = {"absent.service"};
  for (const auto& entry : shape.tree) {
    const auto name = stdfs::path(entry.path).filename().string();
    if (is_unit_name(name)) out.insert(name);
  }
  for (const auto& wish : shape.wishes) out.insert(wish.unit);
  return out;
}

// `surveyed`: the tree is looked at once, and systemctl looks at it for each wish.
void compare(const Shape& shape, bool surveyed) {
  SCOPED_TRACE(print(shape) + (surveyed ? "surveyed" : ""));
  const support::TempRoot ours, theirs;
  build(shape, ours);
  build(shape, theirs);
  const auto root = fs::RootFs::open(ours.path().string()).value();
  const auto units = make_offline_unit_manager(root);
  const auto names = names_in(shape);
  const auto compare_words = [&](const std::string& when) {
    const auto status = units->status(names, {});
    ASSERT_TRUE(status) << status.error().message;
    for (const auto& name : names)
      EXPECT_EQ(status->at(name).enablement, systemctl(theirs, "is-enabled " + name).second) << name << " " << when;
  };
  compare_words("at first");
  if (surveyed) {
    ASSERT_TRUE(units->survey());
  }
  for (const auto& wish : shape.wishes) {
    const auto result = wish.enable ? units->enable(wish.unit, {}) : units->disable(wish.unit, {});
    // Over the bus `force` is given.
    const auto verb = wish.enable ? "enable --force --quiet " : "disable --quiet ";
    const auto [code, output] = systemctl(theirs, verb + wish.unit);
    EXPECT_EQ(result.has_value(), code == 0) << wish.unit << ": " << (result ? "" : result.error().message);
    EXPECT_EQ(listing(ours), listing(theirs)) << "after " << verb << wish.unit;
    compare_words(std::string("after ") + verb + wish.unit);
    if (::testing::Test::HasFailure()) return;
  }
}

const std::string kEtc = "/etc/systemd/system/";
const std::string kRun = "/run/systemd/system/";
const std::string kLocal = "/usr/local/lib/systemd/system/";
const std::string kUsr = "/usr/lib/systemd/system/";
const std::string kLib = "/lib/systemd/system/";

const std::vector<Shape> kShapes = {
    {"plain", {{kEtc + "a.service", "[Install]\nWantedBy=multi-user.target\n"}}, {{"a.service"}, {"a.service", false}}},
    {"vendor", {{kUsr + "a.service", "[Install]\nWantedBy=multi-user.target\n"}}, {{"a.service"}, {"a.service"}}},
    {"old-vendor-folder", {{kLib + "a.service", "[Install]\nWantedBy=x.target\n"}}, {{"a.service"}}},
    {"local", {{kLocal + "a.service", "[Install]\nWantedBy=x.target\n"}}, {{"a.service"}}},
    {"runtime", {{kRun + "a.service", "[Install]\nWantedBy=x.target\n"}}, {{"a.service"}}},
    {"etc-over-vendor",
     {{kEtc + "a.service", "[Install]\nWantedBy=x.target\n"}, {kUsr + "a.service", "[Install]\nWantedBy=y.target\n"}},
     {{"a.service"}, {"a.service", false}}},
    {"required-by", {{kEtc + "a.service", "[Install]\nRequiredBy=x.target y.target\n"}}, {{"a.service"}}},
    {"alias",
     {{kUsr + "a.service", "[Install]\nAlias=b.service c.service\nWantedBy=x.target\n"}},
     {{"a.service"}, {"b.service", false}, {"a.service"}, {"a.service", false}}},
    {"alias-of-another-kind",
     {{kEtc + "a.service", "[Install]\nAlias=b.socket\nWantedBy=x.target\n"}},
     {{"a.service"}}},
    {"alias-as-folder",
     {{kEtc + "a.service", "[Install]\nAlias=x.target.wants/a.service\n"}},
     {{"a.service"}, {"a.service", false}}},
    {"alias-as-wrong-folder", {{kEtc + "a.service", "[Install]\nAlias=x.target.wants/b.service\n"}}, {{"a.service"}}},
    {"alias-over-a-link",
     {{kEtc + "a.service", "[Install]\nAlias=b.service\n"},
      {kUsr + "c.service", "[Install]\n"},
      {kEtc + "b.service", "", kUsr + "c.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"vendor-alias",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kUsr + "b.service", "", "a.service"}},
     {{"b.service"}, {"b.service", false}}},
    {"alias-in-etc",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "b.service", "", kUsr + "a.service"}},
     {{"b.service"}, {"b.service", false}}},
    {"alias-of-own-name",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "a.service", "", kUsr + "a.service"}},
     {{"a.service"}}},
    {"alias-link-of-another-kind",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "b.socket", "", kUsr + "a.service"}},
     {{"b.socket"}, {"b.socket", false}}},
    {"instance-linked-to-template",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "t@x.service", "", kUsr + "t@.service"},
      {kEtc + "u@x.service", "", kUsr + "t@.service"},
      {kEtc + "v@x.service", "", kUsr + "t@y.service"}},
     {{"t@x.service"}, {"u@x.service"}, {"t@x.service", false}, {"u@x.service", false}}},
    {"also",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\nAlso=a.socket absent.service\n"},
      {kUsr + "a.socket", "[Install]\nWantedBy=sockets.target\nAlso=a.service\n"}},
     {{"a.service"}, {"a.socket", false}}},
    {"also-alone",
     {{kUsr + "a.service", "[Install]\nAlso=a.socket\n"}, {kUsr + "a.socket", "[Install]\nWantedBy=sockets.target\n"}},
     {{"a.service"}, {"a.service", false}}},
    {"also-masked",
     {{kUsr + "a.service", "[Install]\nAlso=b.service\nWantedBy=x.target\n"}, {kEtc + "b.service", "", "/dev/null"}},
     {{"a.service"}, {"a.service", false}}},
    {"template-without-instance", {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"}}, {{"t@.service"}}},
    {"template-into-template",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x@.target\n"}},
     {{"t@.service"}, {"t@.service", false}}},
    {"instance",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"}},
     {{"t@a.service"}, {"t@b.service"}, {"t@a.service", false}, {"t@.service", false}}},
    {"default-instance",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\nDefaultInstance=one\n"}},
     {{"t@.service"}, {"t@two.service"}, {"t@one.service", false}, {"t@.service", false}}},
    {"instance-with-own-file",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "t@a.service", "[Install]\nWantedBy=y.target\n"}},
     {{"t@a.service"}, {"t@b.service"}, {"t@a.service", false}}},
    {"template-known-by-its-instances",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"},
      {kUsr + "u@.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "y.target.wants/t@a.service", "", kEtc + "elsewhere.service"},
      {kUsr + "y.target.wants/u@a.service", "", kEtc + "elsewhere.service"},
      {kEtc + "u@b.service", "", kEtc + "elsewhere.service"}},
     {{"t@.service", false}, {"u@.service", false}}},
    {"hidden-names",
     {{kEtc + "a.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "b.service", "[Install]\nWantedBy=x.target\n"},
      {kRun + "a.service", "", "/opt/c.service"},
      {kRun + "x.target.wants/b.service", "", "/opt/c.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"instance-aliases",
     {{kUsr + "t@.service", "[Install]\nAlias=u@.service\nAlias=v@%i.service\n"}},
     {{"t@a.service"}, {"t@.service"}, {"t@a.service", false}}},
    {"specifiers",
     {{kUsr + "t-u@.service",
       "[Install]\nWantedBy=%p.target x-%i.target %j.target\nAlias=w@%i.service\nAlso=%p.socket\n"},
      {kUsr + "t-u.socket", "[Install]\nWantedBy=%N.target\n"}},
     {{"t-u@a.service"}, {"t-u@a.service", false}}},
    {"static", {{kEtc + "a.service", "[Service]\n"}}, {{"a.service"}, {"a.service", false}}},
    {"static-with-empty-section", {{kEtc + "a.service", "[Install]\n"}}, {{"a.service"}}},
    {"masked",
     {{kEtc + "a.service", "", "/dev/null"}, {kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}},
     {{"a.service"}, {"a.service", false}}},
    {"masked-at-runtime",
     {{kRun + "a.service", "", "/dev/null"}, {kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}},
     {{"a.service"}}},
    {"empty-file-masks", {{kEtc + "a.service", ""}}, {{"a.service"}, {"a.service", false}}},
    {"linked",
     {{"/opt/a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "a.service", "", "/opt/a.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"linked-under-another-name",
     {{"/opt/b.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "a.service", "", "/opt/b.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"linked-at-runtime",
     {{"/opt/a.service", "[Install]\nWantedBy=x.target\n"}, {kRun + "a.service", "", "/opt/a.service"}},
     {{"a.service"}}},
    {"dangling-alias", {{kEtc + "a.service", "", "b.service"}}, {{"a.service"}, {"a.service", false}}},
    {"dangling-link", {{kEtc + "a.service", "", "/opt/a.service"}}, {{"a.service"}, {"a.service", false}}},
    {"circle",
     {{kEtc + "a.service", "", "b.service"}, {kEtc + "b.service", "", "a.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"absent", {}, {{"absent.service"}, {"absent.service", false}}},
    {"links-without-unit", {{kEtc + "x.target.wants/a.service", "", kEtc + "a.service"}}, {{"a.service", false}}},
    {"drop-in-adds",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "a.service.d/10.conf", "[Install]\nWantedBy=y.target\nAlias=b.service\n"}},
     {{"a.service"}, {"a.service", false}}},
    {"drop-in-takes-back",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "a.service.d/20.conf", "[Install]\nWantedBy=\nWantedBy=z.target\n"},
      {kUsr + "a.service.d/20.conf", "[Install]\nWantedBy=hidden.target\n"},
      {kUsr + "a.service.d/30.txt", "[Install]\nWantedBy=txt.target\n"}},
     {{"a.service"}}},
    {"drop-in-of-template",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"},
      {kEtc + "t@.service.d/10.conf", "[Install]\nWantedBy=y.target\n"},
      {kEtc + "t@a.service.d/20.conf", "[Install]\nWantedBy=z.target\n"}},
     {{"t@a.service"}, {"t@b.service"}, {"t@.service", false}}},
    {"only-a-drop-in", {{kEtc + "a.service.d/10.conf", "[Install]\nWantedBy=y.target\n"}}, {{"a.service"}}},
    {"enabled-by-hand-elsewhere",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kUsr + "x.target.wants/a.service", "", "../a.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"enabled-by-a-foreign-name",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "z.service", "", kUsr + "a.service"}},
     {{"a.service", false}}},
    {"enabled-at-runtime",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"},
      {kRun + "x.target.wants/a.service", "", kUsr + "a.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"static-instance-in-vendor-folder",
     {{kUsr + "t@.service", "[Install]\nWantedBy=x.target\n"},
      {kUsr + "x.target.wants/t@a.service", "", "../t@.service"}},
     {{"t@a.service"}, {"t@a.service", false}}},
    {"kept-neighbours",
     {{kUsr + "a.service", "[Install]\nWantedBy=x.target\n"}, {kUsr + "b.service", "[Install]\nWantedBy=x.target\n"}},
     {{"a.service"}, {"b.service"}, {"a.service", false}}},
    {"relative-links",
     {{kEtc + "a.service", "[Install]\nWantedBy=x.target\n"}, {kEtc + "x.target.wants/a.service", "", "../a.service"}},
     {{"a.service"}, {"a.service", false}}},
    {"odd-text",
     {{kEtc + "a.service",
       "\xef\xbb\xbf[Unit]\nWantedBy=no.target\n[Install]\n WantedBy = \\\n# between\n x.target \\\n "
       "'y.target'\nRequiredBy"
       "=\"r.target\"\n junk\nwantedby=no.target\n"}},
     {{"a.service"}}},
    {"timer-socket-path-target-mount",
     {{kEtc + "a.timer", "[Install]\nWantedBy=timers.target\n"},
      {kEtc + "a.socket", "[Install]\nWantedBy=sockets.target\n"},
      {kEtc + "a.path", "[Install]\nWantedBy=paths.target\n"},
      {kEtc + "a.target", "[Install]\nWantedBy=multi-user.target\n"},
      {kEtc + "var-lib-a.mount", "[Install]\nWantedBy=local-fs.target\nAlias=b.mount\n"}},
     {{"a.timer"}, {"a.socket"}, {"a.path"}, {"a.target"}, {"var-lib-a.mount"}, {"a.timer", false}}},
    {"wanted-by-nonsense", {{kEtc + "a.service", "[Install]\nWantedBy=nonsense x.target\n"}}, {{"a.service"}}},
};

class AgainstSystemctl : public ::testing::TestWithParam<Shape> {};

TEST_P(AgainstSystemctl, LeavesTheSameTreeAndWords) {
  compare(GetParam(), false);
  compare(GetParam(), true);
}

TEST(AgainstSystemctlToo, HasShapesEnough) { EXPECT_EQ(kShapes.size(), 55u); }

INSTANTIATE_TEST_SUITE_P(Shapes, AgainstSystemctl, ::testing::ValuesIn(kShapes), [](const auto& of) {
  auto name = of.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
});

// Random trees and wishes.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Shape shape(unsigned seed) {
    Shape out = {.name = fmt::format("seed {}", seed)};
    std::set<std::string> taken;
    const auto put = [&](Entry entry) {
      if (taken.insert(entry.path).second) out.tree.push_back(std::move(entry));
    };
    for (int i = below(6) + 1; i > 0; --i) put(file());
    for (int i = below(3); i > 0; --i) put(link());
    for (int i = below(3); i > 0; --i)
      put({directory() + unit() + ".d/" + pick({"10", "20"}) + ".conf", install(), ""});
    for (int i = below(5) + 2; i > 0; --i) out.wishes.push_back({unit(), below(3) != 0});
    return out;
  }

 private:
  int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  std::string pick(const std::vector<std::string>& from) {
    return from[static_cast<std::size_t>(below(static_cast<int>(from.size())))];
  }
  std::string directory() { return pick({kEtc, kEtc, kEtc, kUsr, kUsr, kLocal, kRun}); }
  std::string unit() {
    return pick({"a.service", "b.service", "c.service", "a.socket", "b.timer", "t@.service", "t@x.service",
                 "t@y.service", "u@.service", "u@x.service", "m.mount"});
  }
  std::string target() { return pick({"x.target", "y.target", "x@.target", "x@%i.target", "%p.target"}); }
  std::string install() {
    std::string out = "[Install]\n";
    if (below(4) != 0) out += "WantedBy=" + target() + "\n";
    if (below(5) == 0) out += "RequiredBy=" + target() + " " + target() + "\n";
    if (below(4) == 0) out += "Alias=" + pick({unit(), "u@%i.service", "z.service"}) + "\n";
    if (below(4) == 0) out += "Also=" + unit() + "\n";
    if (below(3) == 0) out += "DefaultInstance=" + pick({"x", "y", "z"}) + "\n";
    if (below(8) == 0) out += "WantedBy=\n";
    return out;
  }
  Entry file() {
    const int kind = below(10);
    return {directory() + unit(), kind == 0 ? "" : kind == 1 ? "[Service]\n" : install(), ""};
  }
  Entry link() {
    const auto name = unit();
    switch (below(4)) {
      case 0: return {directory() + name, "", "/dev/null"};
      case 1: {
        // Of circles and unfit names systemctl, unlike systemd, makes errors even for units that have nothing to do
        // with them.
        const auto other = unit();
        const auto from = std::min(name, other), to = std::max(name, other);
        return {directory() + from, "", from != to && is_alias_fit(from, to) ? to : "/dev/null"};
      }
      case 2: return {directory() + "x.target.wants/" + name, "", directory() + unit()};
      default: return {directory() + name, "", "/opt/" + unit()};
    }
  }

  std::mt19937 random_;
};

// GNA_SEEDS asks for more than fit into everyday's run.
unsigned seeds() {
  const char* text = std::getenv("GNA_SEEDS");
  return text == nullptr ? 40 : static_cast<unsigned>(std::stoul(text));
}

TEST(AgainstSystemctlToo, AgreesOnRandomTrees) {
  for (unsigned seed = 1; seed <= seeds() && !HasFailure(); ++seed) compare(Generator(seed).shape(seed), seed % 2 == 0);
}

}  // namespace
}  // namespace gna::systemd
