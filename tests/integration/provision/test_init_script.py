"""init.sh under dash and bash, on a tree of its own, with a ctr that mimics 1.6, 1.7 or 2.x.

Only paths are put below the tree; the script's text is otherwise what ships. Waiting takes no time: sleep returns at
once, and timeout counts in hundredths.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

PRINT = os.environ["GNA_PRINT_INIT"]
IMAGE = "registry.example/gardener/node-agent:v1"
SHELLS = ("dash", "bash")
# coreutils, and nothing else. What a test wants besides it adds.
COREUTILS = "base64 cat chmod cp date env id mkdir mv od printf readlink rm rmdir sha256sum sync touch true".split()

CTR = r"""#!/bin/bash
PATH=/usr/bin:/bin
# One ctr: CLIENT and SERVER say which.
echo "$*" >> "$LOG"
usage() { echo "Incorrect Usage: flag provided but not defined: $1" >&2; exit 1; }
case "$1 $2" in
"version ")
  [ ! -e "$TREE/no-containerd" ] || { rm "$TREE/no-containerd"; echo 'ctr: failed to dial' >&2; exit 1; }
  printf 'Client:\n  Version:  %s\n  Revision: abc\n  Go version: go1.2\n\nServer:\n  Version:  %s\n  UUID: 1-2\n' "$CLIENT" "$SERVER" ;;
