#include "tests/support/fake_containerd.h"

#include <grpcpp/grpcpp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>

#include "containerd/content.grpc.pb.h"
#include "containerd/images.grpc.pb.h"
#include "containerd/introspection.grpc.pb.h"
#include "containerd/leases.grpc.pb.h"
#include "containerd/snapshots.grpc.pb.h"
#include "containerd/transfer.grpc.pb.h"
#include "containerd/transfer_types.pb.h"
#include "containerd/version.grpc.pb.h"
#include "gna/base/digest.h"

namespace gna::support {

namespace stdfs = std::filesystem;
namespace content_v1 = ::containerd::services::content::v1;
namespace images_v1 = ::containerd::services::images::v1;
namespace introspection_v1 = ::containerd::services::introspection::v1;
namespace leases_v1 = ::containerd::services::leases::v1;
namespace snapshots_v1 = ::containerd::services::snapshots::v1;
namespace transfer_v1 = ::containerd::services::transfer::v1;
namespace transfer_types = ::containerd::types::transfer;
namespace version_v1 = ::containerd::services::version::v1;
using grpc::Status;
using grpc::StatusCode;

namespace {

void unpack(const Layer& layer, const stdfs::path& directory) {
  stdfs::create_directories(directory);
  for (const auto& item : layer) {
    const auto path = directory / item.name;
    stdfs::create_directories(path.parent_path());
    const std::string name = path.filename();
    if (name == ".wh..wh..opq") {
      if (::setxattr(path.parent_path().c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0)
        throw std::runtime_error("setxattr " + path.string());
    } else if (name.starts_with(".wh.")) {
      if (::mknod((path.parent_path() / name.substr(4)).c_str(), S_IFCHR, ::makedev(0, 0)) != 0)
        throw std::runtime_error("mknod " + path.string());
    } else if (item.type == '5') {
      stdfs::create_directories(path);
    } else if (item.type == '2') {
      stdfs::create_symlink(item.text, path);
    } else if (item.type == '1') {
      stdfs::create_hard_link(directory / item.text, path);
    } else if (item.type == '6') {
      ::mkfifo(path.c_str(), 0644);
    } else {
      std::ofstream(path, std::ios::binary) << item.text;
    }
  }
}

}  // namespace

struct FakeContainerd::State : version_v1::Version::Service,
                               introspection_v1::Introspection::Service,
                               images_v1::Images::Service,
                               content_v1::Content::Service,
                               leases_v1::Leases::Service,
                               snapshots_v1::Snapshots::Service,
                               transfer_v1::Transfer::Service {
  std::string directory;
  std::string version;
  std::unique_ptr<grpc::Server> server;

  mutable std::mutex mutex;  // guards the rest
  Plugin transfer = Plugin::ok;
  std::map<std::string, Image> offered;
  std::map<std::string, Image> images;
  std::map<std::string, std::string> blobs;
  std::map<std::string, std::vector<std::string>> snapshots;  // chain id → directories, topmost first
  std::set<std::string> views;
  std::set<std::string> leases;
  std::map<std::string, Status> failures;
  std::set<std::string> hanging;
  std::vector<std::string> calls;

  void import(const std::string& reference, const Image& image, bool unpacked) {
    images[reference] = image;
    for (const auto& [digest, bytes] : image.blobs) blobs[digest] = bytes;
    if (!unpacked) return;
    unpack_all(image);
    for (const auto& part : image.parts) unpack_all(part);
  }

  void unpack_all(const Image& image) {
    std::string chain;
    std::vector<std::string> directories;
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
      const auto& id = image.diff_ids[i];
      chain = chain.empty() ? id : "sha256:" + sha256_hex(chain + " " + id);
      const auto path = stdfs::path(directory) / "snapshots" / std::to_string(snapshots.size() + 1) / "fs";
      if (!snapshots.contains(chain)) {
        unpack(image.layers[i], path);
        directories.insert(directories.begin(), path);
        snapshots[chain] = directories;
      }
      directories = snapshots[chain];
    }
  }

