"""provision run on an offline tree: from FILE to the agent's program, replays, bad input."""

import hashlib
import io
import json
import os
import signal
import tarfile

from harness import TESTDATA, CommandTest, gna, listing, main, start

OSC = TESTDATA / "osc" / "real" / "provision-worker.yaml"
IMAGE = "registry.example/gardener/node-agent:v1"
BASE = "var/lib/gardener-node-agent"
MIRRORS = """apiVersion: mirror.extensions.gardener.cloud/v1alpha1
kind: MirrorConfig
mirrors:
- upstream: registry.example
  provisionRelevant: true
  hosts:
  - host: https://127.0.0.1:1
    capabilities: [pull, resolve]
"""


def layout(directory, files):
    """An OCI image layout with one image of one layer."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    layer = packed.getvalue()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    config = put(json.dumps({"architecture": machine, "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode(),
        "application/vnd.oci.image.config.v1+json")
    manifest = put(json.dumps({"schemaVersion": 2, "config": config,
                               "layers": [put(layer, "application/vnd.oci.image.layer.v1.tar")]}).encode(),
                   "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": IMAGE}
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return directory


class ProvisionRun(CommandTest):
    def setUp(self):
        super().setUp()
        self.layout = layout(self.scratch / "layout", {"gardener-node-agent": "#!/bin/sh\n"})
        self.mirrors = self.write("mirrors.yaml", MIRRORS)

    def run_it(self, *more, generation=5):
        return gna("provision", "run", OSC, "--root", self.root, "--mirrors", self.mirrors, "--image", IMAGE,
                   "--image-layout", self.layout, "--generation", generation, *more)

    def test_sets_a_tree_up_to_the_hand_off(self):
        documents = self.expect(0, self.run_it("-o", "json")).documents()
        self.assertEqual([(d["name"], d["result"]) for d in documents[:-1]],
                         [("fetch", "done"), ("verify", "done"), ("files", "done"), ("pull", "done"), ("hand-off", "skipped")])
        self.assertEqual((self.root / "opt/bin/gardener-node-agent").read_text(), "#!/bin/sh\n")
        self.assertIn('[host."https://127.0.0.1:1"]', (self.root / "etc/containerd/certs.d/registry.example/hosts.toml").read_text())
        self.assertTrue((self.root / "etc/systemd/system/gardener-user.service").exists())
        state = (self.root / BASE / "provision-state")
        self.assertIn("generation 5\n", state.read_text())
        self.assertEqual(state.stat().st_mode & 0o777, 0o600)

    def test_resumes_until_it_is_done(self):
        self.expect(0, self.run_it())
        (self.root / "var/lib/gardener-user/run.sh").unlink()
        # The hand-off is the machine's own: until then it is not done.
        self.assertIn("resumed", self.expect(0, self.run_it()).err)
        self.assertTrue((self.root / "var/lib/gardener-user/run.sh").exists())

    def test_does_not_go_back(self):
        self.expect(0, self.run_it())
        state = self.root / BASE / "provision-state"
        state.write_text(state.read_text().replace("phase pull", "phase done"))
        before = listing(self.root)
        self.assertIn("applied already: nothing to do", self.expect(0, self.run_it()).err)
        older = self.expect(0, self.run_it("--image", "registry.example/gardener/node-agent:v0", generation=4))
        self.assertIn("nothing to do", older.err)
        (summary,) = self.expect(0, self.run_it("-o", "json")).documents()
        self.assertTrue(summary["complete"])
        self.assertEqual(listing(self.root), before)

    def test_gives_way_to_the_agent(self):
        (self.root / BASE).mkdir(parents=True)
        (self.root / BASE / "last-applied-osc.yaml").write_text("x")
        before = listing(self.root)
        self.assertIn("the agent has taken over", self.expect(0, self.run_it()).err)
        self.assertEqual(listing(self.root), before)

    def test_dead_mirrors_end_it_early_where_one_is_required(self):
        result = self.expect(1, self.run_it("--require-mirror", "--timeout", "2s"))
        self.assertIn("no mirror answers, and the upstream must not be asked", result.err)
        self.assertFalse((self.root / "opt").exists())
        self.assertFalse((self.root / "etc").exists())

    def test_says_where_it_is_and_stops_when_asked(self):
        running = start("provision", "run", OSC, "--root", self.root, "--mirrors", self.mirrors, "--image", IMAGE,
                        "--require-mirror")
        try:
            lines = iter(running.stderr.readline, b"")
            self.assertTrue(any(b"it is asked again" in line for line in lines))
            running.send_signal(signal.SIGUSR1)
            self.assertTrue(any(b"stage 2 of 5: verify, for" in line for line in lines))
            running.send_signal(signal.SIGTERM)
            self.assertTrue(any(b"stopped by a signal" in line for line in lines))
            self.assertEqual(running.wait(), 143)
        finally:
            running.kill()
            running.communicate()

    def test_bad_input_touches_nothing(self):
        broken = self.write("broken.yaml", MIRRORS.replace("https://127.0.0.1:1", "https://u:hunter2@h"))
        for arguments in ([self.scratch / "absent.yaml"], [OSC, "--mirrors", broken],
                          [TESTDATA / "osc" / "real" / "reconcile-worker.yaml"], [OSC, "--image", "no-registry"]):
            result = self.expect(2, gna("provision", "run", *arguments, "--root", self.root))
            self.assertNotIn("hunter2", result.text)
        self.assertEqual(listing(self.root), {})


if __name__ == "__main__":
    main()