"images pull")
  shift 2
  local=
  while [[ $1 == -* ]]; do
    case $1 in
    --hosts-dir) hosts=$2; shift 2 ;;
    --skip-metadata) [[ ${CLIENT#v} == 2* ]] || usage "$1"; shift ;;
    --local) [[ ${CLIENT#v} != 1.[0-6]* ]] || usage "$1"; local=1; shift ;;
    *) usage "$1" ;;
    esac
  done
  [[ ${CLIENT#v} != 2* || ${SERVER#v} == 2* || $local ]] || { echo 'ctr: the hosts directory got lost' >&2; exit 1; }
  [[ $1 != */gna/probe:none ]] || {
    stat -c %a "$hosts" > "$TREE/mode-of-the-question"
    ! grep -q black-hole "$hosts"/*/hosts.toml || exec "$REAL_SLEEP" 1000
    echo 'ctr: not found' >&2
    exit 1
  }
  [ ! -e "$TREE/hang" ] || { rm "$TREE/hang"; exec "$REAL_SLEEP" 1000; }
  [ ! -e "$TREE/fail" ] || { rm "$TREE/fail"; echo 'ctr: 503' >&2; exit 1; }
  cp "$hosts/${1%%/*}/hosts.toml" "$TREE/hosts-of-the-pull" 2> /dev/null
  touch "$TREE/pulled" ;;
"images mount") [ -e "$TREE/pulled" ] && cp -a "$TREE/image/." "$4" && touch "$TREE/mounted" ;;
"images unmount")
  [ "$3" = --rm ] || usage "$3"
  [ -e "$TREE/mounted" ] || exit 1
  rm -rf "$TREE/mounted" "${4:?}"/* ;;
*) echo "unknown: $*" >&2; exit 1 ;;
esac
"""

CURL = r"""#!/bin/bash
PATH=/usr/bin:/bin
echo "curl $*" >> "$LOG"
if [[ $* == *configmaps* ]]; then
  cat > "$TREE/curl-config"
  cat "$TREE/configmap"
  exit
fi
for url; do :; done
case $url in
*black-hole*) printf 000; exit 28 ;;
*broken*) printf 503 ;;
*) printf 401 ;;
esac
"""

AGENT = """#!/bin/sh
echo "agent: $*"
"""


def hosts_toml(*urls, ca=None):
    text = '# managed by gardener-node-agent\nserver = "https://registry.example"\n\n'
    for url in urls:
        text += f'[host."{url}"]\n  capabilities = ["pull","resolve"]\n'
        if ca:
            text += f'  ca = ["{ca}"]\n'
        text += '  dial_timeout = "1s"\n\n'
    return text


class Machine:
    def __init__(self, case, client="1.6.20~ds1", server=None, image=IMAGE, more=()):
        self.tree = Path(tempfile.mkdtemp(prefix="gna-init-"))
        case.addCleanup(shutil.rmtree, self.tree, ignore_errors=True)
        self.log = self.tree / "log"
        self.bin = self.tree / "bin"
        self.bin.mkdir()
        self.state = self.tree / "var/lib/gardener-node-agent"
        self.state.mkdir(parents=True)
        (self.tree / "opt/bin").mkdir(parents=True)
        self.certs = self.tree / "etc/containerd/certs.d/registry.example"
        (self.tree / "proc").mkdir()
        (self.tree / "proc/uptime").write_text("100.25 1.0\n")
        (self.tree / "image").mkdir()
        self.program("image/gardener-node-agent", AGENT)
        for name in COREUTILS:
            (self.bin / name).symlink_to(shutil.which(name))
        self.program("bin/ctr", CTR)
        self.program("bin/sleep", f'#!/bin/bash\necho "sleep $1" >> "$LOG"\n')
        self.program("bin/timeout", '#!/bin/bash\nkill=()\n[ "$1" != -k ] || { kill=(-k 1); shift 2; }\n'
                     f'secs=$1; shift\nexec {shutil.which("timeout")} "${{kill[@]}}" "$(({"secs"} / 100)).$((secs % 100 + 100))" "$@"\n')
        self.program("bin/systemd-detect-virt", "#!/bin/sh\nexit 0\n")
        self.env = {"PATH": str(self.bin), "LOG": str(self.log), "TREE": str(self.tree), "CLIENT": client,
                    "SERVER": server or client, "REAL_SLEEP": shutil.which("sleep")}
        text = subprocess.run([PRINT, image, *more], check=True, capture_output=True, text=True).stdout
        self.script = self.tree / "init.sh"
        self.script.write_text(re.sub(r"(?<![\w.$*])/(etc|run|opt|var|proc)(?=/)", rf"{self.tree}/\1", text))

    def program(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def mirrors(self, *urls, **more):
        self.certs.mkdir(parents=True, exist_ok=True)
        (self.certs / "hosts.toml").write_text(hosts_toml(*urls, **more))

    def run(self, shell):
        return subprocess.run([shutil.which(shell), str(self.script)], env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def calls(self, prefix):
        return [line for line in self.log.read_text().splitlines() if line.startswith(prefix)]

    @property
    def agent(self):
        return self.tree / "opt/bin/gardener-node-agent"


def in_each_shell(test):
    def run(self):
        for shell in SHELLS:
            with self.subTest(shell=shell):
                test(self, shell)

    return run


class InitScript(unittest.TestCase):
    def expect_agent(self, machine, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(f"agent: bootstrap --config-dir={machine.state}", result.stdout)
        self.assertEqual(stat.S_IMODE(machine.agent.stat().st_mode), 0o755)
        self.assertFalse((machine.tree / "mounted").exists(), "the image is still mounted")
        self.assertEqual([p.name for p in machine.agent.parent.iterdir()], ["gardener-node-agent"])

    @in_each_shell
    def test_each_ctr_gets_the_flags_it_knows(self, shell):
        for client, server, flags in (
                ("1.5.18", "1.5.18", ""), ("1.6.20~ds1", "1.6.20~ds1", ""), ("v1.7.29", "v1.7.29", ""),
                ("v2.1.5", "v2.1.5", "--skip-metadata "), ("2.3.4+unknown", "2.3.4+unknown", "--skip-metadata "),
                ("1.7.29", "2.1.5", ""), ("2.1.5", "1.7.29", "--skip-metadata --local "),
                ("2.1.5", "1.6.20", "--skip-metadata --local ")):
            with self.subTest(client=client, server=server):
                machine = Machine(self, client, server)
                self.expect_agent(machine, machine.run(shell))
                self.assertEqual(machine.calls("images pull"),
                                 [f"images pull {flags}--hosts-dir {machine.tree}/etc/containerd/certs.d {IMAGE}"])

    @in_each_shell
    def test_a_pull_that_hangs_ends_and_is_tried_again(self, shell):
        machine = Machine(self)
        (machine.tree / "hang").touch()
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertEqual(len(machine.calls("images pull")), 2)
        self.assertIn("try 1 for " + IMAGE, result.stdout)

    @in_each_shell
    def test_a_pull_that_fails_is_tried_again_and_says_why(self, shell):
        machine = Machine(self)
        (machine.tree / "fail").touch()
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertIn("ctr: 503", result.stderr)
        self.assertEqual(machine.calls("sleep"), ["sleep 1"])

    @in_each_shell
    def test_an_image_without_the_program_backs_off(self, shell):
        machine = Machine(self)
        (machine.tree / "image/gardener-node-agent").rename(machine.tree / "image/other")
        # The twelfth nap ends the test.
        machine.program("bin/sleep", '#!/bin/bash\necho "sleep $1" >> "$LOG"\n'
                        '[ "$(grep -c ^sleep "$LOG")" -lt 12 ] || kill "$PPID"\n')
        (machine.bin / "grep").symlink_to(shutil.which("grep"))
        result = machine.run(shell)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("holds no gardener-node-agent", result.stdout)
        naps = [int(call.split()[1]) for call in machine.calls("sleep")]
        for nap, least in zip(naps, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)):
            self.assertTrue(least <= nap <= least * 5 // 4, naps)
        self.assertFalse((machine.tree / "mounted").exists())
        self.assertEqual(list(machine.agent.parent.iterdir()), [])

    @in_each_shell
    def test_waits_for_containerd(self, shell):
        machine = Machine(self)
        (machine.tree / "no-containerd").touch()
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertIn("waiting for containerd", result.stdout)

    @in_each_shell
    def test_gives_way_to_systemd_without_containerd(self, shell):
        machine = Machine(self)
        machine.program("bin/ctr", "#!/bin/sh\nexit 1\n")
        result = machine.run(shell)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no containerd", result.stdout)
        self.assertLess(sum(int(call.split()[1]) for call in machine.calls("sleep")), 130)

    @in_each_shell
    def test_what_a_question_takes_counts_as_waiting(self, shell):
        machine = Machine(self)
        machine.program("bin/ctr", '#!/bin/bash\necho "$*" >> "$LOG"\nread -r up _ < "$TREE/proc/uptime"\n'
                        'echo "$((${up%.*} + 20)).25 1.0" > "$TREE/proc/uptime"\nexit 1\n')
        self.assertEqual(machine.run(shell).returncode, 1)
        naps = sum(int(call.split()[1]) for call in machine.calls("sleep"))
        # The last nap and the last question may end later.
        self.assertLess(naps + 20 * (len(machine.calls("version")) - 1), 120 + 8 + 20)

    @in_each_shell
    def test_a_containerd_that_never_answers_does_not_hold_the_end_up(self, shell):
        machine = Machine(self)
        machine.program("bin/ctr", '#!/bin/bash\nexec "$REAL_SLEEP" 1000\n')
        self.assertEqual(machine.run(shell).returncode, 1)

    @in_each_shell
    def test_suse_calls_it_containerd_ctr(self, shell):
        machine = Machine(self)
        (machine.bin / "ctr").rename(machine.bin / "containerd-ctr")
        self.expect_agent(machine, machine.run(shell))

    @in_each_shell
    def test_takes_the_program_of_a_ko_image(self, shell):
        machine = Machine(self)
        (machine.tree / "image/ko-app").mkdir()
        (machine.tree / "image/gardener-node-agent").rename(machine.tree / "image/ko-app/gardener-node-agent")
        self.expect_agent(machine, machine.run(shell))

    @in_each_shell
    def test_a_link_in_the_image_stays_in_the_image(self, shell):
        for target in ("/usr/bin/env", "usr/bin/env"):
            machine = Machine(self)
            (machine.tree / "image/usr/bin").mkdir(parents=True)
            (machine.tree / "image/gardener-node-agent").rename(machine.tree / "image/usr/bin/env")
            (machine.tree / "image/gardener-node-agent").symlink_to(target)
            self.expect_agent(machine, machine.run(shell))
            self.assertEqual(machine.agent.read_text(), AGENT)

    @in_each_shell
    def test_replaces_a_program_that_runs(self, shell):
        machine = Machine(self)
        shutil.copy(shutil.which("sleep"), machine.agent)
        running = subprocess.Popen([machine.agent, "1000"])
        try:
            self.expect_agent(machine, machine.run(shell))
            self.assertEqual(machine.agent.read_text(), AGENT)
            self.assertIsNone(running.poll())
        finally:
            running.kill()
            running.wait()

    @in_each_shell
    def test_running_again_is_harmless(self, shell):
        machine = Machine(self)
        self.expect_agent(machine, machine.run(shell))
        self.expect_agent(machine, machine.run(shell))

    @in_each_shell
    def test_what_a_killed_run_left_mounted_goes_away(self, shell):
        machine = Machine(self)
        left = machine.tree / "run/gna/image"
        left.mkdir(parents=True)
        (left / "old").touch()
        (machine.tree / "mounted").touch()
        self.expect_agent(machine, machine.run(shell))
        self.assertFalse(left.exists())

    @in_each_shell
    def test_mirrors_that_answer_go_first(self, shell):
        machine = Machine(self)
        machine.program("bin/curl", CURL)
        machine.mirrors("https://black-hole.example", "https://broken.example", "https://b.example/v2", "https://a.example", ca="/etc/x.pem")
        result = machine.run(shell)
        self.expect_agent(machine, result)
        wanted = hosts_toml("https://b.example/v2", "https://a.example", "https://black-hole.example",
                            "https://broken.example", ca="/etc/x.pem")
        self.assertEqual((machine.certs / "hosts.toml").read_text(), wanted)
        self.assertEqual((machine.tree / "hosts-of-the-pull").read_text(), wanted)
        self.assertIn("https://b.example/v2 answers, https://a.example answers", result.stdout)
        self.assertIn("https://black-hole.example does not answer", result.stdout)
        self.assertIn("--cacert /etc/x.pem https://b.example/v2/", machine.log.read_text())
        order = (machine.state / "provision-order").read_text().split()
        digest = subprocess.run(["sha256sum", machine.certs / "hosts.toml"], capture_output=True, text=True).stdout.split()[0]
        self.assertEqual(order, ["file", digest, "0644", str(machine.certs / "hosts.toml")])

    @in_each_shell
    def test_without_curl_ctr_finds_out_who_is_black_holed(self, shell):
        for client in ("1.6.20", "v2.1.5"):
            machine = Machine(self, client)
            machine.mirrors("https://black-hole.example", "https://a.example")
            result = machine.run(shell)
            self.expect_agent(machine, result)
            self.assertEqual((machine.certs / "hosts.toml").read_text(),
                             hosts_toml("https://a.example", "https://black-hole.example"), result.stdout)

    @in_each_shell
    def test_credentials_below_run_come_first_and_stay_private(self, shell):
        for curl in (True, False):
            with self.subTest(curl=curl):
                machine = Machine(self)
                if curl:
                    machine.program("bin/curl", CURL)
                machine.mirrors("https://black-hole.example", "https://a.example")
                public = (machine.certs / "hosts.toml").read_text()
                private = machine.tree / "run/gna/certs.d/registry.example"
                private.mkdir(parents=True)
                (machine.tree / "run/gna/certs.d").chmod(0o700)
                toml = private / "hosts.toml"
                login = '  [host."https://a.example".header]\n    Authorization = "Basic xyz"\n'
                toml.write_text(public[:-1] + login + "\n")
                toml.chmod(0o600)
                self.expect_agent(machine, machine.run(shell))
                self.assertEqual(machine.calls("images pull")[-1],
                                 f"images pull --hosts-dir {machine.tree}/run/gna/certs.d {IMAGE}")
                self.assertEqual(toml.read_text(), hosts_toml("https://a.example")[:-1] + login + "\n" +
                                 hosts_toml("https://black-hole.example").split("\n\n", 1)[1])
                self.assertEqual(stat.S_IMODE(toml.stat().st_mode), 0o600)
                self.assertEqual((machine.certs / "hosts.toml").read_text(), public)
                if not curl:
                    self.assertEqual((machine.tree / "mode-of-the-question").read_text(), "700\n")
                # What was written to ask with is gone.
                self.assertEqual([p.name for p in (machine.tree / "run/gna").iterdir()], ["certs.d"])

    @in_each_shell
    def test_who_wants_a_client_certificate_is_asked_by_ctr(self, shell):
        machine = Machine(self)
        # Without the key pair the handshake ends here, and curl has no answer.
        machine.program("bin/curl", CURL.replace("*broken*", "*keys*) printf 000; exit 56 ;;\n*broken*"))
        machine.mirrors("https://black-hole.example", "https://keys.example")
        toml = machine.certs / "hosts.toml"
        pair = '  client = [["/a.pem","/a.key.pem"]]\n'
        toml.write_text(toml.read_text()[:-1] + pair + "\n")
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertIn("https://keys.example answers", result.stdout)
        self.assertTrue(toml.read_text().index("keys.example") < toml.read_text().index("black-hole"))

    @in_each_shell
    def test_order_that_is_right_is_left_alone(self, shell):
        machine = Machine(self)
        machine.program("bin/curl", CURL)
        machine.mirrors("https://a.example", "https://black-hole.example")
        before = (machine.certs / "hosts.toml").stat()
        self.expect_agent(machine, machine.run(shell))
        self.assertEqual((machine.certs / "hosts.toml").stat().st_ino, before.st_ino)
        self.assertFalse((machine.state / "provision-order").exists())

    @in_each_shell
    def test_names_and_clock_are_waited_for_but_not_for_ever(self, shell):
        machine = Machine(self, more=["require-mirror", "99999999999"])
        machine.mirrors("https://mirror.example:5000/v2/hub")
        machine.program("bin/getent", '#!/bin/bash\necho "getent $*" >> "$LOG"\nexit 2\n')
        machine.program("bin/timedatectl", "#!/bin/bash\necho no\n")
        machine.program("bin/systemd-detect-virt", "#!/bin/bash\nexit 1\n")
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertIn("waiting for a clock that is set, 60 s at most", result.stdout)
        self.assertIn("waiting for name resolution, 30 s at most", result.stdout)
        self.assertEqual(set(machine.calls("getent")), {"getent ahosts mirror.example"})
        self.assertLess(sum(int(call.split()[1]) for call in machine.calls("sleep")), 110)

    @in_each_shell
    def test_the_registry_ca_of_the_cluster_arrives_before_the_pull(self, shell):
        machine = Machine(self, more=["", "0", "https://api.example"])
        machine.program("bin/curl", CURL)
        machine.program("bin/systemctl", '#!/bin/bash\necho "systemctl $*" >> "$LOG"\n')
        machine.program("var/lib/ssl/update-local-ca-certificates.sh", '#!/bin/bash\necho update >> "$LOG"\n')
        (machine.state / "credentials").mkdir()
        (machine.state / "credentials/bootstrap-token").write_text("abcdef.0123456789abcdef\n")
        (machine.tree / "configmap").write_text(
            '{"metadata":{"managedFields":[{"fieldsV1":{"f:data":{"f:bundle.crt":{}}}}]},"data": {\n  "bundle.crt": "Q0EK"\n}}')
        self.expect_agent(machine, machine.run(shell))
        self.assertEqual((machine.tree / "var/lib/ca-certificates-local/registry-ca.crt").read_text(), "CA\n")
        self.assertEqual((machine.tree / "etc/pki/trust/anchors/registry-ca.pem").read_text(), "CA\n")
        log = machine.log.read_text()
        self.assertLess(log.index("systemctl restart containerd"), log.index("images pull"))
        self.assertNotIn("abcdef", log)
        self.assertIn("Bearer abcdef.0123456789abcdef", (machine.tree / "curl-config").read_text())

    @in_each_shell
    def test_a_registry_ca_that_cannot_be_installed_is_asked_for_again(self, shell):
        machine = Machine(self, more=["", "0", "https://api.example"])
        machine.program("bin/curl", CURL)
        machine.program("var/lib/ssl/update-local-ca-certificates.sh", "#!/bin/bash\nexit 1\n")
        (machine.state / "credentials").mkdir()
        (machine.state / "credentials/bootstrap-token").write_text("abcdef.0123456789abcdef\n")
        (machine.tree / "configmap").write_text('{"data": {"bundle.crt": "Q0EK"}}')
        (machine.tree / "fail").touch()
        result = machine.run(shell)
        self.expect_agent(machine, result)
        self.assertEqual(result.stdout.count("the registry CA is not in place yet"), 2)
        self.assertEqual(len(machine.calls("curl")), 2)

    def test_shellcheck_has_no_findings(self):
        if not shutil.which("shellcheck"):
            self.skipTest("no shellcheck")
        for more in ([], ["", "0", "https://api.example"]):
            machine = Machine(self, more=more)
            found = subprocess.run(["shellcheck", "--shell=sh", machine.script], capture_output=True, text=True)
            self.assertEqual(found.returncode, 0, found.stdout)

    def test_the_unit_is_one_that_systemd_takes(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        tree = Path(tempfile.mkdtemp(prefix="gna-init-"))
        self.addCleanup(shutil.rmtree, tree)
        text = subprocess.run([PRINT], check=True, capture_output=True, text=True).stdout
        (tree / "gardener-node-init.service").write_text(text.replace("/var/lib/gardener-node-agent/init.sh", "/bin/true"))
        found = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tree / "gardener-node-init.service"],
                               capture_output=True, text=True)
        self.assertEqual(found.stderr, "")


if __name__ == "__main__":
    unittest.main()
