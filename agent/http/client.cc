#include "agent/http/client.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace gna::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// For messages: never the URL itself, which may hold a password.
std::string peer(const Url& url) { return url.host + " port " + url.port; }

std::unexpected<Error> too_late(std::string_view step) {
  return fail(Code::DeadlineExceeded, std::string(step) + ": no answer in time");
}

// The border: what Asio, Beast and OpenSSL report, as a code.
std::unexpected<Error> failed(std::string_view step, const boost::system::error_code& error) {
  if (error == beast::error::timeout || error == asio::error::timed_out || error == asio::error::operation_aborted)
    return too_late(step);
  if (error.category() == bhttp::make_error_code(bhttp::error::end_of_stream).category() &&
      error != bhttp::error::end_of_stream && error != bhttp::error::partial_message)
    return fail(Code::Corrupt, std::string(step) + ": " + error.message());
  return fail(Code::Unavailable, std::string(step) + ": " + error.message());
}

// --- names -----------------------------------------------------------------------------------------

// Asio's resolver joins the thread of a hanging getaddrinfo() and would miss the deadline by as much as the
// name server takes. This one lets go of it: the thread keeps its own share of the state and ends by itself.
struct Lookup {
  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  bool done = false;
  int error = 0;
  std::vector<tcp::endpoint> found;
};

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  std::vector<tcp::endpoint> found;
  for (const addrinfo* at = list; error == 0 && at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    tcp::endpoint endpoint;
    endpoint.resize(at->ai_addrlen);
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    endpoint.port(port);
    found.push_back(endpoint);
  }
  if (list != nullptr) ::freeaddrinfo(list);
  const std::lock_guard lock(lookup->mutex);
  lookup->error = error;
  lookup->found = std::move(found);
  lookup->done = true;
  lookup->changed.notify_all();
}

Result<std::vector<tcp::endpoint>> addresses(const Url& url, Deadline by) {
  const auto port = static_cast<std::uint16_t>(std::stoul(url.port));
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric) return std::vector{tcp::endpoint(numeric, port)};

  const auto lookup = std::make_shared<Lookup>();
  std::thread(look_up, lookup, url.host, port).detach();
  std::unique_lock lock(lookup->mutex);
  if (!lookup->changed.wait_until(lock, by, [&] { return lookup->done; })) return too_late("look up " + url.host);
  if (lookup->error != 0) return fail(Code::Unavailable, "look up " + url.host + ": " + ::gai_strerror(lookup->error));
  if (lookup->found.empty()) return fail(Code::Unavailable, "look up " + url.host + ": no address");
  return lookup->found;
}

// --- trust -----------------------------------------------------------------------------------------

Result<void> add_certificates(SSL_CTX* context, const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                        &BIO_free);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (X509* certificate = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
    ++count;
  }
  // A bundle ends with "no start line"; anything else is a certificate that cannot be read.
  const bool clean = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (count == 0) return fail(Code::InvalidArgument, "CA: no certificate in it");
  if (!clean) return fail(Code::InvalidArgument, "CA: certificate " + std::to_string(count + 1) + " cannot be read");
  return {};
}

// OpenSSL looks where the distribution it was built on keeps its bundle. gna is linked statically and runs
// on others, so it looks where they do.
void add_system_roots(SSL_CTX* context) {
  static constexpr const char* kBundles[] = {
      "/etc/ssl/certs/ca-certificates.crt",      // Debian, Ubuntu, Garden Linux, Flatcar
      "/etc/ssl/ca-bundle.pem",                  // SUSE
      "/var/lib/ca-certificates/ca-bundle.pem",  // SUSE
      "/etc/pki/tls/certs/ca-bundle.crt",        // Fedora, RHEL
  };
  const char* named = std::getenv("SSL_CERT_FILE");
  if (named != nullptr && *named != '\0') {
    SSL_CTX_load_verify_locations(context, named, nullptr);
  } else {
    for (const char* bundle : kBundles)
      if (::access(bundle, R_OK) == 0 && SSL_CTX_load_verify_locations(context, bundle, nullptr) == 1) break;
  }
  ERR_clear_error();  // none at all: each handshake then says that the issuer is unknown
}

Result<void> take_key_pair(asio::ssl::context& context, const Request& request) {
  try {
    // Otherwise OpenSSL asks the terminal for the pass phrase of a key that has one.
    context.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
    context.use_certificate_chain(asio::buffer(request.certificate_pem));
    context.use_private_key(asio::buffer(request.key_pem), asio::ssl::context::pem);
  } catch (const boost::system::system_error& error) {
    ERR_clear_error();
    return fail(Code::InvalidArgument, "client certificate and key: " + error.code().message());
  }
  return {};
}

Result<asio::ssl::context> tls_context(const Request& request) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  for (const auto& pem : request.trust.ca_pem) GNA_TRY(add_certificates(native, pem));
  if (request.trust.ca_pem.empty()) add_system_roots(native);
  if (!request.certificate_pem.empty()) GNA_TRY(take_key_pair(context, request));
  return context;
}

// --- one exchange ----------------------------------------------------------------------------------

struct Answer {
  int status = 0;
  std::string location = {};
  std::string body = {};
  std::vector<std::string> challenges = {};
};

