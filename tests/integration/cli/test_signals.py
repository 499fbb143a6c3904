"""What a person can tell a running apply. strace makes the run slow enough to be spoken to, at a point that is waited for."""

import shutil
import signal
import subprocess
import unittest

from harness import GNA, CommandTest, environment, file, main, osc, unit


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Signals(CommandTest):
    def setUp(self):
        super().setUp()
        self.path = self.write("osc.yaml", osc(files=file("/etc/demo/a", "a") + file("/etc/demo/b", "b"),
                                               units=unit("one.service") + unit("two.service")))

    def slow(self, *arguments):
        """gna apply in which renames wait a little; -D leaves gna as our child. Its output, line by line."""
        return subprocess.Popen(
            ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=rename,renameat,renameat2:delay_enter=150000", GNA, "apply",
             "--root", self.root, self.path, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, env=environment())

    def after_first_step(self, process):
        line = process.stdout.readline()
        self.assertIn("done", line)

    def test_usr1_tells_where_it_is(self):
        process = self.slow()
        self.after_first_step(process)
        process.send_signal(signal.SIGUSR1)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertRegex(err, r"gna: step \d+ of \d+: \S.*, for \d+")

    def test_status_beside_a_run_calls_it_neither_done_nor_cut_short(self):
        process = self.slow()
        self.after_first_step(process)
        self.assertIn("is at work, or was cut short", self.expect(1, self.node("status")).out)
        process.communicate(timeout=60)
        self.expect(0, self.node("status"))

    def stops(self, number, code):
        process = self.slow()
        self.after_first_step(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        self.assertIn("stopping after the current step", err)
        self.assertIn("Running it again resumes", err)
        # The journal was kept: status tells, and the next run completes.
        self.expect(1, self.node("status"))
        self.expect(0, self.node("apply", self.path))
        self.expect(0, self.node("status"))
        self.assertTrue((self.root / "etc/systemd/system/two.service").exists())

    def test_int_stops_after_the_step(self):
        self.stops(signal.SIGINT, 130)

    def test_term_stops_after_the_step(self):
        self.stops(signal.SIGTERM, 143)

    def test_twice_stops_at_once(self):
        process = self.slow()
        self.after_first_step(process)
        process.send_signal(signal.SIGINT)
        while "stopping" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.expect(0, self.node("apply", self.path))
        self.expect(0, self.node("status"))

    def test_timeout_ends_with_one(self):
        process = self.slow("--timeout", "200ms")
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertIn("timed out", err)
        self.expect(0, self.node("apply", self.path))


if __name__ == "__main__":
    main()
