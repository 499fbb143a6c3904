"""The script on a machine: every byte arrives, running it again changes nothing, being killed is survived."""

import base64
import email
import gzip
import json
import random
import re
import shutil
import subprocess
import unittest

import yaml

from machine import MIRRORS, NAME, STATE, TOKEN, WORKER, UserdataTest, machine_controller, main

SHELLS = ("dash", "bash")


def awkward_texts():
    texts = [b"", b"\n", b"\n\n", b"x", b"x\n", b"x\n\n", b" x ", b"\t", b"$HOME `id` $(touch /pwned) \\ ' \" \\n\n", b"EOF",
             b"EOF\n", b"EOF\nEOF1\n", b"a\r\nb\r\n", b"\0", b"a\0b\n", b"\x01\x7f\x80\xff\xc3\xa9\n", b"---\n...\n", b"- |\n",
             b"x" * 70_000, b"line\n" * 3_000]
    texts += [random.randbytes(random.randrange(300)) for _ in range(40)]
    return texts


def awkward_osc():
    """All of them as files, some with a placeholder in the midst."""
    files = []
    for i, text in enumerate(awkward_texts()):
        files.append({"path": f"/t/{i}", "permissions": random.choice((0o600, 0o644, 0o755, 0o444)), "text": text})
        if len(text) < 1000:
            files.append({"path": f"/t/p{i}", "permissions": 0o640, "text": b"<<MACHINE_NAME>>" + text + b"<<BOOTSTRAP_TOKEN>>"})
            files.append({"path": f"/t/q{i}", "permissions": 0o640, "text": text + b"<<MACHINE_NAME>>" + text})
    for path in ("/t/\u00e9/p", "/t/p 'q'", "/t/\u2028 %d\\'", "/t/\U0001f600"):
        files.append({"path": path, "permissions": 0o644, "text": b"<<MACHINE_NAME>>"})
    for path in ("/t/a blank", "/t/it's", "/t/$(touch \"/pwned\")", "/t/`id`", "/t/b\\n", "/t/\u00e9/x", "/t/*"):
        files.append({"path": path, "permissions": 0o644, "text": path.encode()})
    document = {"apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "OperatingSystemConfig", "metadata": {"name": "t"},
                "spec": {"type": "t", "purpose": "provision", "files": [
                    {"path": f["path"], "permissions": f["permissions"],
                     "content": {"inline": {"encoding": "b64", "data": base64.b64encode(f["text"]).decode()}}} for f in files
                    if f["text"]] + [
                    {"path": f["path"], "permissions": f["permissions"], "content": {"inline": {"encoding": "", "data": ""}}}
                    for f in files if not f["text"]],
                    "units": [{"name": "a.service", "content": "[Unit]\n# \\ $x `id`\n", "dropIns": [{"name": "x.conf", "content": "[Unit]"}]},
                              {"name": "b.service", "enable": False, "content": "[Unit]\nDescription=<<MACHINE_NAME>>\n"},
                              {"name": "c.service", "command": "stop"}]}}
    wanted = {f["path"]: (f["permissions"], machine_controller(f["text"])) for f in files}
    wanted["/etc/systemd/system/a.service"] = (0o644, b"[Unit]\n# \\ $x `id`\n")
    wanted["/etc/systemd/system/a.service.d/x.conf"] = (0o644, b"[Unit]")
    wanted["/etc/systemd/system/b.service"] = (0o644, b"[Unit]\nDescription=machine-1\n")
    return json.dumps(document), wanted


def as_script(form, userdata):
    """What cloud-init would run."""
    if form == "cloud-config":
        (command,) = yaml.safe_load(userdata)["runcmd"]
        return ("#!/bin/sh\n" + command + "\n").encode()
    if form == "mime":
        (part,) = email.message_from_bytes(userdata).get_payload()
        assert part.get_content_type() == "text/x-shellscript"
        return part.get_payload(decode=True)
    return userdata


def archive(script):
    """The packed part of it, as text."""
    return gzip.decompress(base64.b64decode(re.search(rb"<<'EOF' \| gzip -d\n(.*)\n *EOF", script).group(1)))