// Runs one asynchronous operation to its end: straight code, and the stream's own timer bounds it.
template <typename Start>
boost::system::error_code wait(asio::io_context& loop, Start start) {
  boost::system::error_code outcome = asio::error::would_block;
  start([&outcome](const boost::system::error_code& error, auto&&...) { outcome = error; });
  loop.restart();
  loop.run();
  return outcome;
}

Result<void> connect(asio::io_context& loop, beast::tcp_stream& stream, const Url& url, Deadline by) {
  GNA_LET(endpoints, addresses(url, by));
  boost::system::error_code last = asio::error::timed_out;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto now = Clock::now();
    if (now >= by) break;
    stream.expires_at(now + (by - now) / static_cast<int>(endpoints.size() - i));
    last = wait(loop, [&](auto done) { stream.async_connect(endpoints[i], done); });
    if (!last) return {};
    stream.close();
  }
  return failed("connect to " + peer(url), last);
}

template <typename Stream>
Result<Answer> exchange(asio::io_context& loop, Stream& stream, const Url& url, const Request& asked) {
  const auto body_limit = asked.body_limit_bytes;
  bhttp::request<bhttp::empty_body> request(bhttp::verb::get, url.target, 11);
  const bool usual = url.port == (url.tls ? "443" : "80");
  const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  request.set(bhttp::field::host, usual ? host : host + ":" + url.port);
  request.set(bhttp::field::user_agent, "gna");
  request.set(bhttp::field::accept, "*/*");
  for (const auto& [name, value] : asked.headers) request.set(name, value);
  request.keep_alive(false);
  const std::string step = "GET from " + peer(url);
  if (const auto error = wait(loop, [&](auto done) { bhttp::async_write(stream, request, done); }))
    return failed(step, error);

  beast::flat_buffer buffer;
  bhttp::response_parser<bhttp::string_body> parser;
  if (body_limit > 0)
    parser.body_limit(body_limit);
  else
    parser.body_limit(boost::none);
  const auto error = wait(loop, [&](auto done) {
    if (body_limit > 0)
      bhttp::async_read(stream, buffer, parser, done);
    else
      bhttp::async_read_header(stream, buffer, parser, done);
  });
  // Servers that end a body without a length often leave out TLS's goodbye.
  const bool whole = parser.is_done() || (body_limit > 0 && error == asio::ssl::error::stream_truncated &&
                                          parser.is_header_done() && parser.need_eof());
  if (error && !whole) return failed(step, error);
  auto& message = parser.get();
  std::vector<std::string> challenges;
  const auto [first, last] = message.equal_range(bhttp::field::www_authenticate);
  for (auto at = first; at != last; ++at) challenges.emplace_back(at->value());
  return Answer{.status = static_cast<int>(message.result_int()),
                .location = std::string(message[bhttp::field::location]),
                .body = std::move(message.body()),
                .challenges = std::move(challenges)};
}

Result<void> shake_hands(asio::io_context& loop, beast::ssl_stream<beast::tcp_stream>& stream, const Url& url) {
  SSL* ssl = stream.native_handle();
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(url.host, not_numeric);
  if (not_numeric) {
    SSL_set_tlsext_host_name(ssl, url.host.c_str());
    SSL_set1_host(ssl, url.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.to_string().c_str());
  }
  const auto error = wait(loop, [&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); });
  if (!error) return {};
  const std::string step = "TLS with " + peer(url);
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK)
    return fail(Code::Unavailable, step + ": certificate refused: " + X509_verify_cert_error_string(verified));
  return failed(step, error);
}

Result<Answer> ask(const Url& url, const Request& request, Deadline by) {
  asio::io_context loop(1);
  if (!url.tls) {
    beast::tcp_stream stream(loop);
    GNA_TRY(connect(loop, stream, url, by));
    stream.expires_at(by);
    return exchange(loop, stream, url, request);
  }
  GNA_LET(context, tls_context(request));
  beast::ssl_stream<beast::tcp_stream> stream(loop, context);
  GNA_TRY(connect(loop, stream.next_layer(), url, by));
  stream.next_layer().expires_at(by);
  GNA_TRY(shake_hands(loop, stream, url));
  return exchange(loop, stream, url, request);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<Response> follow(Request request, Deadline by) {
  GNA_LET(url, parse_url(request.url));
  for (int hops = 0;; ++hops) {
    if (Clock::now() >= by) return too_late("GET from " + url.host);
    GNA_LET(answer, ask(url, request, by));
    if (!is_redirect(answer.status) || answer.location.empty() || hops >= request.redirects)
      return Response{.status = answer.status,
                      .body = std::move(answer.body),
                      .url = url.text(),
                      .challenges = std::move(answer.challenges)};
    auto next = resolve(url, answer.location);
    if (!next) return fail(Code::Corrupt, "redirect from " + url.host + ": " + next.error().message);
    url = std::move(*next);
    request.headers.clear();
    request.certificate_pem.clear();
    request.key_pem.clear();
  }
}

}  // namespace

Result<Response> get(const Request& request, Deadline by) {
  try {
    return follow(request, by);
  } catch (const std::exception& error) {
    return fail(Code::Unavailable, std::string("HTTP: ") + error.what());
  }
}

}  // namespace gna::http
