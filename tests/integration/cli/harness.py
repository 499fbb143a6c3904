"""What the tests of the command share: running gna, a scratch node, schemas."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import jsonschema

GNA = os.environ["GNA"]
SOURCE = Path(os.environ["GNA_SOURCE_DIR"])
TESTDATA = SOURCE / "tests" / "testdata"
SCHEMAS = {
    schema["title"]: schema
    for schema in (json.loads(path.read_text()) for path in (SOURCE / "packaging" / "schemas").glob("*.json"))
}


class Result:
    def __init__(self, code, out, err, cpu_seconds, seconds, peak_kib):
        self.code, self.out, self.err = code, out, err
        self.cpu_seconds, self.seconds, self.peak_kib = cpu_seconds, seconds, peak_kib

    @property
    def text(self):
        return self.out + self.err

    def documents(self):
        """The JSON documents on standard output, each held against its schema."""
        found = [json.loads(line) for line in self.out.splitlines()]
        for document in found:
            check(document)
        return found

    def document(self):
        (one,) = self.documents()
        return one

    def __str__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def check(document):
    schema = SCHEMAS[document["kind"]]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)


def environment(**more):
    kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb"}
    kept.update(more)
    return kept


def start(*arguments, stdin=subprocess.DEVNULL, env=None, cwd=None):
    return subprocess.Popen([GNA, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment(**(env or {})), cwd=cwd)


def gna(*arguments, stdin=None, env=None, cwd=None):
    """Runs gna to its end; bytes as text, the raw ones replaced, so that a marker is found in any case."""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    began = time.monotonic()
    process = subprocess.Popen([GNA, *map(str, arguments)], stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                               stdout=out, stderr=err, env=environment(**(env or {})), cwd=cwd)
    if stdin is not None:
        try:
            process.stdin.write(stdin if isinstance(stdin, bytes) else stdin.encode())
            process.stdin.close()
        except BrokenPipeError:
            pass
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    texts = []
    for stream in (out, err):
        with stream:
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return Result(process.returncode, texts[0], texts[1], usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss)


def listing(root):
    """Every path below root with what makes it what it is."""
    found = {}
    for path in sorted(Path(root).rglob("*")):
        status = path.lstat()
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (status.st_mode, what)
    return found


def osc(files="", units="", cri="", status=""):
    """A small OSC. Each part is YAML at its place's indentation."""
    text = "apiVersion: extensions.gardener.cloud/v1alpha1\nkind: OperatingSystemConfig\nmetadata: {name: t}\nspec:\n  type: t\n  purpose: reconcile\n"
    if cri:
        text += "  criConfig:\n" + indented(cri, 4)
    if files:
        text += "  files:\n" + indented(files, 2)
    if units:
        text += "  units:\n" + indented(units, 2)
    if status:
        text += "status:\n" + indented(status, 2)
    return text


def indented(text, by):
    return "".join(" " * by + line + "\n" for line in text.strip("\n").split("\n"))


def file(path, data, permissions=420):
    return (f"- path: {path}\n" + (f"  permissions: {permissions}\n" if permissions is not None else "") +
            f"  content:\n    inline:\n      encoding: ''\n      data: {json.dumps(data)}\n")


SERVICE = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


def unit(name, content=SERVICE, more=""):
    return f"- name: {name}\n  enable: true\n  command: start\n  content: {json.dumps(content)}\n" + more


class CommandTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="gna-cli-"))
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.root = self.scratch / "node"
        self.root.mkdir()

    def write(self, name, text):
        path = self.scratch / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def node(self, *arguments, **options):
        """gna COMMAND --root NODE ..."""
        return gna(arguments[0], "--root", self.root, *arguments[1:], **options)

    def expect(self, code, result):
        self.assertEqual(result.code, code, str(result))
        return result


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
