# shellcheck shell=bash
# What the scenarios of new machines share, beside what those on a node have.
# shellcheck source=../nspawn/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../nspawn/lib.sh"
# The image holds the portable binary, as shipped, where it has been built.
[ ! "$repo/build/release/gna" -nt "$program" ] || program=$repo/build/release/gna

upstream=europe-docker.pkg.dev
agent_image=gardener-project/releases/gardener/node-agent:v1.150.0-dev
machines=()

needs_machines() {
  if ! "$repo/tools/node" check; then
    [[ ${GNA_REQUIRE:-} == *nspawn* ]] && exit 1
    echo 'skipped: no node'
    exit 77
  fi
  scratch=$(mktemp -d)
  trap leave EXIT
  trap 'exit 130' INT TERM
}

# A machine that was never booted, in a network of its own with two mirrors on it. The second has the agent's image.
# dead.example is what a firewall makes of it: packets to it vanish. It becomes the machine at hand ($node, $root).
new_machine() {
  node=$("$repo/tools/node" create cloud-init) || exit 1
  root=$node/root
  # Not every image has it, and nothing of ours needs it.
  rm -f "$root/etc/environment"
  machines+=("$node")
  behind_mirrors
}

# The same for a machine whose image brings gna and no cloud-init: it runs.
machine_with_gna() {
  node=$("$repo/tools/node" start) || exit 1
  root=$node/root
  machines+=("$node")
  install -m 0755 "$program" "$root/usr/local/bin/gna"
  behind_mirrors
}

behind_mirrors() {
  local host
  for host in dead.example mirror.example; do "$repo/tools/node" registry "$node" $host || exit 1; done
  "$repo/tools/node" black-hole "$node" dead.example
  push_agent || exit 1
}

push_agent() {
  "$repo/tools/node" beside "$node" "$repo/packaging/image/build" --binary "$program" \
    --url "https://$(< "$node/registry/mirror.example/address")" --ca "$node/registry/mirror.example/ca.crt" \
    "$agent_image" > /dev/null
}

# shellcheck disable=SC2317  # called by the trap
leave() {
  local status=$?
  if [ "$status" != 0 ] && [ -e "$node/leader" ]; then
    echo "--- journal of the machine, last lines"
    on journalctl --no-pager -n 60 -o short-monotonic 2> /dev/null
  fi
  [ ${#machines[@]} = 0 ] || "$repo/tools/node" stop "${machines[@]}"
  rm -rf "$scratch"
}

# The provision OSC of a Gardener worker, without the data disk that these machines lack.
provision_osc() {
  /usr/bin/python3 - "$repo/tests/testdata/osc/real/provision-worker.yaml" << 'PYTHON'
import base64, sys, yaml
osc = yaml.safe_load(open(sys.argv[1]))
for file in osc["spec"]["files"]:
    if "/config-" in file["path"]:
        inline = file["content"]["inline"]
        config = yaml.safe_load(base64.b64decode(inline["data"]))
        del config["bootstrap"]["kubeletDataVolumeSize"]
        inline["data"] = base64.b64encode(yaml.safe_dump(config).encode()).decode()
print(yaml.safe_dump(osc))
PYTHON
}

# The reconcile OSC of the same worker, without the mount of that disk.
reconcile_osc() {
  /usr/bin/python3 - "$repo/tests/testdata/osc/real/reconcile-worker.yaml" << 'PYTHON'
import sys, yaml
osc = yaml.safe_load(open(sys.argv[1]))
units = osc["spec"]["units"]
osc["spec"]["units"] = [unit for unit in units if unit["name"] != "var-lib-kubelet.mount"]
print(yaml.safe_dump(osc))
PYTHON
}

mirror_config() { # HOST...
  cat << YAML
apiVersion: mirror.extensions.gardener.cloud/v1alpha1
kind: MirrorConfig
mirrors:
- upstream: $upstream
  provisionRelevant: true
  hosts:
$(for host in "$@"; do
    printf '  - host: https://%s\n    capabilities: [pull, resolve]\n    caBundle: %s\n' $host \
      "$(base64 -w0 "$node/registry/$host/ca.crt")"
  done)
YAML
}

# What the machine controller does to userdata on its way.
fill_in() { sed -e 's/<<BOOTSTRAP_TOKEN>>/abcdef.0123456789abcdef/g' -e 's/<<MACHINE_NAME>>/machine-1/g'; }

boot() { "$repo/tools/node" boot "$node" "$@" || exit 1; }
halt() { "$repo/tools/node" halt "$node" || exit 1; }

# Waits for a line in the console's or the journal's words; a machine that hangs ends the scenario.
journal_says() { on timeout "${2:-60}" sh -c 'until journalctl -q -o cat | grep -qE "$1"; do sleep 0.2; done' sh "$1"; }

# Everything that userdata or the agent may have put there, with its times: a file written anew shows, even with equal bytes.
tree() { # DIRECTORY...
  (cd "$root" && find "$@" -type f -printf '%p %m %T@ ' -exec sha256sum {} \; | cut -d' ' -f 1-4 | sort)
}
