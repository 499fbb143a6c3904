// How long the two pure renderers of containerd's files take: each pass calls both.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <string>

#include "agent/containerd/config_toml.h"
#include "agent/containerd/hosts_toml.h"
#include "agent/containerd/toml.h"

namespace {

using namespace gna;

std::string default_config(const std::string& version) {
  std::ifstream in(GNA_TESTDATA "/golden/containerd/" + version + ".toml", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const desired::Containerd kSettings = {
    .sandbox_image = "registry.k8s.io/pause:3.10",
    .systemd_cgroup = true,
    .plugins = {{.path = {"io.containerd.grpc.v1.cri", "containerd", "runtimes", "kata"},
                 .values = R"({"runtime_type":"io.containerd.kata.v2"})"},
                {.remove = true, .path = {"io.containerd.nri.v1.nri"}}},
};

containerd::Originals kept(const containerd::Patched& patched) {
  containerd::Originals out;
  for (const auto& [key, value] : patched.originals)
    if (value) out[key] = *value;
  return out;
}

// The first time: something differs, so the file is written and read back.
void patch_fresh(benchmark::State& state, const std::string& version) {
  const auto file = default_config(version);
  const auto containerd = desired::parse_version(version);
  for (auto _ : state)
    benchmark::DoNotOptimize(containerd::patch_config(file, kSettings, containerd, std::nullopt, {}));
}

// Every other time: nothing to do.
void patch_again(benchmark::State& state, const std::string& version) {
  const auto containerd = desired::parse_version(version);
  const auto patched =
      containerd::patch_config(default_config(version), kSettings, containerd, std::nullopt, {}).value();
  const auto originals = kept(patched);
  for (auto _ : state)
    benchmark::DoNotOptimize(containerd::patch_config(patched.toml, kSettings, containerd, kSettings, originals));
}

void parse_only(benchmark::State& state, const std::string& version) {
  const auto file = default_config(version);
  for (auto _ : state) benchmark::DoNotOptimize(containerd::toml::parse(file));
}

BENCHMARK_CAPTURE(patch_fresh, v2, "1.6.20");
BENCHMARK_CAPTURE(patch_fresh, v3, "2.1.5");
BENCHMARK_CAPTURE(patch_fresh, v4, "2.3.4");
BENCHMARK_CAPTURE(patch_again, v2, "1.6.20");
BENCHMARK_CAPTURE(patch_again, v4, "2.3.4");
BENCHMARK_CAPTURE(parse_only, v4, "2.3.4");

desired::Registry registry(int hosts) {
  desired::Registry out = {.upstream = "docker.io", .server = "https://registry-1.docker.io"};
  for (int i = 0; i < hosts; ++i)
    out.hosts.push_back({.url = "https://mirror-" + std::to_string(i) + ".example.org/v2/hub",
                         .capabilities = {"pull", "resolve"},
                         .ca_certs = {"/etc/containerd/certs.d/docker.io/ca.pem"},
                         .override_path = true});
  return out;
}

void render_hosts(benchmark::State& state) {
  const auto wanted = registry(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(containerd::render_hosts_toml(wanted, containerd::kDialTimeout));
}

// With the file on disk, whose order counts.
void wanted_hosts(benchmark::State& state) {
  const auto wanted = registry(static_cast<int>(state.range(0)));
  const auto on_disk = containerd::render_hosts_toml(wanted, containerd::kDialTimeout);
  for (auto _ : state) benchmark::DoNotOptimize(containerd::wanted_hosts_toml(wanted, on_disk, true, {}, {}));
}

BENCHMARK(render_hosts)->Arg(2)->Arg(20);
BENCHMARK(wanted_hosts)->Arg(2)->Arg(20);

}  // namespace

BENCHMARK_MAIN();
