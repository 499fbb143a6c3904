"""What a person at a terminal sees: colour, the progress line, the question of reset."""

import os
import pty
import subprocess

from harness import GNA, CommandTest, environment, file, main, osc, unit


class Terminal(CommandTest):
    def setUp(self):
        super().setUp()
        self.path = self.write("osc.yaml", osc(files=file("/etc/demo/a", "a\n") + file("/etc/demo/secret", "MARKER", 384),
                                               units=unit("demo.service")))

    def at_terminal(self, *arguments, answer=None, stderr=None, **env):
        controller, terminal = pty.openpty()
        process = subprocess.Popen([GNA, arguments[0], "--root", self.root, *map(str, arguments[1:])], stdin=terminal,
                                   stdout=terminal, stderr=stderr or terminal, env=environment(TERM="xterm-256color", **env))
        os.close(terminal)
        if answer is not None:
            os.write(controller, answer.encode())
        seen = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not piece:
                break
            seen += piece
        os.close(controller)
        return process.wait(), seen.decode()

    def test_apply_has_a_progress_line_and_leaves_none_behind(self):
        code, seen = self.at_terminal("apply", self.path)
        self.assertEqual(code, 0, seen)
        self.assertIn("\r\x1b[K[1/", seen)
        last = seen.split("\r\x1b[K")[-1]
        self.assertNotIn("[", last.replace("\x1b[", ""))
        self.assertIn("\x1b[32m", seen)

    def test_no_color_and_plain_are_heeded(self):
        code, seen = self.at_terminal("apply", self.path, "--progress", "plain", NO_COLOR="1")
        self.assertEqual(code, 0, seen)
        self.assertNotIn("\x1b", seen)
        self.assertIn("create file /etc/demo/a", seen)

    def test_progress_none_tells_only_the_end(self):
        code, seen = self.at_terminal("apply", self.path, "--progress", "none", NO_COLOR="1")
        self.assertEqual((code, len(seen.splitlines())), (0, 1), seen)

    def test_reset_asks(self):
        self.at_terminal("apply", self.path)
        code, seen = self.at_terminal("reset", answer="n\n")
        self.assertEqual(code, 1, seen)
        self.assertIn("[y/N]", seen)
        self.assertTrue((self.root / "etc/demo/a").exists())
        code, seen = self.at_terminal("reset", answer="y\n")
        self.assertEqual(code, 0, seen)
        self.assertFalse((self.root / "etc/demo/a").exists())

    def test_secrets_are_shown_here_and_on_request_only(self):
        code, seen = self.at_terminal("diff", self.path)
        self.assertNotIn("MARKER", seen)
        code, seen = self.at_terminal("diff", "--show-secrets", self.path)
        self.assertEqual(code, 1, seen)
        self.assertIn("MARKER", seen)

    def test_secrets_are_never_logged(self):
        """--show-secrets is for eyes: what goes to standard error may be kept by somebody."""
        with open(self.scratch / "log", "w+") as log:
            code, _ = self.at_terminal("diff", "--show-secrets", "https://u:MARKER@h/osc.yaml", stderr=log)
            log.seek(0)
            kept = log.read()
        self.assertEqual(code, 2)
        self.assertIn("<secret ", kept)
        self.assertNotIn("MARKER", kept)


if __name__ == "__main__":
    main()
