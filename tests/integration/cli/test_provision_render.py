"""gna provision render as people and scripts see it: what is refused, what is told, what is written."""

import os
import stat
import subprocess
import unittest

from harness import TESTDATA, CommandTest, gna, main

WORKER = TESTDATA / "osc/real/provision-worker.yaml"
RECONCILE = TESTDATA / "osc/real/reconcile-worker.yaml"
DATA = TESTDATA / "provision"
MIRRORS = ["--mirrors", DATA / "mirrors.yaml", "--secrets", DATA / "secrets.yaml"]


def render(*arguments, **more):
    return gna("provision", "render", *arguments, **more)


class Hostile(CommandTest):
    def test_mirrors_are_refused_and_nothing_is_rendered(self):
        documents = sorted((DATA / "bad").glob("*.yaml"))
        self.assertGreaterEqual(len(documents), 25)
        for path in documents:
            for form in (["--format", "script"], ["--os", "ubuntu"]):
                with self.subTest(path.name):
                    out, reconcile = self.scratch / "out", self.scratch / "reconcile"
                    result = self.expect(2, render(WORKER, "--mirrors", path, "--secrets", DATA / "secrets.yaml", "--all-mirrors",
                                                   "--out", out, "--reconcile", RECONCILE, "--reconcile-out", reconcile, *form))
                    self.assertEqual(result.out, "")
                    self.assertFalse(out.exists() or reconcile.exists())
                    self.assertIn(path.name, result.err)
                    self.assertNotIn("hunter2", result.err)
                    self.assertTrue(result.err.startswith("gna: error: "), result.err)

    def test_every_osc_that_is_wrong_is_refused(self):
        for path in sorted((TESTDATA / "osc/bad").glob("*traversal*.yaml")) + sorted((TESTDATA / "osc/bad").glob("path-*.yaml")):
            with self.subTest(path.name):
                if gna("validate", path).code == 2:
                    self.assertEqual(self.expect(2, render(path)).out, "")

    def test_secrets_of_inputs_are_not_told(self):
        secrets = self.write("secrets.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n"
                             "stringData: {username: 'u:hunter2', password: hunter2}\n")
        result = self.expect(2, render(WORKER, *MIRRORS, "--secrets", secrets, "--mirror-credentials", "c"))
        self.assertNotIn("hunter2", result.text)


    def test_credentials_are_left_out_with_a_warning_unless_asked_for(self):
        secrets = self.write("secrets.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\nstringData: {username: u, password: hunter2}\n")
        flags = [*MIRRORS, "--secrets", secrets, "--mirror-credentials", "c"]
        self.assertIn("are left out", self.expect(0, render(WORKER, *flags)).err)
        asked = self.expect(0, render(WORKER, *flags, "--secrets-in-userdata"))
        self.assertIn("whoever reaches the metadata service", asked.err)
        self.assertNotIn("hunter2", asked.text)
        self.expect(2, render(WORKER, *flags, "--mirror-credentials", "https://other.example=c"))
        self.expect(2, render(WORKER, *MIRRORS, "--mirror-credentials", "c"))


