#include "agent/cli/masking.h"

#include <gtest/gtest.h>

#include "gna/base/digest.h"

namespace gna::cli {
namespace {

const Masker kMasker("a key of this run");
const std::string kPem = "-----BEGIN EC PRIVATE KEY-----\nMARKERMARKER\nAAAA\n-----END EC PRIVATE KEY-----";

struct Case {
  std::string name;
  std::string text;
  std::string shown;  // "#" stands for a mark
};

// Each mark as "#", so that a case can be read.
std::string marks_as_hash(std::string text) {
  for (std::size_t at = 0; (at = text.find("<secret ", at)) != std::string::npos; ++at) {
    EXPECT_EQ(text.substr(at + 16, 1), ">") << text;
    text.replace(at, 17, "#");
  }
  return text;
}

class Masking : public ::testing::TestWithParam<Case> {};

TEST_P(Masking, ShowsWhatIsNoSecretAndNothingElse) {
  const auto masked = kMasker.text(GetParam().text);
  EXPECT_EQ(marks_as_hash(masked), GetParam().shown);
}

TEST_P(Masking, TwiceIsOnce) {
  const auto once = kMasker.text(GetParam().text);
  EXPECT_EQ(kMasker.text(once), once);
}

INSTANTIATE_TEST_SUITE_P(
    All, Masking,
    ::testing::Values(
        Case{"Empty", "", ""}, Case{"PlainText", "port: 10250\n", "port: 10250\n"},
        Case{"PrivateKey", "key: |\n" + kPem + "\nafter", "key: |\n#\nafter"},
        Case{"Pkcs8", "-----BEGIN PRIVATE KEY-----\nMARKER\n-----END PRIVATE KEY-----\n", "#\n"},
        Case{"TwoKeys", kPem + "\nbetween\n" + kPem, "#\nbetween\n#"},
        Case{"KeyCutShort", "a\n-----BEGIN RSA PRIVATE KEY-----\nMARKER", "a\n#"},
        Case{"KeyOfOtherEnd", "-----BEGIN RSA PRIVATE KEY-----\nMARKER\n-----END CERTIFICATE-----\nMARKER", "#"},
        Case{"KeyInJson", R"({"key":"-----BEGIN PRIVATE KEY-----\nMARKER\n-----END PRIVATE KEY-----\n"})",
             R"({"key":"#\n"})"},
        Case{"CertificateIsNone", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
             "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"},
        Case{"PublicKeyIsNone", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
             "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"},
        Case{"BootstrapToken", "token: abcdef.0123456789abcdef\n", "token: #\n"},
        Case{"TokenInQuotes", R"(--token="abcdef.0123456789abcdef",)", R"(--token="#",)"},
        Case{"TokenAtTheEnds", "abcdef.0123456789abcdef", "#"},
        Case{"TwoTokens", "abcdef.0123456789abcdef abcdef.0123456789abcdef", "# #"},
        Case{"TokenTooLong", "abcdef.0123456789abcdef0", "abcdef.0123456789abcdef0"},
        Case{"TokenTooShort", "abcdef.0123456789abcde", "abcdef.0123456789abcde"},
        Case{"TokenWithLongerId", "xabcdef.0123456789abcdef", "xabcdef.0123456789abcdef"},
        Case{"TokenInCapitals", "ABCDEF.0123456789ABCDEF", "ABCDEF.0123456789ABCDEF"},
        Case{"UserInfo", "proxy=https://user:MARKER@host:3128/x", "proxy=https://#@host:3128/x"},
        Case{"UserAlone", "https://MARKER@host", "https://#@host"},
        Case{"UserInfoWithAt", "http://user:MAR@KER@host/", "http://#@host/"},
        Case{"UserInfoWithRawSlash", "http://user:MAR/KER@host/", "http://#@host/"},
        Case{"UserInfoInJson", R"("http:\/\/user:MARKER@host\/x")", R"("http:\/\/#@host\/x")"},
        Case{"UserInfoInToml", "[host.\"https://u:MARKER@mirror:5000\"]", "[host.\"https://#@mirror:5000\"]"},
        Case{"AtInPathIsNone", "https://registry/v2/image@sha256:1234", "https://registry/v2/image@sha256:1234"},
        Case{"AtInPathAfterPort", "https://registry:5000/v2/image@sha256:1234",
             "https://registry:5000/v2/image@sha256:1234"},
        Case{"AtInQueryIsNone", "https://host/?q=a@b", "https://host/?q=a@b"},
        Case{"Ipv6", "https://[::1]:5000/a@b", "https://[::1]:5000/a@b"},
        Case{"EmailIsNone", "mail to a@b.example", "mail to a@b.example"},
        Case{"TwoUrls", "https://a:MARKER@x,https://b:MARKER@y", "https://#@x,https://#@y"},
        Case{"Base64OfAKey", "client-key-data: " + base64_encode(kPem) + "\nnext: 1", "client-key-data: #\nnext: 1"},
        Case{"Base64OfACertificate", "ca: " + base64_encode("-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
             "ca: " + base64_encode("-----BEGIN CERTIFICATE-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAA")}),
    [](const auto& test) { return test.param.name; });

TEST(Masker, EqualSecretsHaveEqualMarksWithinARun) {
  EXPECT_EQ(kMasker.mark("x"), kMasker.mark("x"));
  EXPECT_NE(kMasker.mark("x"), kMasker.mark("y"));
}

TEST(Masker, MarksOfAnotherRunDiffer) { EXPECT_NE(Masker::for_this_run().mark("x"), Masker::for_this_run().mark("x")); }

TEST(Masker, FoldedBase64IsMaskedToItsEnd) {
  auto folded = base64_encode(kPem + std::string(60, 'x'));
  folded.insert(64, "\n    ");
  EXPECT_EQ(marks_as_hash(kMasker.text("key: |\n    " + folded + "\nnext: value of some length here\n")),
            "key: |\n    #\nnext: value of some length here\n");
}

TEST(Masker, OffShowsAll) { EXPECT_EQ(Masker::off().text(kPem), kPem); }

}  // namespace
}  // namespace gna::cli
