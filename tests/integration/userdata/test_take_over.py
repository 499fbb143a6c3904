"""From userdata to the agent: the first apply of the reconcile OSC finds below certs.d what it wants."""

import unittest

import yaml

from machine import MIRRORS, TESTDATA, WORKER, UserdataTest, gna, main


def certs(machine):
    return {path: what for path, what in machine.tree().items() if path.startswith("etc/containerd/certs.d")}


class TakeOver(UserdataTest):
    def reconcile(self, *flags):
        """The userdata, and the OSC that goes with it; files out of images are left out, since no containerd runs here."""
        osc = yaml.safe_load((TESTDATA / "osc/real/reconcile-worker.yaml").read_text())
        osc["spec"]["files"] = [file for file in osc["spec"]["files"] if "imageRef" not in file["content"]]
        kept = {file["path"] for file in osc["spec"]["files"]}
        for unit in osc["spec"]["units"]:
            unit["filePaths"] = [path for path in unit.get("filePaths", []) if path in kept]
        before, after = self.write("before.yaml", yaml.safe_dump(osc)), self.scratch / "after.yaml"
        return self.userdata(WORKER, *flags, "--reconcile", before, "--reconcile-out", after), after

    def apply(self, machine, osc, version):
        for name in ("bin", "sbin", "lib", "lib64"):
            (machine.root / name).unlink(missing_ok=True)
        result = gna("apply", "--root", machine.root, "--containerd-version", version, osc, "-o", "json")
        self.assertEqual(result.code, 0, str(result))
        return [document for document in result.documents() if document["kind"] == "ApplyStep"]

    def test_not_one_byte_below_certs_d_changes(self):
        for version in ("1.6.20", "2.1.5"):
            for flags in (MIRRORS, [*MIRRORS, "--require-mirror"]):
                with self.subTest(version=version, flags=flags[-1]):
                    machine = self.machine()
                    userdata, osc = self.reconcile(*flags)
                    self.assertEqual(machine.run(userdata)[0], 0)
                    found = certs(machine)
                    self.assertEqual(len([path for path in found if path.endswith(("hosts.toml", ".pem"))]), 6)
                    steps = self.apply(machine, osc, version)
                    self.assertEqual(certs(machine), found)
                    self.assertEqual([step["id"] for step in steps if "certs.d" in step["target"] or step["kind"] == "registry"], [])
                    self.assertEqual(self.apply(machine, osc, version), [])

    def test_the_order_that_init_found_stays(self):
        machine = self.machine()
        two = (TESTDATA / "provision/mirrors.yaml").read_text().replace(
            "  - host: https://quay.example.org\n", "  - host: https://dead.example.org\n    capabilities: [pull, resolve]\n  - host: https://quay.example.org\n")
        mirrors = ["--mirrors", self.write("mirrors.yaml", two), *MIRRORS[2:]]
        userdata, osc = self.reconcile(*mirrors)
        self.assertEqual(machine.run(userdata)[0], 0)
        path = machine.root / "etc/containerd/certs.d/quay.io/hosts.toml"
        head, first, second = path.read_text().partition("[host.")[0], *path.read_text().split("[host.")[1:]
        path.write_text(head + "[host." + second + "[host." + first)
        found = certs(machine)
        self.apply(machine, osc, "2.1.5")
        self.assertEqual(certs(machine), found)

    def test_a_mirror_that_the_osc_does_not_want_goes(self):
        machine = self.machine()
        userdata, _ = self.reconcile(*MIRRORS)
        self.assertEqual(machine.run(userdata)[0], 0)
        _, without = self.reconcile()
        self.apply(machine, without, "2.1.5")
        self.assertEqual([path for path in certs(machine) if path.endswith(("hosts.toml", ".pem"))], [])


if __name__ == "__main__":
    main()