class Script(UserdataTest):
    def test_every_byte_and_mode_arrives_and_nothing_runs(self):
        text, wanted = awkward_osc()
        path = self.write("osc.json", text)
        for form in ("script", "cloud-config", "mime"):
            userdata = self.userdata(path, "--format", form)
            for shell in SHELLS if form == "script" else ("dash",):
                with self.subTest(form=form, shell=shell):
                    machine = self.machine()
                    code, said = machine.run(as_script(form, userdata), shell)
                    self.assertEqual(code, 0, said)
                    tree = machine.tree()
                    found = {"/" + p: (mode & 0o7777, what) for p, (mode, what) in tree.items()
                             if isinstance(what, bytes) and p not in (STATE, "etc/machine-id")}
                    self.assertEqual(set(found), set(wanted))
                    for name, (mode, what) in wanted.items():
                        self.assertEqual(found[name], (mode, what), name)
                    self.assertFalse((machine.root / "pwned").exists())
                    for name, (mode, what) in tree.items():
                        if what is None:
                            self.assertEqual(mode & 0o7777, 0o755, name)
                    self.assertEqual(machine.log(), [
                        "systemctl daemon-reload", "systemctl enable a.service", "systemctl restart --no-block a.service",
                        "systemctl disable --now --no-block b.service",
                        "systemctl enable c.service", "systemctl stop --no-block c.service"])

    def test_of_a_real_pool_with_mirrors(self):
        machine = self.machine()
        code, said = machine.run(self.userdata(WORKER, *MIRRORS))
        self.assertEqual((code, said), (0, "gna-provision: generation 1790000000 is applied\n"))
        files = machine.files()
        agent = "/var/lib/gardener-node-agent/"
        self.assertEqual(files[agent + "credentials/bootstrap-token"], TOKEN.encode())
        self.assertEqual(files[agent + "machine-name"], NAME.encode())
        self.assertIn(b"dial_timeout = \"1s\"", files["/etc/containerd/certs.d/quay.io/hosts.toml"])
        lines = machine.state().splitlines()
        self.assertEqual(lines[:2] + lines[3:5], ["gna-provision 1", "generation 1790000000", "machine " + "1" * 32, "phase done"])
        self.assertEqual((machine.root / STATE).stat().st_mode & 0o7777, 0o600)
        written = {line.split()[3]: line.split()[1:3] for line in lines[5:]}
        below = {path for path in files if path.startswith("/etc/containerd/certs.d/")}
        self.assertEqual(set(written), below)
        for path, (sha256, mode) in written.items():
            sum256 = subprocess.run(["sha256sum", str(machine.root) + path], capture_output=True, text=True).stdout.split()[0]
            self.assertEqual((sha256, mode), (sum256, "0644"))

    def test_running_it_again_does_nothing(self):
        for shell in SHELLS:
            machine = self.machine()
            userdata = self.userdata(WORKER, *MIRRORS)
            self.assertEqual(machine.run(userdata, shell)[0], 0)
            # What the agent or a person has changed since stays.
            (machine.root / "etc/containerd/certs.d/quay.io/hosts.toml").write_text("# changed\n")
            tree, log = machine.tree(), machine.log()
            code, said = machine.run(userdata, shell)
            self.assertEqual((code, said), (0, "gna-provision: generation 1790000000 is applied already: nothing to do\n"))
            self.assertEqual((machine.tree(), machine.log()), (tree, log))

    def test_nothing_goes_back_in_time(self):
        new = self.userdata(WORKER, *MIRRORS)
        for generation, applied in (("1789999999", False), ("1790000000", False), ("1790000001", True)):
            machine = self.machine()
            self.assertEqual(machine.run(new)[0], 0)
            tree = machine.tree()
            other = self.userdata(WORKER, "--generation", generation)
            code, said = machine.run(other)
            self.assertEqual(code, 0)
            if applied:
                self.assertIn(f"\ngeneration {generation}\n", machine.state())
            else:
                self.assertEqual(said, f"gna-provision: generation 1790000000 is applied, this is {generation}: nothing to do\n")
                self.assertEqual(machine.tree(), tree)

    def test_the_same_content_of_another_generation_is_no_change(self):
        machine = self.machine()
        self.assertEqual(machine.run(self.userdata())[0], 0)
        tree = machine.tree()
        for generation in ("1", "1890000000"):
            code, said = machine.run(self.userdata(WORKER, "--generation", generation))
            self.assertIn("nothing to do", said)
            self.assertEqual((code, machine.tree()), (0, tree))

    def test_what_the_agent_has_taken_over_is_left_alone(self):
        machine = self.machine()
        directory = machine.root / "var/lib/gardener-node-agent"
        directory.mkdir(parents=True)
        (directory / "last-applied-osc.yaml").write_text("kind: OperatingSystemConfig\n")
        tree = machine.tree()
        for _ in range(2):
            self.assertEqual(machine.run(self.userdata(WORKER, *MIRRORS)),
                             (0, "gna-provision: the agent has taken over: nothing to do\n"))
        self.assertEqual((machine.tree(), machine.log()), (tree, []))

    def test_a_cloned_disk_is_set_up_anew(self):
        machine = self.machine()
        userdata = self.userdata(WORKER, *MIRRORS)
        self.assertEqual(machine.run(userdata)[0], 0)
        (machine.root / "etc/machine-id").write_text("2" * 32 + "\n")
        code, said = machine.run(machine_controller(self.render(WORKER, *MIRRORS), name="machine-2"))
        self.assertEqual(code, 0)
        self.assertIn("from another machine", said)
        self.assertIn("machine " + "2" * 32, machine.state())
        self.assertEqual(machine.files()["/var/lib/gardener-node-agent/machine-name"], b"machine-2")

    def test_a_broken_state_file_is_no_reason_not_to_run(self):
        for text in ("", "rubbish\n", "gna-provision 1\ngeneration x\nsha256\nphase done\n"):
            machine = self.machine()
            (machine.root / STATE).parent.mkdir(parents=True)
            (machine.root / STATE).write_text(text)
            self.assertEqual(machine.run(self.userdata())[0], 0)
            self.assertIn("phase done", machine.state())

    def test_a_unit_that_does_not_start_is_tried_again(self):
        for shell in SHELLS:
            machine = self.machine()
            (machine.root / "fail").write_text("restart --no-block gardener-node-init.service")
            code, said = machine.run(self.userdata(), shell)
            self.assertEqual(code, 1)
            self.assertIn("not as they should be: gardener-node-init.service\n", said)
            self.assertIn("cut short", said)
            self.assertIn("systemctl restart --no-block sshd-ensurer.service", machine.log(), "the others are started")
            self.assertFalse((machine.root / STATE).exists())
            (machine.root / "fail").unlink()
            self.assertEqual(machine.run(self.userdata(), shell)[0], 0)
            self.assertIn("phase done", machine.state())

    def test_a_damaged_archive_writes_nothing(self):
        userdata = self.userdata()
        at = userdata.index(b"H4sI") + 2000
        for shell in SHELLS:
            machine = self.machine()
            code, said = machine.run(userdata[:at] + (b"A" if userdata[at:at + 1] != b"A" else b"B") + userdata[at + 1:], shell)
            self.assertNotEqual(code, 0)
            self.assertEqual(list(machine.files()), ["/etc/machine-id"], said)

    def test_killed_anywhere_it_is_whole_after_the_next_run(self):
        userdata = self.userdata(WORKER, *MIRRORS)
        clean = self.machine()
        clean.kill_at(None)
        self.assertEqual(clean.run(userdata)[0], 0)
        wanted, steps = clean.tree(), int((clean.root / "calls").read_text())
        self.assertGreater(steps, 60)
        for shell in SHELLS:
            # A file takes four of them, so that 3 and 13 come upon each kind.
            for n in range(1, steps + 1, 3 if shell == "dash" else 13):
                with self.subTest(shell=shell, step=n):
                    machine = self.machine()
                    machine.kill_at(n)
                    self.assertNotEqual(machine.run(userdata, shell)[0], 0)
                    for path, (mode, what) in machine.tree().items():
                        if not path.endswith("/.gna-new") and what is not None:
                            self.assertEqual((mode, what), wanted[path], "whole or not there")
                    machine.kill_at(None)
                    self.assertEqual(machine.run(userdata, shell)[0], 0)
                    self.assertEqual(machine.tree(), wanted)

    def test_credentials_come_on_request_and_for_root_only(self):
        secrets = self.write("credentials.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\nstringData: {username: u, password: hunter2}\n")
        flags = [*MIRRORS, "--secrets", secrets, "--mirror-credentials", "https://quay.example.org=c"]
        basic = base64.b64encode(b"u:hunter2")
        machine = self.machine()
        self.assertEqual(machine.run(self.userdata(WORKER, *flags))[0], 0)
        self.assertFalse((machine.root / "run/gna").exists())
        self.assertFalse([path for path, what in machine.files().items() if basic in what])
        machine = self.machine()
        self.assertEqual(machine.run(self.userdata(WORKER, *flags, "--secrets-in-userdata"))[0], 0)
        self.assertEqual([path for path, what in machine.files().items() if basic in what], ["/run/gna/certs.d/quay.io/hosts.toml"])
        self.assertEqual((machine.root / "run/gna").stat().st_mode & 0o7777, 0o700)
        self.assertEqual((machine.root / "run/gna/certs.d/quay.io/hosts.toml").stat().st_mode & 0o7777, 0o600)
        self.assertNotIn("/run/gna", machine.state())
        for form in (["--format", "ignition"], ["--os", "ubuntu"]):
            self.render(WORKER, *flags, "--secrets-in-userdata", *form, code=2)

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck")
    def test_shellcheck_finds_nothing(self):
        for form in ("script", "cloud-config"):
            script = as_script(form, self.render(WORKER, *MIRRORS, "--format", form))
            for name, text in ((form, script), ("archive", b"#!/bin/sh\nset -eu\nsay() { :; }\nput() { :; }\nput_line() { :; }\n"
                                                           + archive(script) + b"written\nunits\n")):
                checked = subprocess.run(["shellcheck", "-s", "sh", str(self.write(name + ".sh", text))], capture_output=True, text=True)
                self.assertEqual((checked.returncode, checked.stdout), (0, ""))

    def test_secrets_never_are_arguments(self):
        machine = self.machine()
        machine.program("cat", "#!/bin/sh\necho \"cat $*\" >> /log\nexec /usr/bin/cat \"$@\"\n")
        for name in ("mv", "chmod", "sync", "mkdir", "base64", "rm"):
            machine.program(name, f"#!/bin/sh\necho \"{name} $*\" >> /log\nexec /usr/bin/{name} \"$@\"\n")
        self.assertEqual(machine.run(self.userdata())[0], 0)
        self.assertGreater(len(machine.log()), 50)
        self.assertNotIn(TOKEN, "\n".join(machine.log()))


if __name__ == "__main__":
    main()
