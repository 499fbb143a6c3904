"""What the real Ignition makes of our configuration: the tree that the script makes, with presets."""

import base64
import glob
import gzip
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from machine import MIRRORS, STATE, WORKER, UserdataTest, main
from test_script import awkward_osc

PROGRAM = next(iter(glob.glob("/usr/lib/dracut/modules.d/*ignition/ignition")), None)
PRESET = "/etc/systemd/system-preset/20-ignition.preset"


def merged(config):
    for source in json.loads(config)["ignition"].get("config", {}).get("merge", []):
        yield gzip.decompress(base64.b64decode(source["source"].split(",", 1)[1]))


class Ignition(UserdataTest):
    def setUp(self):
        super().setUp()
        if not PROGRAM or not shutil.which("ignition-validate"):
            print("needs Debian's package ignition", file=sys.stderr)
            sys.exit(77)
        self.apply_program = self.scratch / "ignition-apply"
        self.apply_program.symlink_to(PROGRAM)

    def validate(self, config, program="ignition-validate"):
        """Gives the warnings, of the configuration and of the one merged into it."""
        said = ""
        for layer in [config, *merged(config)]:
            done = subprocess.run([program, str(self.write("config.ign", layer))], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            said += done.stdout + done.stderr
        return said

    def apply(self, machine, config):
        # Nothing but the tree: not the programs of this machine.
        for path in machine.root.iterdir():
            if path.is_symlink() or path.name in ("usr", "dev", "tmp", "fake"):
                path.unlink() if path.is_symlink() else shutil.rmtree(path)
        # It refuses to work outside of containers, and this variable is how it tells.
        done = subprocess.run([str(self.apply_program), "--root", str(machine.root), str(self.write("config.ign", config))],
                              capture_output=True, text=True, env={**os.environ, "container": "gna-test"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_gives_the_scripts_tree_with_presets(self):
        for flags in ([], MIRRORS):
            config = self.userdata(WORKER, *flags, "--format", "ignition")
            # As in the OSC, and as on every Flatcar machine of Gardener.
            self.assertRegex(self.validate(config), r'\Awarning.*"gardener-user.service" is enabled, but has no install section.*\n\Z')
            ours, theirs = self.machine(), self.machine()
            self.assertEqual(ours.run(self.userdata(WORKER, *flags))[0], 0)
            self.apply(theirs, config)
            wanted, found = ours.tree(), theirs.tree()
            preset = found.pop(PRESET[1:])[1].decode().splitlines()
            self.assertCountEqual(preset, ["enable " + name for name in (  # Ignition writes them in any order
                "gardener-node-init.service", "gardener-user.service", "gardener-user.path", "sshd-ensurer.service")])
            del found["etc/systemd/system-preset"]
            # The first boot has no machine id yet when Ignition runs.
            mode, state = wanted.pop(STATE)
            self.assertEqual(found.pop(STATE), (mode, state.replace(b"machine " + b"1" * 32 + b"\n", b"")))
            self.assertEqual(found, wanted)

    def test_every_byte_and_mode_arrives(self):
        text, wanted = awkward_osc()
        config = self.userdata(self.write("osc.json", text), "--format", "ignition")
        self.validate(config)
        machine = self.machine()
        self.apply(machine, config)
        found = {"/" + p: (mode & 0o7777, what) for p, (mode, what) in machine.tree().items() if isinstance(what, bytes)}
        for name in ("/" + STATE, "/etc/machine-id", PRESET):
            found.pop(name)
        self.assertEqual(set(found), set(wanted))
        for name, (mode, what) in wanted.items():
            self.assertEqual(found[name], (mode, what), name)

    def test_newer_validators_accept_it(self):
        built = subprocess.run([Path(__file__).parent / "validator"], capture_output=True, text=True)
        if built.returncode != 0:
            self.skipTest("no Go, or no module proxy: " + built.stderr[-300:])
        program = built.stdout.strip()
        text, _ = awkward_osc()
        awkward = self.write("osc.json", text)
        for flags in ([WORKER, *MIRRORS, "--format", "ignition"], [WORKER, *MIRRORS, "--os", "flatcar"], [awkward, "--format", "ignition"]):
            self.validate(self.userdata(*flags), program)
        broken = subprocess.run([program, str(self.write("broken.ign", b'{"ignition":{"version":"9.9.9"}}'))], capture_output=True)
        self.assertNotEqual(broken.returncode, 0, "the check checks")

    # A file that the image has already would be an emergency shell without `overwrite`.
    def test_overwrites_what_the_image_has(self):
        machine = self.machine()
        config = self.userdata(WORKER, *MIRRORS, "--format", "ignition")
        self.apply(machine, config)
        tree = machine.tree()
        (machine.root / "etc/containerd/certs.d/quay.io/hosts.toml").write_text("# of the image\n")
        self.apply(machine, config)
        again = machine.tree()
        for one in (tree, again):  # Ignition appends to its presets
            one.pop(PRESET[1:])
        self.assertEqual(again, tree)

    def test_flatcars_form(self):
        for flags in ([], MIRRORS):
            config = self.userdata(WORKER, *flags, "--os", "flatcar")
            warnings = self.validate(config)
            self.assertLessEqual(warnings.count("warning"), 1, warnings)
            machine, local = self.machine(), self.machine()
            self.assertEqual(local.run(self.userdata(WORKER, *flags, "--os", "local"))[0], 0)
            self.apply(machine, config)
            found = machine.files()
            for path, what in local.files().items():
                if path == "/var/lib/osc/provision-osc-applied":
                    continue
                # Here-documents end in a line feed.
                self.assertEqual(found[path], what.removesuffix(b"\n") if path.endswith(("/bootstrap-token", "/machine-name")) else what)
            self.assertEqual((machine.root / "etc/systemd/system/update-engine.service").readlink().as_posix(), "/dev/null")
            self.assertIn(b"enable containerd-setup.service\n", found[PRESET])

    def test_is_one_line_of_json_with_two_layers(self):
        config = self.render(WORKER, *MIRRORS, "--format", "ignition")
        self.assertNotIn(b"\n", config)
        self.assertEqual(json.loads(config)["ignition"]["version"], "3.3.0")


if __name__ == "__main__":
    main()