class Render(CommandTest):
    def test_goes_to_standard_output_or_to_a_file_of_its_owner(self):
        shown = self.expect(0, render(WORKER, *MIRRORS, "--generation", "5"))
        self.assertTrue(shown.out.startswith("#!/bin/sh\n"))
        out = self.scratch / "out"
        self.assertEqual(self.expect(0, render(WORKER, *MIRRORS, "--generation", "5", "--out", out)).out, "")
        self.assertEqual(out.read_text(), shown.out)
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        # Also where a file that everybody may read lay.
        out.chmod(0o644)
        self.expect(0, render(WORKER, *MIRRORS, "--generation", "5", "--out", out))
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)

    def test_generation_comes_from_the_flag_the_epoch_or_the_clock(self):
        self.assertIn("\ngeneration=5\n", render(WORKER, "--generation", "5", env={"SOURCE_DATE_EPOCH": "7"}).out)
        self.assertIn("\ngeneration=7\n", render(WORKER, env={"SOURCE_DATE_EPOCH": "7"}).out)
        self.assertNotIn("\ngeneration=0\n", render(WORKER).out)
        for wrong in ("-1", "x", "1.5", "99999999999999999999"):
            self.expect(2, render(WORKER, "--generation", wrong))

    def test_equal_input_gives_equal_bytes(self):
        for form in ("script", "ignition"):
            one, two = (render(WORKER, *MIRRORS, "--generation", "5", "--format", form).out for _ in range(2))
            self.assertEqual(one, two)

    def test_only_relevant_mirrors_unless_all_are_asked_for(self):
        text = (DATA / "mirrors.yaml").read_text().replace("provisionRelevant: true", "provisionRelevant: false", 1)
        mirrors = ["--mirrors", self.write("mirrors.yaml", text), "--secrets", DATA / "secrets.yaml", "-o", "json"]
        def upstreams(*flags):
            parts = self.expect(0, render(WORKER, *mirrors, *flags)).document()["parts"]
            return {part["path"].split("/")[4] for part in parts if part["path"].endswith("/hosts.toml")}
        self.assertEqual(upstreams(), {"docker.io", "quay.io"})
        self.assertEqual(upstreams("--all-mirrors"), {"docker.io", "quay.io", "europe-docker.pkg.dev"})
        self.assertIn("no mirror for europe-docker.pkg.dev", render(WORKER, *mirrors).err)
        # The released extension does not have the field.
        released = [mirrors[0], self.write("released.yaml", text.replace("  provisionRelevant: true\n", "")), *mirrors[2:4]]
        self.assertIn("none is provisionRelevant", self.expect(0, render(WORKER, *released)).err)
        self.assertNotIn("provisionRelevant", self.expect(0, render(WORKER, *released, "--all-mirrors")).err)

    def test_too_large_is_refused_with_a_table(self):
        result = self.expect(2, render(WORKER, *MIRRORS, "--os", "gardenlinux", "--limit", "aws", "--out", self.scratch / "out"))
        self.assertEqual(result.out, "")
        self.assertFalse((self.scratch / "out").exists())
        self.assertIn("aws takes 16384", result.err)
        self.assertIn("hub.example.org-v2-hub-ca-bundle.pem", result.err)
        self.assertIn("in all\n", result.err)
        for form in ("script", "cloud-config", "mime", "ignition"):
            self.expect(0, render(WORKER, *MIRRORS, "--format", form, "--limit", "aws"))
        self.expect(2, render(WORKER, "--limit", "moon"))
        for name in ("azure", "gcp", "openstack", "hetzner", "kubevirt"):
            self.expect(0, render(WORKER, *MIRRORS, "--os", "gardenlinux", "--limit", name))

    def test_placeholders_are_never_compressed(self):
        self.assertIn("placeholder", self.expect(2, render(WORKER, "--gzip")).err)
        for form in ("ignition", "script"):
            self.expect(2, render(WORKER, "--gzip", "--format", form))

    def test_require_mirror_asks_no_upstream(self):
        out = self.scratch / "reconcile.yaml"
        self.expect(0, render(WORKER, *MIRRORS, "--require-mirror", "--os", "local",
                              "--reconcile", RECONCILE, "--reconcile-out", out))
        self.assertIn("server: https://mirror.example.org:5000\n", out.read_text())
        self.assertNotIn("registry-1.docker.io", out.read_text())
        self.expect(2, render(WORKER, "--require-mirror"))
        pull_only = (DATA / "mirrors.yaml").read_text().replace("[pull, resolve]", "[pull]", 1)
        mirrors = ["--mirrors", self.write("mirrors.yaml", pull_only), "--secrets", DATA / "secrets.yaml"]
        self.assertIn("a pull by tag asks the upstream", self.expect(0, render(WORKER, *mirrors)).err)
        self.assertIn("capability resolve", self.expect(2, render(WORKER, *mirrors, "--require-mirror")).err)

    def test_the_reconcile_osc_is_valid_and_renders_the_same_mirrors(self):
        out = self.scratch / "reconcile.yaml"
        self.expect(0, render(WORKER, *MIRRORS, "--reconcile", RECONCILE, "--reconcile-out", out))
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        self.expect(0, gna("validate", out))
        upstreams = {registry["upstream"] for registry in self.expect(0, gna("render", out, "-o", "json")).document()["registries"]}
        self.assertLessEqual({"docker.io", "quay.io", "europe-docker.pkg.dev"}, upstreams)
        self.expect(2, render(WORKER, "--reconcile-out", out))
        self.expect(2, render(WORKER, "--reconcile", WORKER, "--reconcile-out", out))

    def test_talos_is_not_in_this_version(self):
        self.assertIn("talos", self.expect(3, render(WORKER, "--format", "talos")).err)

    def test_reads_secrets_and_standard_input(self):
        self.expect(0, render(TESTDATA / "osc/real/provision-worker.secret.yaml"))
        self.expect(0, render("-", stdin=WORKER.read_bytes()))
        self.expect(0, render(WORKER, "--mirrors", "-", "--secrets", DATA / "secrets.yaml", stdin=(DATA / "mirrors.yaml").read_bytes()))
        self.expect(2, render(self.scratch / "absent"))
        self.expect(2, render(WORKER, "--mirrors", self.scratch / "absent"))
        self.expect(2, render(RECONCILE))

    def test_what_cannot_be_written_fails(self):
        self.expect(1, render(WORKER, "--out", self.scratch / "no/such/directory"))
        self.expect(1, render(WORKER, "--out", "/dev/full"))
        self.expect(1, render(WORKER, "--out", self.scratch))
        # Both files or none, and nothing half-written beside them.
        directory = self.scratch / "directory"
        directory.mkdir()
        reconcile = directory / "reconcile.yaml"
        reconcile.write_text("of before\n")
        for out in ("/dev/full", directory):
            self.expect(1, render(WORKER, *MIRRORS, "--out", out, "--reconcile", RECONCILE, "--reconcile-out", reconcile))
            self.assertEqual([(path.name, path.read_text()) for path in directory.iterdir()], [("reconcile.yaml", "of before\n")])

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a file system")
    def test_a_full_disk_keeps_what_was_there(self):
        disk = self.scratch / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(disk)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        (disk / "old").write_text("of before\n")
        for name in ("new", "old"):
            self.assertIn("No space left", self.expect(1, render(WORKER, "--out", disk / name)).err)
            self.assertEqual([(path.name, path.read_text()) for path in disk.iterdir()], [("old", "of before\n")])

    def test_a_file_that_is_there_is_replaced(self):
        (self.scratch / "directory").mkdir()
        real, link = self.scratch / "directory/real", self.scratch / "directory/link"
        real.write_text("of before\n")
        real.chmod(0o644)
        link.symlink_to("real")
        self.expect(0, render(WORKER, "--out", link))
        self.assertTrue(link.is_symlink())
        self.assertTrue(real.read_text().startswith("#!/bin/sh\n"))
        self.assertEqual(stat.S_IMODE(real.stat().st_mode), 0o600)
        self.assertEqual(len(list(real.parent.iterdir())), 2)

    def test_flags_that_lead_nowhere_are_refused(self):
        out = self.scratch / "out"
        self.expect(2, render(WORKER, "--reconcile", RECONCILE))
        self.expect(2, render(WORKER, "--reconcile", RECONCILE, "--reconcile-out", out, "--out", out))
        self.assertFalse(out.exists())

    def test_of_every_real_provision_osc(self):
        for path in sorted((TESTDATA / "osc/real").glob("provision-*.yaml")):
            for form in ("script", "cloud-config", "mime", "ignition"):
                with self.subTest(path.name, form=form):
                    document = self.expect(0, render(path, "--format", form, "-o", "json")).document()
                    self.assertLess(document["bytes"], 16384)


if __name__ == "__main__":
    main()
