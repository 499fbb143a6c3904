#include "tests/support/tls_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cctype>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace gna::support {

namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;

template <typename T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, decltype([](T* pointer) { Free(pointer); })>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using X509Pointer = Owned<X509, X509_free>;

template <typename Write>
std::string as_pem(Write write) {
  BIO* out = BIO_new(BIO_s_mem());
  write(out);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  std::string pem(bytes, static_cast<std::size_t>(size));
  BIO_free(out);
  return pem;
}

std::string pem_of(X509* certificate) {
  return as_pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  if (extension == nullptr) throw std::runtime_error("certificate extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Pointer blank_certificate(EVP_PKEY* key, const std::string& name, std::chrono::seconds from,
                              std::chrono::seconds until) {
  static long serial = 0;
  X509Pointer certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until.count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

bool is_address(const std::string& name) {
  in6_addr parsed;
  return ::inet_pton(AF_INET, name.c_str(), &parsed) == 1 || ::inet_pton(AF_INET6, name.c_str(), &parsed) == 1;
}

int listen_on_loopback(int backlog) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, backlog) != 0)
    throw std::runtime_error("listen on loopback");
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

struct Authority::State {
  Key key;
  X509Pointer certificate;
};

Authority::Authority(const std::string& name) : state_(std::make_unique<State>()) {
  state_->key.reset(EVP_EC_gen("P-256"));
  state_->certificate =
      blank_certificate(state_->key.get(), name, std::chrono::hours(-24 * 30), std::chrono::hours(24 * 30));
  X509* certificate = state_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
  X509_sign(certificate, state_->key.get(), EVP_sha256());
}

Authority::~Authority() = default;
Authority::Authority(Authority&&) noexcept = default;

std::string Authority::pem() const { return pem_of(state_->certificate.get()); }

Certificate Authority::issue(const std::vector<std::string>& names, std::chrono::seconds from,
                             std::chrono::seconds until) const {
  const Key key(EVP_EC_gen("P-256"));
  const auto certificate = blank_certificate(key.get(), names.front(), from, until);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(state_->certificate.get()));
  std::string alternatives;
  for (const auto& name : names)
    alternatives += (alternatives.empty() ? "" : ",") + std::string(is_address(name) ? "IP:" : "DNS:") + name;
  add_extension(certificate.get(), state_->certificate.get(), NID_subject_alt_name, alternatives);
  X509_sign(certificate.get(), state_->key.get(), EVP_sha256());
  return {.certificate_pem = pem_of(certificate.get()),
          .key_pem = as_pem(
              [&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

// Connections are served by a thread each, with blocking calls; the end shuts their sockets down.
struct TlsServer::State {
  ServerOptions options;
  Handler handler;
  int listener = -1;
  std::thread acceptor;
  std::mutex mutex;  // guards the rest
  bool stopping = false;
  std::set<int> connections;
  std::vector<std::thread> threads;
  std::vector<HttpRequest> requests;

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex);
      if (stopping) {
        ::close(fd);
        return;
      }
      connections.insert(fd);
      threads.emplace_back([this, fd] {
        try {
          serve(fd);
        } catch (const std::exception&) {  // the client went away: its test says what it expects
        }
        const std::lock_guard ending(mutex);
        connections.erase(fd);
      });
    }
  }

  void serve(int fd) {
    asio::io_context loop;
    tcp::socket socket(loop, tcp::v4(), fd);
    if (options.silence == Silence::after_accept) return hold(fd);
    if (!options.tls) return answer(socket, fd);
    asio::ssl::context context(asio::ssl::context::tls_server);
    context.use_certificate_chain(asio::buffer(options.certificate.certificate_pem));
    context.use_private_key(asio::buffer(options.certificate.key_pem), asio::ssl::context::pem);
    if (!options.client_ca_pem.empty()) {
      context.add_certificate_authority(asio::buffer(options.client_ca_pem));
      context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    if (options.only_tls_1_1) {
      SSL_CTX_set_security_level(context.native_handle(), 0);
      SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_1_VERSION);
      SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
    }
    asio::ssl::stream<tcp::socket&> stream(socket, context);
    stream.handshake(asio::ssl::stream_base::server);
    if (options.silence == Silence::after_handshake) return hold(fd);
    answer(stream, fd);
    boost::system::error_code ignored;
    stream.shutdown(ignored);
  }

  template <typename Stream>
  void answer(Stream& stream, int fd) {
    boost::beast::flat_buffer buffer;
    bhttp::request<bhttp::string_body> request;
    bhttp::read(stream, buffer, request);
    HttpRequest seen{.method = std::string(request.method_string()), .target = std::string(request.target())};
    for (const auto& field : request) {
      std::string name(field.name_string());
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
      seen.headers[name] = std::string(field.value());
    }
    {
      const std::lock_guard lock(mutex);
      requests.push_back(seen);
    }
    if (!options.raw.empty()) {
      asio::write(stream, asio::buffer(options.raw));
      return;
    }
    const HttpReply reply = handler(seen);
    bhttp::response<bhttp::string_body> response;
    response.version(11);
    response.result(static_cast<unsigned>(reply.status));
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.keep_alive(false);
    response.content_length(reply.body.size());
    if (seen.method != "HEAD") response.body() = reply.body;
    if (options.silence == Silence::amid_body) {
      response.content_length(reply.body.size() + 1);
      bhttp::response_serializer<bhttp::string_body> serializer(response);
      boost::system::error_code ignored;
      bhttp::write(stream, serializer, ignored);
      return hold(fd);
    }
    bhttp::response_serializer<bhttp::string_body> serializer(response);
    bhttp::write(stream, serializer);
  }

  // Until the client goes or the server ends.
  static void hold(int fd) {
    char byte = 0;
    while (::recv(fd, &byte, 1, 0) > 0) {
    }
  }
};

TlsServer::TlsServer(ServerOptions options, Handler handler) : state_(std::make_shared<State>()) {
  state_->options = std::move(options);
  state_->handler = std::move(handler);
  state_->listener = listen_on_loopback(64);
  state_->acceptor = std::thread([state = state_.get()] { state->accept_all(); });
}

TlsServer::~TlsServer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    for (const int fd : state_->connections) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(state_->listener, SHUT_RDWR);
  state_->acceptor.join();
  for (auto& thread : state_->threads) thread.join();
  ::close(state_->listener);
}

std::uint16_t TlsServer::port() const { return port_of(state_->listener); }

std::string TlsServer::url(const std::string& target, const std::string& host) const {
  return (state_->options.tls ? "https://" : "http://") + host + ":" + std::to_string(port()) + target;
}

std::vector<HttpRequest> TlsServer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

BlackHole::BlackHole() {
  sockets_.push_back(listen_on_loopback(0));
  port_ = port_of(sockets_.front());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  // More than fit into the queue: from then on the kernel drops what comes.
  for (int i = 0; i < 4; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    sockets_.push_back(fd);
  }
}

BlackHole::~BlackHole() {
  for (const int fd : sockets_) ::close(fd);
}

}  // namespace gna::support
