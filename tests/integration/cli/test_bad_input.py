"""Hostile and broken input: exit codes as tests/testdata/osc/bad/README.md has them, bounded, and nothing touched."""

import json
import os
import re
import shutil
import subprocess

from harness import GNA, TESTDATA, CommandTest, environment, gna, listing, main, osc, file

BAD = TESTDATA / "osc" / "bad"
ROW = re.compile(r"^\| (\S+) \|.*\| \*\*(exit [02](?:, warning)?)\*\* \|")


def rows():
    found = {}
    for line in (BAD / "README.md").read_text().splitlines():
        match = ROW.match(line)
        if match and (BAD / match[1]).exists():
            found[match[1]] = match[2]
    return found


class BadFiles(CommandTest):
    def bounded(self, result):
        # Of the processor: what a busy machine does meanwhile is not its fault.
        self.assertLess(result.cpu_seconds, 1.0, str(result))
        self.assertLess(result.peak_kib, 64 * 1024, str(result))
        self.assertNotRegex(result.text, r"[\x00-\x08\x0b-\x1f\x7f]")

    def test_each_of_the_200_files_gets_its_answer(self):
        expected = rows()
        self.assertEqual(len(expected), 200)
        for name, answer in expected.items():
            with self.subTest(name):
                text = gna("validate", BAD / name)
                self.bounded(text)
                document = gna("validate", "-o", "json", BAD / name).document()
                (report,) = document["files"]
                severities = [finding["severity"] for finding in report["findings"]]
                if answer == "exit 2":
                    self.expect(2, text)
                    self.assertFalse(report["valid"])
                    self.assertIn("error", severities)
                    self.assertRegex(text.out, re.escape(name) + r"(#osc\.yaml)?:\d+:\d+: error: ")
                else:
                    self.expect(0, text)
                    self.assertTrue(report["valid"])
                    self.assertNotIn("error", severities)
                    if answer == "exit 0, warning":
                        self.assertIn("warning", severities)
                        self.expect(2, gna("validate", "--strict", BAD / name))

    def test_no_command_touches_the_tree_for_one(self):
        before = listing(self.root)
        for name, answer in rows().items():
            if answer != "exit 2":
                continue
            for command in ("apply", "diff", "render"):
                with self.subTest(name, command=command):
                    self.expect(2, self.node(command, BAD / name))
                    self.assertEqual(listing(self.root), before)


class OddFiles(CommandTest):
    def refused(self, path):
        result = self.expect(2, gna("validate", path))
        self.assertLess(result.cpu_seconds, 1.0)
        self.assertLess(result.seconds, 10.0, "a fifo that nobody writes to is given half a second")
        self.assertLess(result.peak_kib, 64 * 1024)
        report = gna("validate", "-o", "json", path).document()["files"][0]
        self.assertFalse(report["valid"])
        self.expect(2, self.node("diff", path))
        self.expect(2, self.node("apply", path))

    def test_large_ones(self):
        size = 9437184
        for name, byte in (("zeros", b"\0"), ("blanks", b" "), ("brackets", b"[")):
            with self.subTest(name):
                self.refused(self.write(name + ".yaml", byte * size))
        self.refused(self.write("many.yaml", b"spec: {files: [\n" + b"{path: /a},\n" * 700_000 + b"]}"))

    def test_what_is_no_file(self):
        fifo = self.scratch / "fifo.yaml"
        os.mkfifo(fifo)
        loop = self.scratch / "loop.yaml"
        loop.symlink_to("loop.yaml")
        for path in (fifo, loop, self.scratch, "/dev/zero", self.scratch / "absent.yaml"):
            with self.subTest(path):
                self.refused(path)

    def test_unreadable(self):
        path = self.write("unreadable.yaml", "x")
        path.chmod(0)
        if os.geteuid() != 0:
            self.refused(path)
            return
        # Root reads everything: somebody else has to try.
        program = shutil.copy(GNA, self.scratch / "gna")
        self.scratch.chmod(0o755)
        result = subprocess.run([program, "validate", path], capture_output=True, text=True, user=65534, group=65534,
                                extra_groups=[], env=environment())
        self.assertEqual(result.returncode, 2, result)
        self.assertIn("unreadable.yaml", result.stdout + result.stderr)

    def test_standard_input(self):
        good = osc(files=file("/etc/x", "x"))
        self.expect(0, gna("validate", "-", stdin=good))
        self.assertEqual(gna("validate", "-o", "json", "-", stdin="").document()["files"][0]["file"], "<stdin>")
        self.expect(2, gna("validate", "-", stdin=b"\0" * 5_000_000))

    def test_several_files_make_one_document(self):
        good = self.write("good.yaml", osc(files=file("/etc/x", "x")))
        document = self.expect(2, gna("validate", "-o", "json", good, BAD / "path-empty.yaml", good)).document()
        self.assertEqual([entry["valid"] for entry in document["files"]], [True, False, True])

    def test_findings_in_a_secret_name_the_inner_document(self):
        inner = osc(files=file("relative", "x"))
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pool"}, "stringData": {"osc.yaml": inner}}
        path = self.write("secret.json", json.dumps(secret))
        result = self.expect(2, gna("validate", path))
        line = 1 + inner.split("\n").index("  - path: relative")
        self.assertIn(f"{path}#osc.yaml:{line}:", result.out)

    def test_file_names_cannot_forge_lines(self):
        result = gna("validate", self.scratch / "a\nb: error: \x1b[31mforged")
        self.expect(2, result)
        self.assertEqual(len(result.out.splitlines()), 1, str(result))
        self.assertNotIn("\x1b", result.out)


if __name__ == "__main__":
    main()
