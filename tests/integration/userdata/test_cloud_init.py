"""What the real cloud-init, that of the node image, makes of our userdata: parts of the right type, and a valid schema."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

from machine import MIRRORS, SOURCE, WORKER, UserdataTest, main
from test_script import as_script

# Each part's type and bytes, as cloud-init would hand them to what runs them.
SPLIT = """
import json, sys
from cloudinit import helpers, user_data
paths = helpers.Paths({"cloud_dir": "/tmp/cloud", "run_dir": "/tmp/run"})
message = user_data.UserDataProcessor(paths).process(open("/userdata", "rb").read())
print(json.dumps([(part.get_content_type(), part.get_payload(decode=True).decode("latin-1"))
                  for part in message.walk() if part.get_content_maintype() != "multipart"]))
"""


class CloudInit(UserdataTest):
    @classmethod
    def setUpClass(cls):
        node = SOURCE / "tools/node"
        if subprocess.run([node, "check"], capture_output=True).returncode != 0:
            print("needs the node image", file=sys.stderr)
            sys.exit(77)
        image = subprocess.run([node, "image", "cloud-init"], capture_output=True, text=True, check=True).stdout.strip()
        cls.directory = tempfile.TemporaryDirectory(prefix="gna-cloud-init-", dir="/var/tmp")
        cls.image = cls.directory.name
        # Python and cloud-init are enough.
        subprocess.run(["tar", "-I", "zstd", "-xf", image, "-C", cls.image, "./usr", "./etc", "./bin", "./lib", "./lib64", "./tmp"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def inside(self, userdata, *command):
        with open(os.path.join(self.image, "userdata"), "wb") as file:
            file.write(userdata)
        return subprocess.run(["unshare", "-mn", "--propagation", "private", "chroot", self.image, *command],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def parts(self, userdata):
        done = self.inside(userdata, "/usr/bin/python3", "-c", SPLIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [(kind, text.encode("latin-1")) for kind, text in json.loads(done.stdout.splitlines()[-1])]

    def test_cloud_config_has_a_valid_schema(self):
        for flags in ([], MIRRORS):
            userdata = self.userdata(WORKER, *flags, "--format", "cloud-config")
            done = self.inside(userdata, "/usr/bin/cloud-init", "schema", "--config-file", "/userdata")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("Valid", done.stdout)
            self.assertEqual([kind for kind, _ in self.parts(userdata)], ["text/cloud-config"])
        broken = self.inside(b"#cloud-config\nruncmd: 1\n", "/usr/bin/cloud-init", "schema", "--config-file", "/userdata")
        self.assertNotEqual(broken.returncode, 0, "the check checks")

    def test_script_and_mime_are_one_script_byte_for_byte(self):
        for form in ("script", "mime"):
            userdata = self.userdata(WORKER, *MIRRORS, "--format", form)
            ((kind, script),) = self.parts(userdata)
            self.assertEqual(kind, "text/x-shellscript")
            self.assertEqual(script.rstrip(b"\n"), as_script(form, userdata).rstrip(b"\n"))

    def test_forms_of_operating_systems(self):
        for system in ("gardenlinux", "suse-chost", "local", "ubuntu"):
            ((kind, script),) = self.parts(self.userdata(WORKER, *MIRRORS, "--os", system))
            self.assertEqual(kind, "text/x-shellscript", system)
            self.assertTrue(script.startswith(b"#!/bin/bash\n"), system)
        kinds = [kind for kind, _ in self.parts(self.userdata(WORKER, *MIRRORS, "--os", "memoryone"))]
        self.assertEqual(kinds, ["text/x-vsmp", "text/x-shellscript"])

    def test_gzip_is_unpacked(self):
        filled = self.write("osc.yaml", "apiVersion: extensions.gardener.cloud/v1alpha1\nkind: OperatingSystemConfig\nmetadata: {name: t}\n"
                            "spec: {type: t, purpose: provision, files: [{path: /etc/x, content: {inline: {encoding: '', data: x}}}]}\n")
        for flags in (["--gzip"], ["--gzip", "--format", "cloud-config"]):
            userdata = self.render(filled, *flags)
            self.assertEqual(userdata[:2], b"\x1f\x8b")
            self.assertEqual(len(self.parts(userdata)), 1)


if __name__ == "__main__":
    main()
