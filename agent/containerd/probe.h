// Do mirrors answer?
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gna/base/deadline.h"
#include "gna/base/result.h"
#include "gna/observed/state.h"

namespace gna::containerd {

// One mirror host, with everything that the question needs.
struct Question {
  std::string key = {};                            // of the answer: observed::mirror_key()
  std::string url = {};                            // as hosts.toml has it; https:// where the scheme is left out
  std::vector<std::string> ca_paths = {};          // read by the callback
  std::vector<std::string> ca_pem = {};            // bytes that may not be on disk yet
  std::string certificate_pem = {}, key_pem = {};  // for a host that wants a client certificate
  bool operator==(const Question&) const = default;
};

using ReadCa = std::function<Result<std::string>(const std::string& path)>;

// Asks each host once, side by side, GET of its URL, each with TLS roots of its own: with CAs given these
// alone count, otherwise the system's. An unreadable CA file is "not reachable", with the reason.
//
// Ready:     2xx, redirects that lead there, 401 and other 4xx (a registry that wants a token, or has
//            nothing at this path, does answer).
// Not ready: 5xx, 408 and 429 ("not now"), a redirect that leads nowhere, and no answer at all.
//
// Every question has an answer, also when the deadline cuts it short.
// Threads: asks from threads of its own; `read_ca` is called from one at a time.
std::map<std::string, observed::Mirror> probe(const std::vector<Question>& questions, const ReadCa& read_ca,
                                              std::chrono::milliseconds per_request, Deadline by);

// Is this the status of a mirror that serves?
bool status_is_ready(int status);

}  // namespace gna::containerd
