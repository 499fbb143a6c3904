"""The life of a node below --root: apply, nothing to do, drift, repair, the way back, reset."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import unittest

from harness import TESTDATA, CommandTest, GNA, environment, file, gna, listing, main, osc, unit

STATE = "var/lib/gardener-node-agent"


class OfflineNode(CommandTest):
    def setUp(self):
        super().setUp()
        self.first = self.write("first.yaml", osc(files=file("/etc/demo/a", "one\n") + file("/etc/demo/b", "stays\n"),
                                                  units=unit("demo.service")))
        self.second = self.write("second.yaml", osc(files=file("/etc/demo/a", "two\n") + file("/etc/demo/c", "new\n"),
                                                    units=unit("demo.service")))

    def read(self, path):
        return (self.root / path).read_text()

    def test_apply_makes_the_node_match(self):
        self.expect(1, self.node("diff", self.first))
        self.assertEqual(listing(self.root), {}, "diff changed something")
        result = self.expect(0, self.node("apply", self.first))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.assertEqual(os.readlink(self.root / "etc/systemd/system/multi-user.target.wants/demo.service"),
                         "/etc/systemd/system/demo.service")
        self.assertIn("create file /etc/demo/a", result.out)
        self.expect(0, self.node("diff", self.first))
        self.expect(0, self.node("diff"))
        self.expect(0, self.node("status"))

    def test_a_config_toml_that_cannot_be_patched_is_the_nodes_fault(self):
        settings = "name: containerd\ncontainerd:\n  sandboxImage: pause:1\n"
        patched = self.write("patched.yaml", osc(files=file("/etc/demo/a", "one\n"), cri=settings))
        config = self.root / "etc/containerd/config.toml"
        config.parent.mkdir(parents=True)
        for text in ("version = 9\n", 'version = "2"\n', "plugins = 5\n", "[plugins\n"):
            config.write_text(text)
            before = listing(self.root)
            result = self.expect(1, self.node("apply", patched))
            self.assertIn("/etc/containerd/config.toml: ", result.err)
            self.expect(4, self.node("diff", patched))
            self.assertEqual(listing(self.root), before)
        plugins = "  plugins:\n  - path: [a]\n    values: {list: [null]}\n"
        config.write_text("version = 2\n")
        self.expect(3, self.node("apply", self.write("none.yaml", osc(files=file("/etc/demo/a", "one\n"),
                                                                     cri=settings + plugins))))
        config.write_text("[plugins\n")
        self.expect(0, self.node("apply", self.first))  # says nothing of containerd

    def test_a_broken_config_toml_is_drift_and_keeps_a_reset_from_beginning(self):
        settings = "name: containerd\ncontainerd:\n  sandboxImage: pause:1\n"
        patched = self.write("patched.yaml", osc(files=file("/etc/demo/a", "one\n"), cri=settings))
        self.expect(0, self.node("apply", patched))
        config = self.root / "etc/containerd/config.toml"
        config.write_text("[plugins\n")
        self.assertIn("/etc/containerd/config.toml", self.expect(1, self.node("status")).out)
        self.expect(1, self.node("reset", "--yes"))
        self.assertTrue((self.root / "etc/demo/a").exists())
        config.unlink()
        self.expect(0, self.node("reset", "--yes"))
        self.assertFalse((self.root / "etc/demo/a").exists())

    def test_steps_are_logged_on_request(self):
        lines = self.node("apply", "--log-level", "info", "--log-format", "json", self.first).err.splitlines()
        events = [json.loads(line) for line in lines]
        self.assertIn(("step-done", "file:/etc/demo/a"), [(event["event"], event["step"]) for event in events])
        self.assertEqual(self.node("apply", self.second).err, "")

    def test_the_second_apply_has_nothing_to_do(self):
        self.node("apply", self.first)
        before = listing(self.root)
        result = self.expect(0, self.node("apply", self.first))
        self.assertIn("nothing to do", result.out)
        self.assertEqual(listing(self.root), before)

    def test_drift_is_seen_and_repaired(self):
        self.node("apply", self.first)
        (self.root / "etc/demo/a").write_text("broken by hand\n")
        (self.root / "etc/demo/b").unlink()
        status = self.expect(1, self.node("status"))
        self.assertIn("/etc/demo/a", status.out)
        self.assertIn("absent", status.out)
        document = self.expect(1, self.node("status", "-o", "json")).document()
        self.assertEqual({item["target"] for item in document["drift"]}, {"/etc/demo/a", "/etc/demo/b"})
        diff = self.expect(1, self.node("diff"))
        self.assertIn("-broken by hand", diff.out)
        self.assertIn("+one", diff.out)
        (self.root / "etc/demo/a").write_text("one\n")
        (self.root / "etc/demo/a").chmod(0o600)
        self.assertIn("    mode 0600 becomes 0644\n", self.expect(1, self.node("diff")).out)
        self.expect(0, self.node("apply"))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.expect(0, self.node("status"))

    def test_an_update_shows_and_does_the_same(self):
        self.node("apply", self.first)
        shown = self.expect(1, self.node("diff", "-o", "json", self.second)).document()
        done = self.expect(0, self.node("apply", "-o", "json", self.second)).documents()
        steps = [(step["id"], step["action"]) for step in done if step["kind"] == "ApplyStep"]
        self.assertEqual(steps, [(change["id"], change["action"]) for change in shown["changes"]])
        self.assertEqual(shown["summary"], {"create": 1, "update": 1, "delete": 1, "restart": 0})
        self.assertFalse((self.root / "etc/demo/b").exists())

    def test_dry_run_is_diff(self):
        self.node("apply", self.first)
        before = listing(self.root)
        dry, diff = self.node("apply", "--dry-run", self.second), self.node("diff", self.second)
        self.assertEqual((dry.code, dry.out), (diff.code, diff.out))
        self.assertEqual(dry.code, 1)
        self.assertEqual(listing(self.root), before)

    def test_there_is_a_way_back(self):
        self.expect(2, self.node("apply", "--previous"))
        self.node("apply", self.first)
        self.node("apply", self.second)
        self.assertIn("--previous", self.node("status").out)
        self.expect(1, self.node("diff", "--previous"))
        self.expect(0, self.node("apply", "--previous"))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.assertTrue((self.root / "etc/demo/b").exists())

    def test_an_empty_osc_removes_nothing_by_accident(self):
        empty = self.write("empty.yaml", osc())
        self.node("apply", self.first)
        self.expect(2, self.node("diff", empty))
        self.expect(2, self.node("apply", empty))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.expect(0, self.node("apply", "--allow-empty", empty))
        self.assertFalse((self.root / "etc/demo/a").exists())

    def test_reset_takes_back_what_is_ours(self):
        (self.root / "etc/demo").mkdir(parents=True)
        (self.root / "etc/demo/foreign").write_text("not ours")
        (self.root / "etc/demo/a").write_text("before gna")
        self.node("apply", self.first)
        self.expect(2, self.node("reset"))
        document = self.expect(0, self.node("reset", "--yes", "-o", "json")).document()
        self.assertEqual(document["notRestored"], ["/etc/demo/a"])
        left = listing(self.root)
        self.assertEqual(left["etc/demo/foreign"][1], b"not ours")
        self.assertFalse([path for path in left if path.startswith("etc/demo/") and not path.endswith("foreign")], left)
        self.assertNotIn("etc/systemd/system/demo.service", left)
        self.assertNotIn(STATE + "/last-applied-osc.yaml", left)
        self.expect(0, self.node("status"))
        self.expect(0, self.node("reset", "--yes"))

    def test_where_nothing_was_applied(self):
        self.assertIn("nothing was ever applied", self.expect(0, self.node("status")).out)
        self.expect(0, self.node("reset", "--yes"))
        self.expect(2, self.node("diff"))
        self.expect(2, self.node("apply"))
        self.assertEqual(listing(self.root), {})

    def test_one_run_at_a_time(self):
        self.node("apply", self.first)
        with open(self.root / STATE / "gna/lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = self.expect(1, self.node("apply", self.second))
        self.assertIn("at work", result.err)
        self.assertEqual(self.read("etc/demo/a"), "one\n")

    def test_a_failing_step_leaves_the_others_and_is_told(self):
        # A foreign file where a folder has to be: not ours to remove.
        (self.root / "etc").mkdir()
        (self.root / "etc/blocked").write_text("foreign")
        path = self.write("osc.yaml", osc(files=file("/etc/blocked/x", "x") + file("/etc/demo/a", "a")))
        result = self.expect(1, self.node("apply", path))
        self.assertIn("FAILED", result.out)
        self.assertIn("Running it again resumes", result.err)
        self.assertEqual(self.read("etc/demo/a"), "a")
        self.assertEqual(self.read("etc/blocked"), "foreign")
        self.expect(1, self.node("status"))
        summary = self.expect(1, self.node("apply", "-o", "json", path)).documents()[-1]
        self.assertEqual(summary["failed"], 1)
        (self.root / "etc/blocked").unlink()
        self.expect(0, self.node("apply", path))
        self.expect(0, self.node("status"))

    def test_a_unit_without_a_file_is_a_warning(self):
        path = self.write("osc.yaml", osc(units="- name: kubelet.service\n  enable: true\n  command: start\n"))
        for form in (["-o", "text"], ["--progress", "none"], ["-o", "json"]):
            result = self.expect(0, self.node("apply", *form, path))
            self.assertIn("gna: warning: enable kubelet.service: kubelet.service: no such unit file", result.err)
            if form[-1] == "json":
                self.assertIn("no such unit file", result.documents()[0]["note"])
            self.expect(0, self.node("reset", "--yes"))

    def test_no_state_leaves_no_records(self):
        self.expect(0, self.node("apply", "--no-state", self.first))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.assertFalse((self.root / STATE / "last-applied-osc.yaml").exists())

    def test_secret_references_need_their_secrets(self):
        path = self.write("osc.yaml", osc(files="- path: /etc/s\n  content:\n    secretRef: {name: s, dataKey: k}\n"))
        for command in ("diff", "apply", "render"):
            self.expect(2, self.node(command, path))
        self.assertEqual(listing(self.root), {})
        secrets = self.write("secrets.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: value}\n")
        self.expect(0, self.node("apply", "--secrets", secrets, path))
        self.assertEqual(self.read("etc/s"), "value")
        # What was written from a Secret can be compared without it, until it is changed.
        self.expect(0, self.node("status"))
        self.expect(0, self.node("diff"))
        (self.root / "etc/s").write_text("changed")
        self.expect(4, self.node("status"))
        self.expect(1, self.node("status", "--secrets", secrets))

    def test_a_secret_that_changed_is_seen_though_the_osc_did_not(self):
        path = self.write("osc.yaml", osc(files="- path: /etc/s\n  content:\n    secretRef: {name: s, dataKey: k}\n"))
        head = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: "
        old, new = self.write("old.yaml", head + "{k: old}\n"), self.write("new.yaml", head + "{k: new}\n")
        self.expect(0, self.node("apply", "--secrets", old, path))
        self.expect(0, self.node("diff", "--secrets", old, path))
        self.expect(1, self.node("diff", "--secrets", new, path))
        self.expect(0, self.node("apply", "--secrets", new, path))
        self.assertEqual(self.read("etc/s"), "new")
        self.expect(0, self.node("diff", path))

    def test_the_name_of_a_host_has_no_case(self):
        path = self.write("osc.yaml", osc(files=file("/etc/h", "x") + "  hostName: node-a\n"))
        self.expect(0, self.node("apply", "--host-name", "Node-A", path))
        self.assertEqual(self.read("etc/h"), "x")

    def test_image_files_need_a_source_before_anything_changes(self):
        path = self.write("osc.yaml", osc(files=file("/etc/demo/a", "a") +
                                          "- path: /opt/bin/x\n  content:\n    imageRef: {image: 'r.example/i:1', filePathInImage: /x}\n"))
        self.expect(2, self.node("apply", path, env={"CONTAINERD_ADDRESS": str(self.scratch / "no.sock")}))
        self.assertEqual(listing(self.root), {})

    def test_render_writes_what_apply_writes(self):
        path = TESTDATA / "osc/cases/units-all-shapes.yaml"
        out = self.scratch / "out"
        self.expect(0, gna("render", path, "--out", out, "--host-name", "node-a"))
        self.expect(0, self.node("apply", path, "--host-name", "node-a"))
        applied = listing(self.root)
        for name, (mode, content) in listing(out).items():
            if content is not None:
                self.assertEqual(applied[name], (mode, content), name)

    def test_a_run_that_did_not_complete_is_not_as_wanted(self):
        less = self.write("less.yaml", osc(files=file("/etc/demo/a", "a\n")))
        more = self.write("more.yaml", osc(files=file("/etc/demo/a", "a\n") + file("/etc/other/b", "b\n")))
        self.expect(0, self.node("apply", less))
        (self.root / "etc/other/b").mkdir(parents=True)
        (self.root / "etc/other/b/foreign").write_text("")
        self.expect(1, self.node("apply", more))
        # What was applied wholly is as it should be; that more was asked for since is told.
        result = self.expect(1, self.node("status"))
        self.assertIn("not complete", result.out)
        self.assertFalse(self.node("status", "-o", "json").document()["asWanted"])
        self.expect(0, self.node("apply", less))
        self.expect(0, self.node("status"))

    def test_what_somebody_put_right_after_a_failed_run_is_on_record_with_the_next(self):
        path = self.write("osc.yaml", osc(files=file("/etc/demo/a", "a\n")))
        self.expect(0, self.node("apply", path))
        target = self.root / "etc/demo/a"
        target.unlink()
        target.mkdir()
        (target / "foreign").write_text("")
        self.expect(1, self.node("apply", path))
        (target / "foreign").unlink()
        target.rmdir()
        target.write_text("a\n")
        target.chmod(0o644)
        self.expect(1, self.node("status"))
        self.expect(0, self.node("apply"))
        self.expect(0, self.node("status"))

    def test_what_the_go_agent_left_half_done_is_told(self):
        state = self.root / "var/lib/gardener-node-agent"
        state.mkdir(parents=True)
        left = TESTDATA / "golden/half-12-first-apply-enable/files/var/lib/gardener-node-agent/last-computed-osc-changes.yaml"
        shutil.copy(left, state)
        self.assertIn("is at work, or was cut short", self.expect(1, self.node("status")).out)
        self.expect(0, self.node("apply", self.first))
        self.expect(0, self.node("status"))

    def test_a_limit_of_file_sizes_is_an_error_like_others(self):
        self.expect(0, self.node("apply", self.first))
        limited = subprocess.run([GNA, "apply", "--root", self.root, self.second], capture_output=True, text=True, env=environment(),
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)))
        self.assertEqual(limited.returncode, 1, limited)
        self.assertIn("File too large", limited.stderr)
        self.assertEqual([path for path in listing(self.root) if ".gna-" in path], [])
        self.expect(0, self.node("apply", self.second))

    def test_a_layout_that_cannot_be_read_is_wrong_input(self):
        path = self.write("osc.yaml", osc(files="- path: /opt/bin/x\n  content:\n    imageRef: {image: 'r.example/i:1', filePathInImage: /x}\n"))
        (self.scratch / "empty").mkdir()
        for command in ("diff", "apply"):
            for layout in ("absent", "empty"):
                self.expect(2, self.node(command, "--image-layout", self.scratch / layout, path))
                self.expect(2, gna("render", "--out", self.scratch / "out", "--image-layout", self.scratch / layout, path))
                self.assertFalse((self.scratch / "out").exists())
        self.assertEqual(listing(self.root), {})

    def test_records_that_cannot_be_read_are_no_answer(self):
        self.node("apply", self.first)
        self.node("apply", self.second)
        for name, commands in (("gna/previous-osc.yaml", (["diff", "--previous"],)),
                               ("last-applied-osc.yaml", (["diff"], ["status"], ["diff", self.first]))):
            (self.root / STATE / name).write_text("spec: {files: [")
            for command in commands:
                self.expect(4, self.node(*command))
        before = listing(self.root)
        self.expect(1, self.node("apply"))
        # What there is to take back is not known: that is not "nothing", and no reason to forget it.
        result = self.expect(1, self.node("reset", "--yes"))
        self.assertIn("last-applied-osc.yaml", result.err)
        (self.root / STATE / "gna/lock").write_bytes(before[STATE + "/gna/lock"][1])
        self.assertEqual(listing(self.root), before)
        # The way that it tells.
        (self.root / STATE / "last-applied-osc.yaml").unlink()
        self.expect(0, self.node("apply", self.second))
        self.expect(0, self.node("reset", "--yes"))
        self.assertFalse((self.root / "etc/demo/a").exists())

    def test_root_by_the_environment(self):
        self.expect(0, gna("apply", self.first, env={"GNA_ROOT": str(self.root)}))
        self.assertEqual(self.read("etc/demo/a"), "one\n")
        self.expect(2, gna("apply", self.first, "--root", self.scratch / "absent"))

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_who_may_not_is_told(self):
        self.node("apply", self.first)
        program = shutil.copy(GNA, self.scratch / "gna")
        self.scratch.chmod(0o755)

        def as_nobody(*arguments):
            return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, user=65534, group=65534,
                                  extra_groups=[], env=environment())
        result = as_nobody("apply", self.first)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("has to run as root", result.stderr)
        self.assertEqual(as_nobody("reset", "--yes").returncode, 1)
        # The records are root's alone: what is applied cannot be found out.
        self.assertEqual(as_nobody("status", "--root", self.root).returncode, 4)
        self.assertEqual(as_nobody("diff", "--root", self.root).returncode, 4)

    def test_a_reader_that_leaves_does_not_stop_the_run(self):
        many = self.write("many.yaml", osc(files="".join(file(f"/etc/demo/{i}", str(i)) for i in range(300))))
        process = subprocess.Popen([GNA, "apply", "--root", self.root, many], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=environment())
        process.stdout.close()
        process.wait()
        self.assertEqual(self.read("etc/demo/299"), "299")
        self.expect(0, self.node("diff"))


if __name__ == "__main__":
    main()
