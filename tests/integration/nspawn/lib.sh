# shellcheck shell=bash
# What the scenarios on a node share. A scenario sources this, calls on_a_node, and says what it expects, line by line.
# It skips (77) where nodes cannot run, and fails instead if GNA_REQUIRE has the word nspawn.
set -uo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
program=${GNA_PROGRAM:-$repo/build/dev/gna}
node='' root='' scratch='' wrong=0

on_a_node() {
  if ! "$repo/tools/node" check; then
    [[ ${GNA_REQUIRE:-} == *nspawn* ]] && exit 1
    echo 'skipped: no node'
    exit 77
  fi
  scratch=$(mktemp -d)
  trap leave EXIT
  trap 'exit 130' INT TERM
  node=$("$repo/tools/node" start) || exit 1
  root=$node/root
  install -m 0755 "$program" "$root/usr/local/bin/gna"
}

# shellcheck disable=SC2317  # called by the trap
leave() {
  local status=$?
  if [ "$status" != 0 ] && [ -n "$node" ]; then
    echo "--- journal of the node, last lines"
    on journalctl --no-pager -n 30 -o short-monotonic _PID=1 2> /dev/null
  fi
  [ -z "$node" ] || "$repo/tools/node" stop "$node"
  rm -rf "$scratch"
}

on() { "$repo/tools/node" exec "$node" "$@"; }
gna() { on gna "$@"; }

# Says whether a command holds; a scenario goes on, and fails at its end.
expect() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@" > "$scratch/expect" 2>&1; then echo "ok    $what"; else
    wrong=$((wrong + 1))
    echo "WRONG $what"
    sed 's/^/      /' "$scratch/expect" | head -20
  fi
}

# Runs gna in the node and holds its exit code; what it printed is in $out.
out=''
gives() { # CODE WHAT gna-arguments...
  local code=$1 what=$2 status
  shift 2
  out=$(gna "$@" 2>&1 < /dev/null)
  status=$?
  if [ "$status" = "$code" ]; then echo "ok    $what (exit $code)"; else
    wrong=$((wrong + 1))
    echo "WRONG $what: exit $status instead of $code"
    sed 's/^/      /' <<< "$out" | head -40
  fi
}

# An OSC on standard input goes to /root/osc.yaml in the node.
osc() { cat > "$root/root/osc.yaml"; }

property() { on systemctl show --value -p "$1" "$2"; }
reloads() { on journalctl --no-pager -q -o cat _PID=1 | grep -c '^Reloading\.'; }
started() { property ActiveEnterTimestampMonotonic "$1"; }
says() { grep -qE "$1" <<< "$out"; }
silent_on() { ! grep -qE "$1" <<< "$out"; }
differ() { [ "$1" != "$2" ]; }
same() { [ "$1" = "$2" ]; }

done_testing() {
  [ "$wrong" = 0 ] || echo "$wrong expectations do not hold"
  exit $((wrong > 0))
}
