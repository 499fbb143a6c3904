// A small HTTP server, with TLS or without, on a port of its own; and certificates made on the spot.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gna::support {

struct Certificate {
  std::string certificate_pem = {};
  std::string key_pem = {};
};

// A private certificate authority.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(Authority&&) noexcept;

  std::string pem() const;
  // `names`: host names and IP addresses. Validity in seconds from now; negative ones are past.
  Certificate issue(const std::vector<std::string>& names, std::chrono::seconds from = std::chrono::hours(-1),
                    std::chrono::seconds until = std::chrono::hours(24)) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct HttpRequest {
  std::string method = {};
  std::string target = {};
  std::map<std::string, std::string> headers = {};  // names in lower case
};

struct HttpReply {
  int status = 200;
  std::string body = {};
  std::map<std::string, std::string> headers = {};
};

// Where the server stops talking.
enum class Silence { never, after_accept, after_handshake, amid_body };

struct ServerOptions {
  bool tls = true;
  Certificate certificate = {};
  std::string client_ca_pem = {};  // given: only who has a certificate of this authority gets in
  bool only_tls_1_1 = false;
  Silence silence = Silence::never;
  std::string raw = {};  // sent as it is instead of an answer
};

class TlsServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;
  TlsServer(ServerOptions options, Handler handler);
  ~TlsServer();

  std::uint16_t port() const;
  // "https://127.0.0.1:PORT/x"
  std::string url(const std::string& target = "/", const std::string& host = "127.0.0.1") const;
  std::vector<HttpRequest> requests() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// An address where nobody answers, not even with a refusal: a listener whose queue is full.
class BlackHole {
 public:
  BlackHole();
  ~BlackHole();
  std::uint16_t port() const { return port_; }

 private:
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
};

}  // namespace gna::support
