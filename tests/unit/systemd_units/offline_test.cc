#include "backends/systemd/offline.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_root.h"

namespace gna::systemd {
namespace {

class Offline : public ::testing::Test {
 protected:
  std::string link(std::string_view path) const { return std::filesystem::read_symlink(tree_.on_host(path)).string(); }
  std::string word(const std::string& unit) const { return units_->status({unit}, {}).value().at(unit).enablement; }

  support::TempRoot tree_;
  fs::RootFs root_ = fs::RootFs::open(tree_.path().string()).value();
  std::unique_ptr<UnitManager> units_ = make_offline_unit_manager(root_);
};

// systemctl of version 252 doesn't know it, so there is nothing to compare with.
TEST_F(Offline, WritesUpheldBy) {
  tree_.write("/etc/systemd/system/a.service", "[Install]\nUpheldBy=x.target\n");
  EXPECT_EQ(word("a.service"), "disabled");
  ASSERT_TRUE(units_->enable("a.service", {}));
  EXPECT_EQ(link("/etc/systemd/system/x.target.upholds/a.service"), "/etc/systemd/system/a.service");
  EXPECT_EQ(word("a.service"), "enabled");
  ASSERT_TRUE(units_->disable("a.service", {}));
  EXPECT_FALSE(tree_.exists("/etc/systemd/system/x.target.upholds"));
}

TEST_F(Offline, TellsWhatIsNotThereFromWhatMayNotBe) {
  tree_.write("/usr/lib/systemd/system/empty.service", "");
  EXPECT_EQ(units_->enable("nope.service", {}).error().code, Code::NotFound);
  EXPECT_EQ(units_->enable("empty.service", {}).error().code, Code::Conflict);
  EXPECT_EQ(units_->enable("no-name", {}).error().code, Code::InvalidArgument);
  EXPECT_TRUE(units_->disable("nope.service", {}));
}

TEST_F(Offline, LeavesAForeignFileWhereALinkShouldGo) {
  tree_.write("/etc/systemd/system/a.service", "[Install]\nAlias=b.service\nWantedBy=x.target\n");
  tree_.write("/etc/systemd/system/b.service", "[Service]\n");
  EXPECT_EQ(units_->enable("a.service", {}).error().code, Code::Conflict);
  EXPECT_EQ(tree_.read("/etc/systemd/system/b.service"), "[Service]\n");
  EXPECT_EQ(link("/etc/systemd/system/x.target.wants/a.service"), "/etc/systemd/system/a.service");
}

TEST_F(Offline, TouchesNothingTheSecondTime) {
  tree_.write("/usr/lib/systemd/system/a.service", "[Install]\nWantedBy=x.target\n");
  std::filesystem::create_directory_symlink("usr/lib", tree_.on_host("/lib"));
  // As a systemd with the other default would have written it.
  std::filesystem::create_directories(tree_.on_host("/etc/systemd/system/x.target.wants"));
  std::filesystem::create_symlink("/lib/systemd/system/a.service",
                                  tree_.on_host("/etc/systemd/system/x.target.wants/a.service"));
  ASSERT_TRUE(units_->enable("a.service", {}));
  EXPECT_EQ(link("/etc/systemd/system/x.target.wants/a.service"), "/lib/systemd/system/a.service");
}

// systemctl of version 252 gives the whole unit up, as there is no /dev/null in most trees.
TEST_F(Offline, TakesADropInOutThatIsMasked) {
  tree_.write("/usr/lib/systemd/system/a.service", "[Install]\nWantedBy=x.target\n");
  tree_.write("/usr/lib/systemd/system/a.service.d/20.conf", "[Install]\nWantedBy=y.target\n");
  std::filesystem::create_directories(tree_.on_host("/etc/systemd/system/a.service.d"));
  std::filesystem::create_symlink("/dev/null", tree_.on_host("/etc/systemd/system/a.service.d/20.conf"));
  ASSERT_TRUE(units_->enable("a.service", {}));
  EXPECT_TRUE(tree_.exists("/etc/systemd/system/x.target.wants/a.service"));
  EXPECT_FALSE(tree_.exists("/etc/systemd/system/y.target.wants"));
}

TEST_F(Offline, RunsNothingAndSaysSo) {
  EXPECT_FALSE(units_->live());
  std::vector<std::size_t> ended;
  const std::vector<JobRequest> jobs = {{"a.service"}, {"b.service", plan::Job::stop}};
  units_->run(jobs,
              [&](std::size_t i, Result<void> result) {
                EXPECT_TRUE(result);
                ended.push_back(i);
              },
              {});
  EXPECT_EQ(ended, (std::vector<std::size_t>{0, 1}));
  EXPECT_TRUE(units_->reload({}));
}

}  // namespace
}  // namespace gna::systemd
