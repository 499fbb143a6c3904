"""Markers in every place that is secret appear in no output, no log, no argv, whatever the command and the format."""

import base64
import json
import subprocess

from harness import CommandTest, GNA, environment, file, main, osc, unit


class Markers(CommandTest):
    def osc(self, generation):
        """An OSC with a marker in each secret place; `generation` makes every one of them change."""
        self.markers = getattr(self, "markers", set())

        def marker(name):
            text = f"MARKER{name}{generation}"
            self.markers.add(text)
            return text

        pem = f"-----BEGIN EC PRIVATE KEY-----\n{marker('pem')}\n-----END EC PRIVATE KEY-----\n"
        encoded = base64.b64encode(f"-----BEGIN PRIVATE KEY-----\n{marker('kubeconfig')}\n-----END PRIVATE KEY-----\n".encode()).decode()
        self.markers.add(encoded)
        token = f"abcde{generation}.0123456789marker"
        self.markers.add(token)
        public = f"visible{generation}\nproxy: http://user:{marker('userinfo')}@proxy:3128\ntoken: {token}\n{pem}client-key-data: {encoded}\n"
        files = (
            file("/etc/demo/public.conf", public, 420)
            + file("/etc/demo/mode600", marker("mode600"), 384)
            + file("/etc/demo/mode400", marker("mode400"), 256)
            + file("/var/lib/demo/credentials/token", marker("credentials"), 420)
            + file("/etc/kubernetes/pki/ca.key", marker("pki"), 420)
            + file("/var/lib/kubelet/kubeconfig-real", marker("kubeconfigfile"), 420)
            + "- path: /etc/demo/ref\n  permissions: 420\n  content:\n    secretRef: {name: s, dataKey: k}\n"
        )
        secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  k: {marker('secretref')}\n  other: {marker('unused')}\n"
        self.markers.add(base64.b64encode(marker("secretref").encode()).decode().rstrip("="))
        service = f"[Service]\nExecStart=/bin/true\nEnvironment=PROXY=https://u:{marker('unit')}@h TOKEN={token}\n[Install]\nWantedBy=multi-user.target\n"
        drop_in = f"[Service]\nEnvironment=P=https://u:{marker('dropin')}@h\n"
        more = f"  dropIns:\n  - name: 10-x.conf\n    content: {json.dumps(drop_in)}\n"
        cri = (f"name: containerd\ncontainerd:\n  sandboxImage: pause:3\n  registries:\n  - upstream: docker.io\n"
               f"    server: https://u:{marker('server')}@registry-1.docker.io\n    hosts:\n    - url: https://u:{marker('mirror')}@mirror.example\n")
        return (self.write(f"osc{generation}.yaml", osc(files=files, units=unit("demo.service", service, more), cri=cri)),
                self.write(f"secrets{generation}.yaml", secret))

    def silent(self, result):
        for marker in self.markers:
            self.assertNotIn(marker, result.text, str(result))
        return result

    def every_way(self, *arguments, secrets=None):
        """The command in text and JSON, with all logs, and its argv (and that of children) by strace."""
        more = ["--secrets", secrets] if secrets else []
        results = []
        for form in (["-o", "text"], ["-o", "json"], ["--log-level", "debug"], ["--log-level", "debug", "--log-format", "json", "-o", "json"]):
            results.append(self.silent(self.node(*arguments, *more, *form)))
        return results

    def test_appear_nowhere(self):
        first, first_secrets = self.osc(1)
        second, second_secrets = self.osc(2)
        self.every_way("diff", first, secrets=first_secrets)
        self.every_way("render", first, secrets=first_secrets)
        self.every_way("render", first, "--backend", "talos", "--allow-unsupported", secrets=first_secrets)
        self.silent(self.expect(0, self.node("apply", first, "--secrets", first_secrets, "--log-level", "debug")))
        self.every_way("status")
        diffs = self.every_way("diff", second, secrets=second_secrets)
        self.assertIn("+visible2", diffs[0].out)
        self.assertIn("becomes <secret ", diffs[0].out)
        self.every_way("apply", "--dry-run", second, secrets=second_secrets)
        self.silent(self.expect(0, self.node("apply", second, "--secrets", second_secrets, "-o", "json", "--log-level", "debug")))
        for path in ("etc/demo/public.conf", "etc/demo/mode600", "etc/demo/ref", "etc/systemd/system/demo.service"):
            with open(self.root / path, "a") as drifted:
                drifted.write("https://u:MARKERdrift@h\n")
        self.markers.add("MARKERdrift")
        self.every_way("status", secrets=second_secrets)
        self.every_way("diff", secrets=second_secrets)
        self.every_way("diff", "--previous", secrets=first_secrets)
        self.silent(self.expect(0, self.node("reset", "--yes", "--log-level", "debug")))

    def test_findings_show_no_values(self):
        """Each secret place made invalid: the finding names it, and not what it holds."""
        self.markers = {"MARKER"}
        bad = [
            osc(files="- path: /etc/x\n  content:\n    inline:\n      encoding: b64\n      data: 'MARKER!'\n"),
            osc(files="- path: /etc/x\n  content:\n    inline:\n      encoding: ''\n      data: {key: MARKER}\n"),
            osc(files=file("/etc/x", "MARKER") + file("/etc/x", "MARKER")),
            osc(cri="name: containerd\ncontainerd:\n  sandboxImage: p\n  registries:\n  - upstream: docker.io\n    hosts:\n    - url: ftp://u:MARKER@h\n"),
            osc(cri="name: containerd\ncontainerd:\n  sandboxImage: p\n  registries:\n  - upstream: docker.io\n    server: ftp://u:MARKER@h\n"),
            osc(cri="name: containerd\ncontainerd:\n  sandboxImage: p\n  registries:\n  - upstream: docker.io\n    hosts:\n    - url: https://u:MARKER@h\n    - url: https://u:MARKER@h\n"),
            "spec: {files: [{path: /x, content: {inline: {encoding: '', data: \"MARKER",
            json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"osc.yaml": "MARKER!"}}),
        ]
        for number, text in enumerate(bad):
            path = self.write(f"bad{number}.yaml", text)
            with self.subTest(number):
                for form in (["-o", "text"], ["-o", "json"]):
                    for command in (["validate"], ["diff", "--root", self.root], ["apply", "--root", self.root], ["render"]):
                        result = subprocess.run([GNA, *command, *form, path], capture_output=True, text=True, env=environment())
                        self.assertEqual(result.returncode, 2, result)
                        self.assertNotIn("MARKER", result.stdout + result.stderr)
        secrets = self.write("secrets.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: 'MARKER!'}\n")
        good = self.write("good.yaml", osc(files=file("/etc/x", "x")))
        self.silent(self.expect(2, self.node("apply", "--secrets", secrets, good)))

    def test_marks_tell_change_and_nothing_else(self):
        first = self.write("a.yaml", osc(files=file("/etc/s", "MARKER", 384)))
        marks = {self.node("diff", first).out for _ in range(2)}
        self.assertEqual(len(marks), 2, "a mark of one run can be compared with one of another")

    def test_are_in_no_argv(self):
        path, secrets = self.osc(3)
        trace = self.scratch / "trace"
        subprocess.run(["strace", "-f", "-s", "4096", "-e", "trace=execve", "-o", trace, GNA, "apply", "--root", self.root, path,
                        "--secrets", secrets], capture_output=True, env=environment(), check=True)
        for marker in self.markers:
            self.assertNotIn(marker, trace.read_text())


if __name__ == "__main__":
    main()
