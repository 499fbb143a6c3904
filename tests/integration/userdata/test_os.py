"""The forms of the OS extensions, run twice: the OSC's files arrive, and the second run changes nothing."""

import email
import shutil
import subprocess
import unittest

import yaml

from machine import MIRRORS, NOTE, WORKER, UserdataTest, main

SYSTEMS = ("gardenlinux", "ubuntu", "suse-chost", "memoryone", "local")
CONTAINERD = NOTE + '[ "$*" != "config default" ] || echo "version = 2"\n'


def as_script(system, userdata):
    """What the machine runs of it."""
    if system == "ubuntu":
        (part,) = yaml.safe_load(userdata)
        assert part["type"] == "text/x-shellscript"
        return part["content"].encode()
    if system == "memoryone":
        settings, script = email.message_from_bytes(userdata).get_payload()
        assert settings.get_content_type() == "text/x-vsmp"
        return script.get_payload(decode=True)
    return userdata


class OperatingSystems(UserdataTest):
    def machine(self):
        machine = super().machine()
        (machine.root / "etc/systemd/system").mkdir(parents=True)  # the extensions count on it
        machine.program("containerd", CONTAINERD)
        for name in ("modprobe", "nslookup", "apt-get", "zypper"):
            machine.program(name, NOTE)
        machine.program("hostname", "#!/bin/sh\necho machine-1\n")
        return machine

    def test_replayed_they_leave_the_same_tree(self):
        for system in SYSTEMS:
            for flags in ([], MIRRORS):
                with self.subTest(system=system, mirrors=bool(flags)):
                    script = as_script(system, self.userdata(WORKER, *flags, "--os", system))
                    machine = self.machine()
                    self.assertEqual(machine.run(script, "bash")[0], 0)
                    tree, log = machine.tree(), machine.log()
                    self.assertIn("systemctl restart --no-block gardener-node-init.service", log)
                    self.assertIn("var/lib/osc/provision-osc-applied", tree)
                    self.assertEqual(machine.run(script, "bash")[0], 0)
                    self.assertEqual((machine.tree(), machine.log()), (tree, log))
                    # Without the marker, as after a replaced data disk, it comes to the same.
                    (machine.root / "var/lib/osc/provision-osc-applied").unlink()
                    self.assertEqual(machine.run(script, "bash")[0], 0)
                    self.assertEqual(machine.tree(), tree)

    def test_all_hold_the_files_of_the_osc(self):
        local = self.machine()
        self.assertEqual(local.run(self.userdata(WORKER, *MIRRORS, "--os", "local"), "bash")[0], 0)
        wanted = local.files()
        self.assertEqual(wanted["/var/lib/gardener-node-agent/machine-name"], b"machine-1\n")
        self.assertIn(b"hub.example.org", wanted["/etc/containerd/certs.d/docker.io/hosts.toml"])
        self.assertIn(b"ctr images pull", wanted["/var/lib/gardener-node-agent/init.sh"])
        for system in SYSTEMS:
            machine = self.machine()
            self.assertEqual(machine.run(as_script(system, self.userdata(WORKER, *MIRRORS, "--os", system)), "bash")[0], 0)
            found = machine.files()
            for path, what in wanted.items():
                self.assertEqual(found[path], what, (system, path))
            if system != "local":
                self.assertEqual(found["/etc/containerd/config.toml"], b"version = 2\n")
                self.assertIn(b"--config=/etc/containerd/config.toml", found["/etc/systemd/system/containerd.service.d/11-exec_config.conf"])

    def test_a_configuration_of_containerd_that_is_there_stays(self):
        for system in ("gardenlinux", "ubuntu", "suse-chost"):
            machine = self.machine()
            (machine.root / "etc/containerd").mkdir()
            (machine.root / "etc/containerd/config.toml").write_text("version = 3\n")
            self.assertEqual(machine.run(as_script(system, self.userdata(WORKER, "--os", system)), "bash")[0], 0)
            self.assertEqual(machine.files()["/etc/containerd/config.toml"], b"version = 3\n")

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck")
    def test_shellcheck_finds_no_error(self):
        for system in SYSTEMS:
            script = self.write("script.sh", as_script(system, self.render(WORKER, *MIRRORS, "--os", system)))
            checked = subprocess.run(["shellcheck", "-S", "error", str(script)], capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout), (0, ""))


if __name__ == "__main__":
    main()