  // Every call comes by here: what it carries, and whether it is to fail.
  Status enter(grpc::ServerContext* context, const std::string& method, const std::string& detail = {}) {
    const auto& metadata = context->client_metadata();
    const auto get = [&](const char* key) {
      const auto found = metadata.find(key);
      return found == metadata.end() ? std::string() : std::string(found->second.data(), found->second.size());
    };
    const std::string lease = get("containerd-lease");
    bool hang = false;
    {
      const std::lock_guard lock(mutex);
      calls.push_back(method + (detail.empty() ? "" : " " + detail) + (lease.empty() ? "" : " lease=" + lease));
      if (get("containerd-namespace").empty()) return {StatusCode::FAILED_PRECONDITION, "namespace is required"};
      if (!lease.empty() && !leases.contains(lease)) return {StatusCode::NOT_FOUND, "lease"};
      hang = hanging.erase(method) > 0;
      if (const auto failure = failures.find(method); failure != failures.end()) {
        const Status status = failure->second;
        failures.erase(failure);
        return status;
      }
    }
    if (hang) {
      std::mutex none;
      std::unique_lock lock(none);
      std::condition_variable never;
      never.wait_until(lock, context->deadline());
      return {StatusCode::DEADLINE_EXCEEDED, "hung"};  // the client has left, but a clock may differ by a little
    }
    return Status::OK;
  }

  Status Version(grpc::ServerContext* context, const gna::wire::Empty*, version_v1::VersionResponse* out) override {
    if (const auto status = enter(context, "Version"); !status.ok()) return status;
    out->set_version(version);
    return Status::OK;
  }

