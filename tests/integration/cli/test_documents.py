"""Every document of every command against its schema, on real input."""

from harness import SCHEMAS, TESTDATA, CommandTest, file, gna, main, osc, unit

KINDS = {"Findings", "Diff", "ApplyStep", "ApplySummary", "Status", "Rendered", "ResetSummary", "Version", "Error", "Userdata"}
# Of commands with tests of their own.
OTHERS = {"ProvisionStage", "ProvisionSummary"}


class Documents(CommandTest):
    def test_each_kind_has_a_schema(self):
        self.assertEqual(set(SCHEMAS), KINDS | OTHERS)

    def test_of_every_command_over_the_life_of_a_node(self):
        seen = set()

        def held(result):
            documents = result.documents()
            self.assertTrue(documents, str(result))
            seen.update(document["kind"] for document in documents)
            return documents

        secrets = self.write("secrets.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: any}\nstringData: {k: v}\n")
        cases = [TESTDATA / "osc/cases" / name for name in (
            "units-all-shapes.yaml", "registries-mirrors-full.yaml", "cri-cgroupfs-sandbox.yaml", "files-encodings.yaml",
            "plugins-add-remove.yaml", "unicode.yaml", "extension-merge.yaml")]
        for path in cases:
            talos = ["render", path, "--secrets", secrets, "--backend", "talos", "--allow-unsupported"]
            for arguments in (["validate", path], ["render", path, "--secrets", secrets], talos):
                with self.subTest(path.name, command=arguments[0]):
                    held(self.expect(0, gna(*arguments, "-o", "json")))
            self.root = self.scratch / path.stem
            self.root.mkdir()
            with self.subTest(path.name, command="on a node"):
                held(self.node("diff", path, "-o", "json"))
                held(self.expect(0, self.node("apply", path, "-o", "json")))
                held(self.expect(0, self.node("apply", path, "-o", "json")))
                held(self.expect(0, self.node("status", "-o", "json")))
        held(gna("version", "-o", "json"))
        held(self.expect(2, self.node("diff", self.scratch / "absent", "-o", "json")))
        provision = ["provision", "render", TESTDATA / "osc/real/provision-worker.yaml", "-o", "json"]
        for flags in ([], ["--format", "ignition", "--limit", "aws"], ["--os", "ubuntu"]):
            held(self.expect(0, gna(*provision, *flags)))
        bad = TESTDATA / "osc/bad/path-empty.yaml"
        for command in ("diff", "apply", "render"):
            (document,) = held(self.expect(2, self.node(command, bad, "-o", "json")))
            self.assertEqual(document["kind"], "Findings")
        held(self.expect(0, self.node("reset", "--yes", "-o", "json")))
        self.assertEqual(seen, KINDS)

    def test_nothing_but_documents_on_standard_output(self):
        path = self.write("osc.yaml", osc(files=file("/etc/x", "x"), units=unit("demo.service")))
        for arguments in (["diff", path], ["apply", path], ["apply", path], ["status"], ["reset", "--yes"]):
            for line in self.node(*arguments, "-o", "json").out.splitlines():
                self.assertTrue(line.startswith('{"apiVersion":"cli.gna.dev/v1","kind":"'), line)


if __name__ == "__main__":
    main()
