// One HTTP GET, over TLS or not, with its own trust and its own deadline.
//
// Each call opens a connection and closes it: nothing is shared between calls, so no call's roots reach
// another. Beast and OpenSSL stay in client.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"

namespace gna::http {

// Whom to trust: with certificates given they alone count, without any the system's do (SSL_CERT_FILE,
// else the first bundle of the usual places). TLS 1.2 or later; names are always checked.
struct Trust {
  std::vector<std::string> ca_pem = {};  // each may hold several certificates
  bool operator==(const Trust&) const = default;
};

struct Request {
  std::string url = {};  // http:// or https://; user-info in it is never sent nor printed
  Trust trust = {};
  int redirects = 10;                // followed at most; 0: the 3xx itself is the answer
  std::size_t body_limit_bytes = 0;  // 0: the answer ends with its header, the body is not read
  // Name and value; not sent along with a redirect, which may lead to somebody else.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // PEM, both or none: shown to a server that asks with whom it speaks. Not shown after a redirect either.
  std::string certificate_pem = {}, key_pem = {};
};

struct Response {
  int status = 0;
  std::string body = {};
  std::string url = {};                      // whose answer it is, after redirects
  std::vector<std::string> challenges = {};  // WWW-Authenticate
};

// Any status is an answer, not an error. Proxies are not asked: neither environment nor settings.
// A name with several addresses: each gets its share of the time that is left, so one black hole
// among them does not take it all.
//
// Errors: InvalidArgument (URL, PEM), Unavailable (name, connection, TLS, certificate), DeadlineExceeded,
//         Corrupt (no HTTP, or a body over the limit).
// Threads: from any.
Result<Response> get(const Request& request, Deadline by);

struct Url {
  bool tls = false;
  std::string host = {};    // without brackets
  std::string port = {};    // digits, never empty
  std::string target = {};  // path and query, begins with '/'
  std::string text() const;
  bool operator==(const Url&) const = default;
};
// Errors: InvalidArgument; the message does not repeat the URL, which may hold a password.
Result<Url> parse_url(std::string_view text);
// A Location header against the URL it came from.
Result<Url> resolve(const Url& base, std::string_view location);

}  // namespace gna::http
