"""A machine as userdata sees one: a root of its own with the programs of this one, and a systemctl that takes notes."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from harness import SOURCE, TESTDATA, gna, indented, listing  # noqa: E402,F401

STATE = "var/lib/gardener-node-agent/provision-state"
WORKER = TESTDATA / "osc/real/provision-worker.yaml"
MIRRORS = ["--mirrors", TESTDATA / "provision/mirrors.yaml", "--secrets", TESTDATA / "provision/secrets.yaml"]
TOKEN, NAME = "abcdef.0123456789abcdef", "machine-1"

NOTE = """#!/bin/sh
echo "$(basename "$0") $*" >> /log
[ ! -e /fail ] || ! echo "$*" | grep -q -- "$(cat /fail)"
"""

# Counts the calls; at the one that /kill names, everything ends as when the power goes.
LAST = """#!/bin/sh
n=$(cat /calls 2> /dev/null || echo 0)
echo $((n + 1)) > /calls
[ "$(cat /kill 2> /dev/null)" != $((n + 1)) ] || kill -9 0
exec /usr/bin/{name} "$@"
"""


def can_chroot():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def machine_controller(userdata, token=TOKEN, name=NAME):
    """What it does to the bytes: the plain placeholder everywhere, or if there is none the URL-encoded one."""
    for word, value in (("BOOTSTRAP_TOKEN", token), ("MACHINE_NAME", name)):
        plain, encoded = f"<<{word}>>".encode(), f"%3C%3C{word}%3E%3E".encode()
        userdata = userdata.replace(plain if plain in userdata else encoded, value.encode())
    return userdata


class Machine:
    def __init__(self, directory):
        self.root = Path(directory)
        for name in ("etc", "usr", "dev", "tmp", "fake", "var/lib"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to("usr/" + name)
        (self.root / "dev/null").touch()
        (self.root / "etc/machine-id").write_text("1" * 32 + "\n")
        self.program("systemctl", NOTE)

    def program(self, name, text):
        path = self.root / "fake" / name
        path.write_text(text)
        path.chmod(0o755)

    def kill_at(self, n):
        """Everything dies at the n-th call of sync, mv, chmod or systemctl; None: no more."""
        (self.root / "calls").unlink(missing_ok=True)
        (self.root / "kill").write_text(str(n) + "\n")
        for name in ("sync", "mv", "chmod"):
            self.program(name, LAST.replace("{name}", name))

    def run(self, userdata, shell="dash"):
        """Runs a script; (exit code, standard error)."""
        (self.root / "userdata").write_bytes(userdata)
        mounts = "mount --bind /usr usr && mount --bind /dev/null dev/null"
        path = "PATH=/fake:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            ["unshare", "-m", "--propagation", "private", "sh", "-c",
             f'cd "$0" && {mounts} && exec chroot . /usr/bin/env -i {path} /usr/bin/"$1" /userdata', str(self.root), shell],
            stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
        return done.returncode, done.stderr.decode(errors="replace")

    def log(self):
        path = self.root / "log"
        return path.read_text().splitlines() if path.exists() else []

    def tree(self):
        """What was written: path to mode and bytes, or to a link's target."""
        return {path: what for path, what in listing(self.root).items()
                if path.split("/")[0] not in ("usr", "bin", "sbin", "lib", "lib64", "dev", "tmp", "fake", "log", "calls",
                                              "kill", "fail", "userdata")}

    def files(self):
        return {"/" + path: what for path, (_, what) in self.tree().items() if isinstance(what, bytes)}

    def state(self):
        return (self.root / STATE).read_text()


class UserdataTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if not can_chroot():
            print("needs root and mount namespaces", file=sys.stderr)
            sys.exit(77)
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.scratch = Path(tempfile.mkdtemp(prefix="gna-userdata-", dir=memory))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.made = 0

    def machine(self):
        self.made += 1
        directory = self.scratch / f"root-{self.made}"
        directory.mkdir()
        return Machine(directory)

    def write(self, name, text):
        path = self.scratch / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def render(self, osc, *flags, code=0):
        """The userdata's bytes, before the machine controller."""
        out = self.scratch / "out"
        out.unlink(missing_ok=True)
        result = gna("provision", "render", osc, "--generation", "1790000000", "--out", out, *flags)
        self.assertEqual(result.code, code, str(result))
        return out.read_bytes() if code == 0 else result

    def userdata(self, osc=WORKER, *flags):
        return machine_controller(self.render(osc, *flags))


def main():
    random.seed(20261124)
    unittest.main(verbosity=2)
