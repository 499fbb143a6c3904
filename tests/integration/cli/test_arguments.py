"""Usage, help, version, completion: what needs no node."""

import subprocess

from harness import GNA, SOURCE, CommandTest, environment, file, gna, main, osc


class Arguments(CommandTest):
    def test_commands_of_other_versions_end_with_two(self):
        for command in ("talos", "hollow"):
            result = self.expect(2, gna(*command.split()))
            self.assertIn("not in this version", result.err)
            self.assertEqual(result.out, "")

    def test_help_goes_to_standard_output(self):
        for arguments in (["help"], ["--help"], ["help", "apply"], ["apply", "--help"], ["apply", "-h"]):
            result = self.expect(0, gna(*arguments))
            self.assertIn("Usage: gna", result.out)
            self.assertEqual(result.err, "")
        self.assertEqual(gna("help", "diff").out, gna("diff", "--help").out)

    def test_without_a_command_the_help_goes_to_standard_error(self):
        result = self.expect(2, gna())
        self.assertEqual(result.out, "")
        self.assertIn("Usage: gna", result.err)

    def test_version(self):
        self.assertIn("gna ", self.expect(0, gna("version")).out)
        document = self.expect(0, gna("version", "-o", "json")).document()
        self.assertEqual(document["backends"], ["systemd"])

    def test_talos_can_be_rendered(self):
        path = self.write("osc.yaml", osc(files=file("/etc/sysctl.d/99-x.conf", "net.ipv4.ip_forward = 1\n") + file("/usr/local/share/x", "x")))
        result = self.expect(3, gna("render", path, "--backend", "talos"))
        self.assertIn("spec.files[1]", result.err)
        result = self.expect(0, gna("render", path, "--backend", "talos", "--allow-unsupported", "--out", self.scratch / "out"))
        self.assertIn("net.ipv4.ip_forward", (self.scratch / "out/machine-config.yaml").read_text())
        for command in ("apply", "diff", "status", "reset"):
            self.expect(2, gna(command, "--backend", "talos", "--root", self.root))

    def test_show_secrets_needs_a_terminal(self):
        self.expect(2, self.node("diff", "--show-secrets", self.write("osc.yaml", "")))

    def test_a_full_disk_under_standard_output_is_told(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([GNA, "version"], stdout=full, stderr=subprocess.PIPE, env=environment())
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"could not be written", result.stderr)

    def test_no_file_becomes_a_standard_stream_that_was_closed(self):
        path, trace = self.write("osc.yaml", osc(files=file("/etc/x", "x"))), self.scratch / "trace"
        command = f"exec strace -o {trace} -e trace=openat,openat2 {GNA} apply --root {self.root} {path} >&- 2>&-"
        subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL, env=environment())
        held = [line for line in trace.read_text().splitlines() if line.endswith((" = 1", " = 2"))]
        # The loader's come before, and go again.
        self.assertEqual([line.split('"')[1] for line in held][-2:], ["/dev/null", "/dev/null"])
        self.assertEqual((self.root / "etc/x").read_text(), "x")

    def test_starts_without_loading_a_bus_or_a_channel(self):
        osc = SOURCE / "tests/testdata/osc/real/reconcile-worker.yaml"
        for arguments in (["version"], ["validate", osc], ["render", osc], ["help"]):
            trace = self.scratch / "trace"
            result = subprocess.run(["strace", "-f", "-e", "trace=openat,socket,clone,clone3", "-o", trace, GNA, *map(str, arguments)],
                                    capture_output=True, env=environment())
            self.assertEqual(result.returncode, 0, result.stderr)
            seen = trace.read_text()
            self.assertNotIn("libsystemd", seen)
            self.assertNotIn("socket(", seen)
            self.assertNotIn("clone", seen, "a thread was started")

    def test_bash_completes_for_real(self):
        script = gna("completion", "bash").out
        def complete(*words):
            program = script + ("COMP_WORDS=(%s); COMP_CWORD=%d; _gna; printf '%%s\\n' \"${COMPREPLY[@]}\"" %
                                (" ".join(f"'{word}'" for word in words), len(words) - 1))
            return subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(complete("gna", "re"), ["render", "reset"])
        self.assertEqual(complete("gna", "apply", "--dr"), ["--dry-run"])
        self.assertEqual(complete("gna", "apply", "-o", "j"), ["json"])
        self.assertIn("render", complete("gna", "provision", ""))
        self.assertEqual(complete("gna", "provision", "render", "--format", "i"), ["ignition"])
        self.assertEqual(complete("gna", "completion", ""), ["bash", "zsh", "fish"])
        for topic in complete("gna", "help", ""):
            self.expect(0, gna("help", topic))
        self.assertEqual(complete("gna", "apply", "--timeout", ""), [])
        self.assertEqual(complete("gna", "apply", "--root", str(self.scratch / "no")), [str(self.root)])


if __name__ == "__main__":
    main()
