#include "provision/ca_bundle.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>

namespace gna::provision {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(char* text) const { OPENSSL_free(text); }
  void operator()(unsigned char* bytes) const { OPENSSL_free(bytes); }
};

int blocks_begun(std::string_view pem) {
  int count = 0;
  for (auto at = pem.find("-----BEGIN "); at != std::string_view::npos; at = pem.find("-----BEGIN ", at + 1)) ++count;
  return count;
}

std::optional<std::int64_t> unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return ::timegm(&parts);
}

Result<void> count(const unsigned char* der, long length, CaBundle& into) {
  const auto* end = der + length;
  const std::unique_ptr<X509, Free> certificate(d2i_X509(nullptr, &der, length));
  if (certificate && der == end) {
    const auto from = unix_time(X509_get0_notBefore(certificate.get()));
    const auto to = unix_time(X509_get0_notAfter(certificate.get()));
    if (from && to) {
      into.not_before = std::max(into.not_before, *from);
      into.not_after = std::min(into.not_after, *to);
      ++into.certificates;
      return {};
    }
  }
  return fail(Code::InvalidArgument, "holds a certificate that cannot be read");
}

}  // namespace

Result<CaBundle> check_ca_bundle(std::string_view pem) {
  if (pem.contains('\0')) return fail(Code::InvalidArgument, "is no PEM");
  if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return fail(Code::InvalidArgument, "is too large");
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  CaBundle out{.not_after = std::numeric_limits<std::int64_t>::max()};
  while (true) {
    char *raw_name = nullptr, *raw_header = nullptr;
    unsigned char* raw_data = nullptr;
    long length = 0;
    if (PEM_read_bio(bio.get(), &raw_name, &raw_header, &raw_data, &length) != 1) break;
    const std::unique_ptr<char, Free> name(raw_name), header(raw_header);
    const std::unique_ptr<unsigned char, Free> data(raw_data);
    // Go's reader passes over what has another name, or a header: it would not count there.
    if (std::string_view(name.get()) != "CERTIFICATE" || *header != '\0')
      return fail(Code::InvalidArgument, "holds something else than certificates");
    GNA_TRY(count(data.get(), length, out));
  }
  ERR_clear_error();
  if (out.certificates == 0) return fail(Code::InvalidArgument, "holds no PEM certificate");
  if (out.certificates != blocks_begun(pem))
    return fail(Code::InvalidArgument, "holds a PEM block that cannot be read");
  return out;
}

}  // namespace gna::provision
