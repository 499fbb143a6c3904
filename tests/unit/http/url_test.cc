#include <gtest/gtest.h>

#include "agent/http/client.h"

namespace gna::http {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* wanted;  // nullptr: refused
};

class ParseUrl : public testing::TestWithParam<Case> {};

TEST_P(ParseUrl, GivesTheUsualForm) {
  const auto url = parse_url(GetParam().text);
  if (GetParam().wanted == nullptr) {
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().code, Code::InvalidArgument);
    return;
  }
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->text(), GetParam().wanted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ParseUrl,
    testing::Values(Case{"Bare", "https://a.example", "https://a.example/"},
                    Case{"UsualPortIsLeftOut", "https://a.example:443/v2", "https://a.example/v2"},
                    Case{"PlainWithPort", "http://a.example:5000/v2/", "http://a.example:5000/v2/"},
                    Case{"QueryWithoutPath", "https://a.example?x=/y", "https://a.example/?x=/y"},
                    Case{"FragmentStaysHere", "https://a.example/x#y", "https://a.example/x"},
                    Case{"SchemeInAnyCase", "HTTPS://a.example/", "https://a.example/"},
                    Case{"IPv6", "https://[fd00::1]:5000/v2", "https://[fd00::1]:5000/v2"},
                    Case{"UserInfoIsDropped", "https://user:p@ss@a.example/", "https://a.example/"},
                    Case{"EmptyPortIsTheUsual", "https://a.example:/x", "https://a.example/x"},
                    Case{"NoScheme", "a.example/v2", nullptr}, Case{"OtherScheme", "ftp://a.example", nullptr},
                    Case{"NoHost", "https:///v2", nullptr}, Case{"OnlyUserInfo", "https://user@/v2", nullptr},
                    Case{"PortZero", "https://a.example:0", nullptr},
                    Case{"PortTooLarge", "https://a.example:65536", nullptr},
                    Case{"PortWithLetters", "https://a.example:50x0", nullptr},
                    Case{"OpenBracket", "https://[fd00::1", nullptr},
                    Case{"TextBehindBracket", "https://[fd00::1]x/", nullptr},
                    Case{"LineBreak", "https://a.example/\r\nX: y", nullptr},
                    Case{"Blank", "https://a.example/a b", nullptr}, Case{"Empty", "", nullptr}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ParseUrl, NeverRepeatsAPassword) {
  const auto url = parse_url("ftp://user:verysecret@a.example:99999/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().message.find("verysecret"), std::string::npos);
}

struct Move {
  const char* name;
  const char* location;
  const char* wanted;
};

class Resolve : public testing::TestWithParam<Move> {};

TEST_P(Resolve, AgainstTheUrlItCameFrom) {
  const auto base = parse_url("https://a.example:8443/x/y?q=1");
  ASSERT_TRUE(base);
  const auto url = resolve(*base, GetParam().location);
  if (GetParam().wanted == nullptr) {
    EXPECT_FALSE(url);
    return;
  }
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->text(), GetParam().wanted);
}

INSTANTIATE_TEST_SUITE_P(Table, Resolve,
                         testing::Values(Move{"Whole", "http://b.example/z", "http://b.example/z"},
                                         Move{"OtherHostSameScheme", "//b.example/z", "https://b.example/z"},
                                         Move{"FromTheRoot", "/v2/", "https://a.example:8443/v2/"},
                                         Move{"Beside", "z?t=2", "https://a.example:8443/x/z?t=2"},
                                         Move{"Above", "../z", "https://a.example:8443/z"},
                                         Move{"NeverAboveTheRoot", "../../../z", "https://a.example:8443/z"},
                                         Move{"OnlyAQuery", "?t=2", "https://a.example:8443/x/y?t=2"},
                                         Move{"Dot", ".", "https://a.example:8443/x/"},
                                         Move{"QueryWithAUrlInIt", "/login?back=https://b.example/",
                                              "https://a.example:8443/login?back=https://b.example/"},
                                         Move{"OtherScheme", "ftp://b.example/", nullptr},
                                         Move{"Nothing", "", nullptr}),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace gna::http