  Status Plugins(grpc::ServerContext* context, const introspection_v1::PluginsRequest* request,
                 introspection_v1::PluginsResponse* out) override {
    const std::string filter = request->filters_size() == 1 ? request->filters(0) : "";
    if (const auto status = enter(context, "Plugins", filter); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    if (transfer == Plugin::absent) return Status::OK;
    auto* plugin = out->add_plugins();
    plugin->set_type("io.containerd.transfer.v1");
    plugin->set_id("local");
    if (transfer == Plugin::failed) plugin->mutable_init_err()->set_code(2);
    return Status::OK;
  }

  Status Get(grpc::ServerContext* context, const images_v1::GetImageRequest* request,
             images_v1::GetImageResponse* out) override {
    if (const auto status = enter(context, "Get", request->name()); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    const auto found = images.find(request->name());
    if (found == images.end()) return {StatusCode::NOT_FOUND, "image: not found"};
    auto* target = out->mutable_image()->mutable_target();
    target->set_media_type(found->second.media_type);
    target->set_digest(found->second.digest);
    target->set_size(static_cast<std::int64_t>(found->second.manifest().size()));
    return Status::OK;
  }

  Status Read(grpc::ServerContext* context, const content_v1::ReadContentRequest* request,
              grpc::ServerWriter<content_v1::ReadContentResponse>* out) override {
    if (const auto status = enter(context, "Read", request->digest()); !status.ok()) return status;
    std::string bytes;
    {
      const std::lock_guard lock(mutex);
      const auto found = blobs.find(request->digest());
      if (found == blobs.end()) return {StatusCode::NOT_FOUND, "content: not found"};
      bytes = found->second;
    }
    for (std::size_t at = 0; at < bytes.size(); at += 100) {  // many chunks even of a small blob
      content_v1::ReadContentResponse chunk;
      chunk.set_offset(static_cast<std::int64_t>(at));
      chunk.set_data(bytes.substr(at, 100));
      out->Write(chunk);
    }
    return Status::OK;
  }

  Status Create(grpc::ServerContext* context, const leases_v1::CreateRequest* request,
                leases_v1::CreateResponse* out) override {
    const auto expire = request->labels().find("containerd.io/gc.expire");
    const std::string until = expire == request->labels().end() ? "never" : expire->second;
    if (const auto status = enter(context, "CreateLease", "until=" + until); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    if (!leases.insert(request->id()).second) return {StatusCode::ALREADY_EXISTS, "lease"};
    out->mutable_lease()->set_id(request->id());
    return Status::OK;
  }

  Status Delete(grpc::ServerContext* context, const leases_v1::DeleteRequest* request, gna::wire::Empty*) override {
    if (const auto status = enter(context, "DeleteLease"); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    return leases.erase(request->id()) == 1 ? Status::OK : Status(StatusCode::NOT_FOUND, "lease");
  }

  Status View(grpc::ServerContext* context, const snapshots_v1::ViewSnapshotRequest* request,
              snapshots_v1::ViewSnapshotResponse* out) override {
    if (const auto status = enter(context, "View", request->snapshotter()); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    const auto found = snapshots.find(request->parent());
    if (found == snapshots.end()) return {StatusCode::NOT_FOUND, "parent snapshot"};
    if (!views.insert(request->key()).second) return {StatusCode::ALREADY_EXISTS, "snapshot"};
    auto* mount = out->add_mounts();
    if (found->second.size() == 1) {
      mount->set_type("bind");
      mount->set_source(found->second.front());
      mount->add_options("ro");
      mount->add_options("rbind");
      return Status::OK;
    }
    mount->set_type("overlay");
    mount->set_source("overlay");
    mount->add_options("index=off");
    std::string lower;
    for (const auto& path : found->second) lower += (lower.empty() ? "" : ":") + path;
    mount->add_options("lowerdir=" + lower);
    return Status::OK;
  }

  Status Remove(grpc::ServerContext* context, const snapshots_v1::RemoveSnapshotRequest* request,
                gna::wire::Empty*) override {
    if (const auto status = enter(context, "Remove"); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    return views.erase(request->key()) == 1 ? Status::OK : Status(StatusCode::NOT_FOUND, "snapshot");
  }

  Status Stat(grpc::ServerContext* context, const snapshots_v1::StatSnapshotRequest* request,
              snapshots_v1::StatSnapshotResponse* out) override {
    if (const auto status = enter(context, "Stat", request->key()); !status.ok()) return status;
    const std::lock_guard lock(mutex);
    if (!snapshots.contains(request->key())) return {StatusCode::NOT_FOUND, "snapshot"};
    out->mutable_info()->set_kind(snapshots_v1::COMMITTED);
    return Status::OK;
  }

  Status Transfer(grpc::ServerContext* context, const transfer_v1::TransferRequest* request,
                  gna::wire::Empty*) override {
    transfer_types::OCIRegistry source;
    transfer_types::ImageStore store;
    // The real one knows bare names only.
    const bool named = request->source().type_url() == "containerd.types.transfer.OCIRegistry" &&
                       request->destination().type_url() == "containerd.types.transfer.ImageStore" &&
                       source.ParseFromString(request->source().value()) &&
                       store.ParseFromString(request->destination().value());
    if (const auto status = enter(context, "Transfer", source.reference() + " " + source.resolver().host_dir());
        !status.ok())
      return status;
    if (!named) return {StatusCode::UNIMPLEMENTED, "method Transfer not implemented for this type"};
    const std::lock_guard lock(mutex);
    if (transfer != Plugin::ok) return {StatusCode::UNIMPLEMENTED, "unknown service"};
    const auto found = offered.find(source.reference());
    if (found == offered.end()) return {StatusCode::NOT_FOUND, "failed to resolve image"};
    import(store.name(), found->second, store.unpacks_size() > 0);
    return Status::OK;
  }
};

FakeContainerd::FakeContainerd(std::string directory, std::string version) : state_(std::make_unique<State>()) {
  state_->directory = std::move(directory);
  state_->version = std::move(version);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<version_v1::Version::Service*>(state_.get()));
  builder.RegisterService(static_cast<introspection_v1::Introspection::Service*>(state_.get()));
  builder.RegisterService(static_cast<images_v1::Images::Service*>(state_.get()));
  builder.RegisterService(static_cast<content_v1::Content::Service*>(state_.get()));
  builder.RegisterService(static_cast<leases_v1::Leases::Service*>(state_.get()));
  builder.RegisterService(static_cast<snapshots_v1::Snapshots::Service*>(state_.get()));
  builder.RegisterService(static_cast<transfer_v1::Transfer::Service*>(state_.get()));
  state_->server = builder.BuildAndStart();
  if (state_->server == nullptr) throw std::runtime_error("fake containerd on " + socket());
}

FakeContainerd::~FakeContainerd() { state_->server->Shutdown(std::chrono::system_clock::now()); }

std::string FakeContainerd::socket() const { return state_->directory + "/containerd.sock"; }

void FakeContainerd::offer(const std::string& reference, const Image& image) {
  const std::lock_guard lock(state_->mutex);
  state_->offered[reference] = image;
}

void FakeContainerd::import(const std::string& reference, const Image& image, bool unpacked) {
  const std::lock_guard lock(state_->mutex);
  state_->import(reference, image, unpacked);
}

void FakeContainerd::set_transfer(Plugin state) {
  const std::lock_guard lock(state_->mutex);
  state_->transfer = state;
}

void FakeContainerd::fail_next(const std::string& method, int code, const std::string& message) {
  const std::lock_guard lock(state_->mutex);
  state_->failures[method] = {static_cast<StatusCode>(code), message};
}

void FakeContainerd::hang_next(const std::string& method) {
  const std::lock_guard lock(state_->mutex);
  state_->hanging.insert(method);
}

void FakeContainerd::damage(const std::string& digest) {
  const std::lock_guard lock(state_->mutex);
  for (auto& [reference, image] : state_->offered)
    if (image.blobs.contains(digest)) image.blobs[digest] += " ";
  if (state_->blobs.contains(digest)) state_->blobs[digest] += " ";
}

std::vector<std::string> FakeContainerd::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}

std::vector<std::string> FakeContainerd::leases() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->leases.begin(), state_->leases.end()};
}

std::vector<std::string> FakeContainerd::views() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->views.begin(), state_->views.end()};
}

}  // namespace gna::support
