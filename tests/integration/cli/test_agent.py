"""gna agent on an offline tree: what it keeps, what it leaves alone, how it ends. It looks when it starts, and says so."""

import json
import signal
import subprocess

from harness import GNA, CommandTest, environment, file, gna, main, osc

CONFIG = """apiVersion: nodeagent.config.gardener.cloud/v1alpha1
kind: NodeAgentConfiguration
controllers: {operatingSystemConfig: {syncPeriod: 1h}}
"""


class Agent(CommandTest):
    def setUp(self):
        super().setUp()
        self.config = self.write("config.yaml", CONFIG)
        self.path = self.write("osc.yaml", osc(files=file("/etc/demo/a", "as wanted")))
        self.file = self.root / "etc/demo/a"
        self.agents = []

    def tearDown(self):
        for agent in self.agents:
            agent.kill()
            agent.communicate()
        super().tearDown()

    def agent(self, *arguments, program=GNA):
        process = subprocess.Popen([program, *arguments, "--root", self.root], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment())
        self.agents.append(process)
        return process

    def started(self, *arguments):
        return self.agent("agent", "--config", self.config, *arguments)

    def until(self, process, event):
        """The events up to this one."""
        seen = []
        for line in process.stderr:
            seen.append(json.loads(line))
            if seen[-1]["event"] == event:
                return seen
        self.fail(f"no {event} among {seen}")

    def ends(self, process, code=0):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, code)

    def test_drift_is_repaired_when_it_starts(self):
        self.expect(0, self.node("apply", self.path))
        self.file.write_text("by hand")
        process = self.started()
        seen = self.until(process, "repaired")
        self.assertIn("drift", [event["event"] for event in seen])
        self.assertEqual(self.file.read_text(), "as wanted")
        self.ends(process)
        self.expect(0, self.node("status"))

    def test_a_node_that_matches_is_not_touched(self):
        self.expect(0, self.node("apply", self.path))
        lock = self.root / "var/lib/gardener-node-agent/gna"
        before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in lock.iterdir()}
        process = self.started()
        self.until(process, "as-wanted")
        self.ends(process)
        self.assertEqual(before, {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in lock.iterdir()})

    def test_drift_is_reported_where_that_is_asked_for(self):
        self.expect(0, self.node("apply", self.path))
        self.file.write_text("by hand")
        process = self.started("--drift", "report")
        event = self.until(process, "drift")[-1]
        self.assertEqual(event["step"], "file:/etc/demo/a")
        self.ends(process)
        self.assertEqual(self.file.read_text(), "by hand")

    def test_without_an_osc_it_waits(self):
        process = self.started()
        self.until(process, "nothing-applied")
        self.assertIsNone(process.poll())
        self.ends(process)
        self.assertEqual(list(self.root.iterdir()), [])

    def test_a_run_of_another_osc_that_was_cut_short_is_not_taken_back(self):
        self.expect(0, self.node("apply", self.path))
        # A folder of somebody else stands where a file has to be: that step fails, the others are done.
        (self.root / "etc/demo/b").mkdir()
        (self.root / "etc/demo/b/kept").write_text("of somebody else")
        other = self.write("other.yaml", osc(files=file("/etc/demo/a", "new") + file("/etc/demo/b", "b")))
        self.expect(1, self.node("apply", other))
        self.assertEqual(self.file.read_text(), "new")
        process = self.started()
        self.until(process, "other-run-not-ended")
        self.ends(process)
        self.assertEqual(self.file.read_text(), "new")

    def test_what_is_in_the_way_is_told(self):
        path = self.write("osc.yaml", osc(cri="name: containerd\ncontainerd: {sandboxImage: pause:1}"))
        self.expect(0, self.node("apply", path))
        (self.root / "etc/containerd/config.toml").write_text("[plugins")
        process = self.started()
        seen = self.until(process, "in-the-way")
        self.assertNotIn("as-wanted", [event["event"] for event in seen])
        self.assertIn("config.toml", seen[-1]["message"])
        self.ends(process)

    def test_whoever_holds_the_lock_is_not_disturbed(self):
        self.expect(0, self.node("apply", self.path))
        self.file.write_text("by hand")
        holder = subprocess.Popen(["flock", self.root / "var/lib/gardener-node-agent/gna/lock", "cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            holder.stdin.write(b"held\n")
            holder.stdin.flush()
            holder.stdout.readline()
            process = self.started()
            self.until(process, "lock-held")
            self.ends(process)
            self.assertEqual(self.file.read_text(), "by hand")
        finally:
            holder.communicate()

    def test_usr1_tells_where_it_is(self):
        process = self.started("--log-format", "text")
        for line in process.stderr:
            if "nothing-applied" in line or "no OSC has been applied" in line:
                break
        process.send_signal(signal.SIGUSR1)
        self.assertRegex(process.stderr.readline(), r"gna: (looking at the node|waiting: looks at the node every 60 min)")
        self.ends(process)

    def test_under_its_name_it_takes_the_directory(self):
        link = self.scratch / "gardener-node-agent"
        link.symlink_to(GNA)
        directory = self.root / "var/lib/gardener-node-agent"
        directory.mkdir(parents=True)
        (directory / "config-v1.2.3.yaml").write_text(CONFIG)
        process = self.agent("--config-dir=/var/lib/gardener-node-agent", program=link)
        self.until(process, "nothing-applied")
        self.ends(process)

    def test_configurations_that_are_wrong_or_not_there(self):
        wrong = self.write("wrong.yaml", CONFIG.replace("1h", "1s"))
        result = self.expect(2, gna("agent", "--config", wrong, "--root", self.root))
        self.assertIn("syncPeriod", result.err)
        self.expect(2, gna("agent", "--config", self.scratch / "none.yaml", "--root", self.root))
        self.expect(1, gna("agent", "--config-dir", "/none", "--root", self.root))
        self.expect(2, gna("agent"))


if __name__ == "__main__":
    main()
