"""The README's first walk, run as it stands there."""

import re
import subprocess
from pathlib import Path

from harness import GNA, SOURCE, CommandTest, environment, main


class Readme(CommandTest):
    def test_the_first_walk_is_true(self):
        text = (SOURCE / "README.md").read_text()
        (block,) = re.findall(r"<!-- walk: .*? -->\n```sh\n(.*?)```", text, re.DOTALL)
        setup, rest = block.split("\n", 1)
        self.assertIn("export PATH=", setup)
        path = f"{Path(GNA).parent}:{environment()['PATH']}"
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", rest], cwd=self.scratch, capture_output=True, text=True,
                                env={**environment(), "PATH": path})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for told in ("osc.yaml: valid", "+good morning", "nothing to do: the node matches", "-good night", "not as wanted"):
            self.assertIn(told, result.stdout)
        self.assertEqual([path for path in (self.scratch / "walk/node").rglob("*") if path.is_file()], [])

    def test_what_it_links_to_is_there(self):
        for page in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "COMPATIBILITY.md"):
            for link in re.findall(r"\]\(([^)#:]+)\)", (SOURCE / page).read_text()):
                self.assertTrue((SOURCE / link).exists(), f"{page} links to {link}")


if __name__ == "__main__":
    main()
