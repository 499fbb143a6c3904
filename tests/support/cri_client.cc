// gna-cri: what kubelet asks of a container runtime, from a command line, for tests and the demo.
//
//   gna-cri [--socket PATH] [--timeout SECONDS] version | status | list | pull IMAGE | image-status IMAGE | remove
//   IMAGE
//
// Exit 0: done; 1: the runtime says no; 2: usage; 3: image-status of an image that is not there.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "cri/runtime.grpc.pb.h"

namespace {

constexpr const char* kUsage =
    "usage: gna-cri [--socket PATH] [--timeout SECONDS] COMMAND\n"
    "commands: version, status, list, pull IMAGE, image-status IMAGE, remove IMAGE\n";

struct Runtime {
  explicit Runtime(const std::string& socket, std::chrono::seconds allowed) : timeout(allowed) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(16 << 20);
    const auto channel = grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    runtime = runtime::v1::RuntimeService::NewStub(channel);
    images = runtime::v1::ImageService::NewStub(channel);
  }

  void prepare(grpc::ClientContext& context) const {
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    context.set_wait_for_ready(true);  // right after a restart of the daemon, too
  }

  std::chrono::seconds timeout;
  std::unique_ptr<runtime::v1::RuntimeService::Stub> runtime;
  std::unique_ptr<runtime::v1::ImageService::Stub> images;
};

int failed(const grpc::Status& status) {
  std::cerr << "gna-cri: " << status.error_message() << " (gRPC status " << status.error_code() << ")\n";
  return 1;
}

int version(const Runtime& cri, const std::string&) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::VersionResponse response;
  if (const auto status = cri.runtime->Version(&context, {}, &response); !status.ok()) return failed(status);
  std::cout << response.runtime_name() << " " << response.runtime_version() << " " << response.runtime_api_version()
            << "\n";
  return 0;
}

int status(const Runtime& cri, const std::string&) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::StatusRequest request;
  request.set_verbose(true);
  runtime::v1::StatusResponse response;
  if (const auto status = cri.runtime->Status(&context, request, &response); !status.ok()) return failed(status);
  for (const auto& condition : response.status().conditions())
    std::cout << condition.type() << " " << (condition.status() ? "true" : "false")
              << (condition.reason().empty() ? "" : " " + condition.reason()) << "\n";
  // The effective configuration, as JSON: sandbox image, cgroup driver, config path.
  if (const auto config = response.info().find("config"); config != response.info().end())
    std::cout << "config " << config->second << "\n";
  return 0;
}

void print(const runtime::v1::Image& image) {
  std::cout << image.id() << " " << image.size();
  for (const auto& tag : image.repo_tags()) std::cout << " " << tag;
  for (const auto& digest : image.repo_digests()) std::cout << " " << digest;
  std::cout << "\n";
}

int list(const Runtime& cri, const std::string&) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::ListImagesResponse response;
  if (const auto status = cri.images->ListImages(&context, {}, &response); !status.ok()) return failed(status);
  for (const auto& image : response.images()) print(image);
  return 0;
}

int pull(const Runtime& cri, const std::string& image) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::PullImageRequest request;
  request.mutable_image()->set_image(image);
  runtime::v1::PullImageResponse response;
  if (const auto status = cri.images->PullImage(&context, request, &response); !status.ok()) return failed(status);
  std::cout << response.image_ref() << "\n";
  return 0;
}

int image_status(const Runtime& cri, const std::string& image) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::ImageStatusRequest request;
  request.mutable_image()->set_image(image);
  runtime::v1::ImageStatusResponse response;
  if (const auto status = cri.images->ImageStatus(&context, request, &response); !status.ok()) return failed(status);
  // An image that is not there is no error of the call.
  if (!response.has_image()) {
    std::cerr << "gna-cri: no image " << image << "\n";
    return 3;
  }
  print(response.image());
  return 0;
}

int remove(const Runtime& cri, const std::string& image) {
  grpc::ClientContext context;
  cri.prepare(context);
  runtime::v1::RemoveImageRequest request;
  request.mutable_image()->set_image(image);
  runtime::v1::RemoveImageResponse response;
  if (const auto status = cri.images->RemoveImage(&context, request, &response); !status.ok()) return failed(status);
  return 0;
}

struct Command {
  int (*run)(const Runtime&, const std::string&);
  bool takes_image;
};

const std::map<std::string, Command> kCommands = {
    {"version", {version, false}},
    {"status", {status, false}},
    {"list", {list, false}},
    {"pull", {pull, true}},
    {"image-status", {image_status, true}},
    {"remove", {remove, true}},
};

}  // namespace

int main(int argc, char** argv) {
  std::string socket = "/run/containerd/containerd.sock";
  long timeout = 60;
  std::vector<std::string> words(argv + 1, argv + argc);
  while (words.size() >= 2 && words.front().starts_with("--")) {
    if (words.front() == "--socket") {
      socket = words[1];
    } else if (words.front() == "--timeout") {
      timeout = std::atol(words[1].c_str());
    } else {
      break;
    }
    words.erase(words.begin(), words.begin() + 2);
  }
  const auto command = words.empty() ? kCommands.end() : kCommands.find(words.front());
  if (command == kCommands.end() || words.size() != (command->second.takes_image ? 2u : 1u) || timeout <= 0) {
    std::cerr << kUsage;
    return 2;
  }
  return command->second.run(Runtime(socket, std::chrono::seconds(timeout)), words.back());
}
