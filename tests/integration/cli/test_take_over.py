"""The first apply on a machine that `provision` has set up: mirrors stay to the byte, what the OSC doesn't want goes."""

import hashlib

from harness import CommandTest, file, listing, main, osc

BASE = "var/lib/gardener-node-agent"
CERTS = "etc/containerd/certs.d"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def hosts(upstream, *urls):
    text = f'# managed by gardener-node-agent\nserver = "https://{upstream}"\n\n'
    for url in urls:
        text += (f'[host."{url}"]\n  capabilities = ["pull","resolve"]\n'
                 f'  ca = ["/{CERTS}/{upstream}/ca-bundle.pem"]\n  dial_timeout = "1s"\n\n')
    return text


def cri(*upstreams):
    text = "name: containerd\ncontainerd:\n  sandboxImage: pause:1\n  registries:"
    for upstream in upstreams:
        text += f"\n  - upstream: {upstream}\n    server: https://{upstream}\n    hosts:"
        for url in ("https://a.example", "https://b.example"):
            text += f"\n    - url: {url}\n      capabilities: [pull, resolve]\n      caCerts: [/{CERTS}/{upstream}/ca-bundle.pem]"
    return text


def wanted(*upstreams):
    return osc(cri=cri(*upstreams), files="".join(file(f"/{CERTS}/{u}/ca-bundle.pem", CA) for u in upstreams) + file("/etc/x", "x"))


class TakeOver(CommandTest):
    def setUp(self):
        super().setUp()
        (self.root / BASE).mkdir(parents=True)
        self.lines = []
        for upstream in ("quay.io", "gone.example"):
            self.provisioned(f"{CERTS}/{upstream}/ca-bundle.pem", CA)
            # In the order that was found alive, not in the OSC's.
            self.provisioned(f"{CERTS}/{upstream}/hosts.toml", hosts(upstream, "https://b.example", "https://a.example"))

    def provisioned(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o644)
        self.lines.append(f"file {hashlib.sha256(text.encode()).hexdigest()} 0644 /{path}\n")
        (self.root / BASE / "provision-state").write_text(
            "gna-provision 1\ngeneration 1\nsha256 " + "1" * 64 + "\nphase done\n" + "".join(self.lines))

    def apply(self, text):
        return self.expect(0, self.node("apply", self.write("osc.yaml", text)))

    def mirrors(self):
        return {path: what for path, what in listing(self.root / CERTS).items() if what[1] is not None}

    def test_not_a_byte_of_wanted_mirrors_changes(self):
        before = {path: (what, (self.root / CERTS / path).stat().st_ino) for path, what in self.mirrors().items()}
        self.apply(wanted("quay.io", "gone.example"))
        after = {path: (what, (self.root / CERTS / path).stat().st_ino) for path, what in self.mirrors().items()}
        self.assertEqual(after, before)

    def test_what_the_osc_does_not_want_goes(self):
        shown = self.expect(1, self.node("diff", self.write("osc.yaml", wanted("quay.io"))))
        self.assertIn("gone.example", shown.out)
        self.apply(wanted("quay.io"))
        self.assertEqual(set(self.mirrors()), {"quay.io/hosts.toml", "quay.io/ca-bundle.pem"})

    def test_what_was_changed_by_hand_stays(self):
        (self.root / CERTS / "gone.example/hosts.toml").write_text("mine\n")
        self.apply(wanted("quay.io"))
        self.assertEqual(set(self.mirrors()), {"quay.io/hosts.toml", "quay.io/ca-bundle.pem", "gone.example/hosts.toml"})

    def test_happens_once(self):
        self.apply(wanted("quay.io"))
        # An administrator's own, with the bytes that provisioning had once written.
        self.provisioned(f"{CERTS}/gone.example/hosts.toml", hosts("gone.example", "https://b.example", "https://a.example"))
        self.apply(wanted("quay.io") + "# once more\n")
        self.assertTrue((self.root / CERTS / "gone.example/hosts.toml").exists())

    def test_order_and_dial_timeout_outlive_later_changes(self):
        self.apply(wanted("quay.io"))
        before = self.mirrors()
        self.apply(wanted("quay.io").replace('"x"', '"y"'))
        self.assertEqual(self.mirrors(), before)

    def test_reset_takes_over_too(self):
        self.apply(wanted("quay.io"))
        self.expect(0, self.node("reset", "--yes"))
        self.assertEqual(self.mirrors(), {})


if __name__ == "__main__":
    main()
