"""The walks of our pages, run as they stand there."""

import re
import subprocess
from pathlib import Path

from harness import GNA, SOURCE, CommandTest, environment, main


class Readme(CommandTest):
    def walk(self, page):
        """Standard output of the page's block; its first line sets up what is set up here."""
        text = (SOURCE / page).read_text()
        (block,) = re.findall(r"<!-- walk: .*? -->\n```sh\n(.*?)```", text, re.DOTALL)
        setup, rest = block.split("\n", 1)
        self.assertIn("export PATH=", setup)
        path = f"{Path(GNA).parent}:{environment()['PATH']}"
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", rest], cwd=self.scratch, capture_output=True, text=True,
                                env={**environment(), "PATH": path, "OSC": str(SOURCE / "tests/testdata/osc/real")})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_the_first_walk_is_true(self):
        out = self.walk("README.md")
        for told in ("osc.yaml: valid", "+good morning", "nothing to do: the node matches", "-good night", "not as wanted"):
            self.assertIn(told, out)
        self.assertEqual([path for path in (self.scratch / "walk/node").rglob("*") if path.is_file()], [])

    def test_the_walk_behind_a_mirror_is_true(self):
        self.assertIn('"kind":"Userdata"', self.walk("MIRRORS.md"))
        made = self.scratch / "walk"
        self.assertTrue((made / "userdata.sh").read_text().startswith("#!/bin/sh\n"))
        self.assertIn("<<BOOTSTRAP_TOKEN>>", (made / "userdata.sh").read_text())
        self.assertIn("mirror.internal:5000", (made / "reconcile.yaml").read_text())
        self.assertTrue((made / "userdata.ubuntu").read_text().startswith("#cloud-config-archive\n"))

    def test_what_it_links_to_is_there(self):
        for page in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "COMPATIBILITY.md", "MIRRORS.md"):
            for link in re.findall(r"\]\(([^)#:]+)\)", (SOURCE / page).read_text()):
                self.assertTrue((SOURCE / link).exists(), f"{page} links to {link}")


if __name__ == "__main__":
    main()
