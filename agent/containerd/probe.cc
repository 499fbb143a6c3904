#include "agent/containerd/probe.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/http/client.h"

namespace gna::containerd {

namespace {

using Clock = std::chrono::steady_clock;

// Enough for every host of a node at once; a document with thousands of them starts no thousands of threads.
constexpr std::size_t kThreads = 16;

http::Request request_for(const Question& question) {
  http::Request request;
  // As containerd reads it: a scheme that is left out is https.
  request.url = question.url.find("://") == std::string::npos ? "https://" + question.url : question.url;
  request.trust.ca_pem = question.ca_pem;
  request.certificate_pem = question.certificate_pem;
  request.key_pem = question.key_pem;
  return request;
}

observed::Mirror ask(const Question& question, const ReadCa& read_ca, std::mutex& reading,
                     std::chrono::milliseconds per_request, Deadline by) {
  http::Request request = request_for(question);
  for (const auto& path : question.ca_paths) {
    const std::lock_guard lock(reading);
    auto pem = read_ca(path);
    if (!pem) return {.error = std::move(pem.error()).with("CA " + path).message};
    request.trust.ca_pem.push_back(std::move(*pem));
  }
  const auto start = Clock::now();
  const auto answer = http::get(request, std::min<Deadline>(by, start + per_request));
  observed::Mirror mirror;
  mirror.latency = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  if (!answer)
    mirror.error = answer.error().message;
  else if (!status_is_ready(answer->status))
    mirror.error = "answered with status " + std::to_string(answer->status);
  mirror.reachable = mirror.error.empty();
  return mirror;
}

}  // namespace

bool status_is_ready(int status) {
  if (status >= 200 && status < 300) return true;
  return status >= 400 && status < 500 && status != 408 && status != 429;
}

std::map<std::string, observed::Mirror> probe(const std::vector<Question>& questions, const ReadCa& read_ca,
                                              std::chrono::milliseconds per_request, Deadline by) {
  std::vector<observed::Mirror> answers(questions.size());
  std::atomic<std::size_t> next = 0;
  std::mutex reading;  // guards read_ca
  const auto work = [&] {
    for (std::size_t i = next++; i < questions.size(); i = next++)
      answers[i] = ask(questions[i], read_ca, reading, per_request, by);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kThreads, questions.size()); ++i) threads.emplace_back(work);
  }
  std::map<std::string, observed::Mirror> by_key;
  for (std::size_t i = 0; i < questions.size(); ++i) by_key[questions[i].key] = std::move(answers[i]);
  return by_key;
}

}  // namespace gna::containerd
