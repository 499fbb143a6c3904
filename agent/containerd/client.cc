#include "agent/containerd/client.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <ctime>
#include <utility>

#include "containerd/content.grpc.pb.h"
#include "containerd/images.grpc.pb.h"
#include "containerd/introspection.grpc.pb.h"
#include "containerd/leases.grpc.pb.h"
#include "containerd/snapshots.grpc.pb.h"
#include "containerd/transfer.grpc.pb.h"
#include "containerd/transfer_types.pb.h"
#include "containerd/version.grpc.pb.h"
#include "gna/base/digest.h"

namespace gna::containerd {

namespace {

namespace content_v1 = ::containerd::services::content::v1;
namespace images_v1 = ::containerd::services::images::v1;
namespace introspection_v1 = ::containerd::services::introspection::v1;
namespace leases_v1 = ::containerd::services::leases::v1;
namespace snapshots_v1 = ::containerd::services::snapshots::v1;
namespace transfer_v1 = ::containerd::services::transfer::v1;
namespace transfer_types = ::containerd::types::transfer;
namespace version_v1 = ::containerd::services::version::v1;

// As containerd itself allows: a long list does not fit gRPC's 4 MiB.
constexpr int kReceiveLimit = 16 << 20;

// The border: a gRPC status as a code.
Code code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::OUT_OF_RANGE: return Code::InvalidArgument;
    case grpc::StatusCode::NOT_FOUND: return Code::NotFound;
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::FAILED_PRECONDITION: return Code::Conflict;
    case grpc::StatusCode::UNIMPLEMENTED: return Code::Unsupported;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED: return Code::PermissionDenied;
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return Code::Unavailable;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED: return Code::DeadlineExceeded;
    case grpc::StatusCode::DATA_LOSS: return Code::Corrupt;
    default: return Code::Internal;
  }
}

std::unexpected<Error> failed(std::string_view step, const grpc::Status& status) {
  return fail(code_of(status.error_code()), "containerd: " + std::string(step) + ": " + status.error_message());
}

// gRPC's deadlines are by the wall clock: what is left is handed over, not the point in time.
std::chrono::system_clock::time_point wall_clock(Deadline by) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(by - std::chrono::steady_clock::now());
}

// 2026-01-31T12:00:00Z, `after` from now: the one place that needs the calendar, because the daemon does.
std::string rfc3339(std::chrono::seconds after) {
  const std::time_t at = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + after);
  std::tm utc{};
  ::gmtime_r(&at, &utc);
  char text[sizeof "2026-01-31T12:00:00Z"];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, length};
}

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace

Address Address::from_environment() {
  const Address usual;
  return {.socket = variable("CONTAINERD_ADDRESS", usual.socket),
          .name_space = variable("CONTAINERD_NAMESPACE", usual.name_space)};
}

struct Client::State {
  Address address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<version_v1::Version::Stub> version;
  std::unique_ptr<introspection_v1::Introspection::Stub> introspection;
  std::unique_ptr<images_v1::Images::Stub> images;
  std::unique_ptr<content_v1::Content::Stub> content;
  std::unique_ptr<leases_v1::Leases::Stub> leases;
  std::unique_ptr<snapshots_v1::Snapshots::Stub> snapshots;
  std::unique_ptr<transfer_v1::Transfer::Stub> transfer;

  // What every call carries. A context serves one call.
  void prepare(grpc::ClientContext& context, Deadline by, const std::string& lease = {}) const {
    context.set_deadline(wall_clock(by));
    context.AddMetadata("containerd-namespace", address.name_space);
    if (!lease.empty()) context.AddMetadata("containerd-lease", lease);
  }
};

Client::Client(Address address) : state_(std::make_unique<State>()) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceiveLimit);
  // A daemon that was just restarted by an earlier step answers soon; gRPC's own back-off begins at a second.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // In spite of its name how long one attempt may take: a daemon on a busy node greets late.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Sockets of several daemons in one process must not share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // The environment's proxy is for registries; gRPC would take it for the socket, too.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  state_->channel = grpc::CreateCustomChannel("unix:" + address.socket, grpc::InsecureChannelCredentials(), arguments);
  state_->address = std::move(address);
  state_->version = version_v1::Version::NewStub(state_->channel);
  state_->introspection = introspection_v1::Introspection::NewStub(state_->channel);
  state_->images = images_v1::Images::NewStub(state_->channel);
  state_->content = content_v1::Content::NewStub(state_->channel);
  state_->leases = leases_v1::Leases::NewStub(state_->channel);
  state_->snapshots = snapshots_v1::Snapshots::NewStub(state_->channel);
  state_->transfer = transfer_v1::Transfer::NewStub(state_->channel);
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const Address& Client::address() const { return state_->address; }

Result<void> Client::connect(Deadline by) {
  if (state_->channel->WaitForConnected(wall_clock(by))) return {};
  return fail(Code::Unavailable, "containerd does not answer at " + state_->address.socket);
}

Result<std::string> Client::version(Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  version_v1::VersionResponse response;
  if (const auto status = state_->version->Version(&context, {}, &response); !status.ok())
    return failed("version", status);
  return response.version();
}

Result<bool> Client::has_transfer(Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  introspection_v1::PluginsRequest request;
  request.add_filters("type==io.containerd.transfer.v1");
  introspection_v1::PluginsResponse response;
  if (const auto status = state_->introspection->Plugins(&context, request, &response); !status.ok())
    return failed("plugins", status);
  // A plugin that was skipped or has failed is listed too.
  for (const auto& plugin : response.plugins())
    if (plugin.type() == "io.containerd.transfer.v1" && !plugin.has_init_err()) return true;
  return false;
}

