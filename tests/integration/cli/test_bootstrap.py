"""bootstrap on an offline tree, under both names."""

import os
import subprocess

from harness import GNA, CommandTest, environment, gna, listing, main

BASE = "var/lib/gardener-node-agent"
SYSTEM = "etc/systemd/system"
CONFIG = ("apiVersion: nodeagent.config.gardener.cloud/v1alpha1\nkind: NodeAgentConfiguration\n"
          "bootstrap: {kubeletDataVolumeSize: 1000}\napiServer: {server: 'https://api.invalid', caFile: /x}\n")
INIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


class Bootstrap(CommandTest):
    def setUp(self):
        super().setUp()
        wants = self.root / SYSTEM / "multi-user.target.wants"
        wants.mkdir(parents=True)
        (self.root / BASE).mkdir(parents=True)
        (self.root / BASE / "config-v1.150.0.yaml").write_text(CONFIG)
        (self.root / SYSTEM / "gardener-node-init.service").write_text(INIT)
        (wants / "gardener-node-init.service").symlink_to("/etc/systemd/system/gardener-node-init.service")

    def test_enables_the_agent_and_retires_init(self):
        result = self.expect(0, self.node("bootstrap", "--config-dir=/" + BASE))
        self.assertIn("gardener-node-agent.service is enabled", result.out)
        wants = self.root / SYSTEM / "multi-user.target.wants"
        self.assertEqual(os.listdir(wants), ["gardener-node-agent.service"])
        text = (self.root / SYSTEM / "gardener-node-agent.service").read_text()
        self.assertIn("\nExecStart=/opt/bin/gardener-node-agent --config-dir=/var/lib/gardener-node-agent\n", text)

    def test_a_second_run_changes_nothing(self):
        self.expect(0, self.node("bootstrap", "--config-dir", "/" + BASE))
        before = listing(self.root)
        self.expect(0, self.node("bootstrap", "--config-dir", "/" + BASE))
        self.assertEqual(listing(self.root), before)

    def test_documents(self):
        documents = self.expect(0, self.node("bootstrap", "--config-dir=/" + BASE, "-o", "json")).documents()
        self.assertEqual([d["name"] for d in documents[:-1]],
                         ["directories", "kubelet-disk", "agent-unit", "reload", "enable", "start", "init-unit", "api-server"])
        self.assertTrue(documents[-1]["complete"])

    def test_the_name_of_the_go_program(self):
        link = self.scratch / "gardener-node-agent"
        link.symlink_to(GNA)
        for arguments in (["bootstrap", "--config-dir=/" + BASE], ["bootstrap", "--config-dir", "/" + BASE],
                          ["reset", "--config-dir=/" + BASE], ["reset", "--config-dir", "/" + BASE]):
            ended = subprocess.run([link, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   env=environment(GNA_ROOT=str(self.root)))
            self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn(b"Usage: gna", subprocess.run([link, "--help"], capture_output=True, env=environment()).stdout)

    def test_without_a_configuration_it_may_still_come(self):
        (self.root / BASE / "config-v1.150.0.yaml").unlink()
        before = listing(self.root)
        self.assertIn("config-VERSION.yaml", self.expect(1, self.node("bootstrap", "--config-dir=/" + BASE)).err)
        self.assertEqual(listing(self.root), before)

    def test_a_wrong_configuration_is_bad_input(self):
        before = None
        for text in ("kind: Pod\n", "a: [", CONFIG.replace("1000", "50Gi")):
            (self.root / BASE / "config-v1.150.0.yaml").write_text(text)
            before = listing(self.root)
            result = self.expect(2, self.node("bootstrap", "--config-dir=/" + BASE))
            self.assertIn("config-v1.150.0.yaml", result.err)
            self.assertEqual(listing(self.root), before)

    def test_needs_to_be_told_where(self):
        self.assertIn("--config-dir is missing", self.expect(2, gna("bootstrap")).err)


if __name__ == "__main__":
    main()