Result<Descriptor> Client::image(const std::string& name, Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  images_v1::GetImageRequest request;
  request.set_name(name);
  images_v1::GetImageResponse response;
  if (const auto status = state_->images->Get(&context, request, &response); !status.ok())
    return failed("image " + name, status);
  const auto& target = response.image().target();
  return Descriptor{.media_type = target.media_type(), .digest = target.digest(), .size_bytes = target.size()};
}

Result<std::string> Client::read(const std::string& digest, std::size_t limit_bytes, Deadline by) {
  const std::string step = "read " + digest;
  grpc::ClientContext context;
  state_->prepare(context, by);
  content_v1::ReadContentRequest request;
  request.set_digest(digest);
  const auto reader = state_->content->Read(&context, request);
  std::string bytes;
  content_v1::ReadContentResponse chunk;
  while (reader->Read(&chunk)) {
    if (chunk.data().size() > limit_bytes - bytes.size()) {
      context.TryCancel();
      reader->Finish();
      return fail(Code::InvalidArgument,
                  "containerd: " + step + ": more than " + std::to_string(limit_bytes) + " bytes");
    }
    bytes += chunk.data();
  }
  if (const auto status = reader->Finish(); !status.ok()) return failed(step, status);
  if ("sha256:" + sha256_hex(bytes) != digest)
    return fail(Code::Corrupt, "containerd: " + step + ": the bytes have another digest");
  return bytes;
}

Result<void> Client::create_lease(const std::string& id, std::chrono::seconds lifetime, Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  leases_v1::CreateRequest request;
  request.set_id(id);
  (*request.mutable_labels())["containerd.io/gc.expire"] = rfc3339(lifetime);
  leases_v1::CreateResponse response;
  if (const auto status = state_->leases->Create(&context, request, &response); !status.ok())
    return failed("create lease", status);
  return {};
}

Result<void> Client::delete_lease(const std::string& id, bool collect, Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  leases_v1::DeleteRequest request;
  request.set_id(id);
  request.set_sync(collect);
  gna::wire::Empty response;
  const auto status = state_->leases->Delete(&context, request, &response);
  if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) return failed("delete lease", status);
  return {};
}

Result<bool> Client::has_snapshot(const std::string& name, Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  snapshots_v1::StatSnapshotRequest request;
  request.set_snapshotter(kSnapshotter);
  request.set_key(name);
  snapshots_v1::StatSnapshotResponse response;
  const auto status = state_->snapshots->Stat(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return false;
  if (!status.ok()) return failed("snapshot " + name, status);
  return response.info().kind() == snapshots_v1::COMMITTED;
}

Result<std::vector<Mount>> Client::view(const std::string& key, const std::string& parent, const std::string& lease,
                                        Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by, lease);
  snapshots_v1::ViewSnapshotRequest request;
  request.set_snapshotter(kSnapshotter);
  request.set_key(key);
  request.set_parent(parent);
  snapshots_v1::ViewSnapshotResponse response;
  if (const auto status = state_->snapshots->View(&context, request, &response); !status.ok())
    return failed("view of " + parent, status);
  std::vector<Mount> mounts;
  for (const auto& mount : response.mounts())
    mounts.push_back(
        {.type = mount.type(), .source = mount.source(), .options = {mount.options().begin(), mount.options().end()}});
  return mounts;
}

Result<void> Client::remove_snapshot(const std::string& key, Deadline by) {
  grpc::ClientContext context;
  state_->prepare(context, by);
  snapshots_v1::RemoveSnapshotRequest request;
  request.set_snapshotter(kSnapshotter);
  request.set_key(key);
  gna::wire::Empty response;
  const auto status = state_->snapshots->Remove(&context, request, &response);
  if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) return failed("remove snapshot", status);
  return {};
}

Result<void> Client::transfer(const std::string& reference, const std::string& hosts_directory,
                              const std::string& architecture, const std::string& lease, Deadline by) {
  transfer_types::OCIRegistry registry;
  registry.set_reference(reference);
  registry.mutable_resolver()->set_host_dir(hosts_directory);

  transfer_types::ImageStore store;
  store.set_name(reference);
  const auto set_platform = [&](::containerd::types::Platform& platform) {
    platform.set_os("linux");
    platform.set_architecture(architecture);
  };
  set_platform(*store.add_platforms());
  auto& unpack = *store.add_unpacks();
  set_platform(*unpack.mutable_platform());
  unpack.set_snapshotter(kSnapshotter);

  // Bare type names: with the usual prefix in front the daemon says that it has no such method.
  transfer_v1::TransferRequest request;
  request.mutable_source()->set_type_url("containerd.types.transfer.OCIRegistry");
  request.mutable_source()->set_value(registry.SerializeAsString());
  request.mutable_destination()->set_type_url("containerd.types.transfer.ImageStore");
  request.mutable_destination()->set_value(store.SerializeAsString());

  grpc::ClientContext context;
  state_->prepare(context, by, lease);
  gna::wire::Empty response;
  const auto status = state_->transfer->Transfer(&context, request, &response);
  // Here UNKNOWN is what a registry, a name server or a certificate said, not a bug of the daemon.
  if (status.error_code() == grpc::StatusCode::UNKNOWN)
    return fail(Code::Unavailable, "containerd: transfer: " + status.error_message());
  if (!status.ok()) return failed("transfer", status);
  return {};
}

}  // namespace gna::containerd
