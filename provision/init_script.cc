#include "provision/init_script.h"

#include <string_view>

namespace gna::provision {
namespace {

// What follows is shipped in userdata: comments are few or stand between the pieces, and names are short.
constexpr std::string_view kHead =
    R"sh(
certs=/etc/containerd/certs.d run=/run/gna
agent=/opt/bin/gardener-node-agent state=/var/lib/gardener-node-agent
hosts=$certs
[ ! -d $run/certs.d ] || hosts=$run/certs.d # with credentials, and gone after the next boot
toml=$hosts/${image%%/*}/hosts.toml
ctr=ctr
command -v ctr > /dev/null || ctr=containerd-ctr

say() { echo "node-init: $*"; }
has() { command -v "$1" > /dev/null; }

)sh"
    // The time that the command takes counts; the clock that is waited for does not.
    R"sh(wait_for() { # SECONDS WHAT COMMAND...
  left=$1 what=$2 nap=1
  shift 2
  "$@" && return
  say "waiting for $what, $left s at most"
  while read -r from _ < /proc/uptime; do
    "$@" && return
    read -r to _ < /proc/uptime
    left=$((left - ${to%.*} + ${from%.*}))
    [ "$left" -gt 0 ] || { say "no $what yet"; return 1; }
    sleep $nap
    left=$((left - nap)) nap=$((nap < 8 ? nap * 2 : 8))
  done
}

)sh"
    // ctr 1.6 knows no flag; 2.x fetches all platforms unless told not to, and leaves the pull (without the hosts
    // directory, if it is a 1.7) to the daemon.
    R"sh(containerd_up() {
  versions=$(timeout 20 $ctr version 2> /dev/null) || return
  client='' server='' flags=''
  while read -r key value _; do
    [ "$key" = Version: ] || continue
    value=${value#v}
    if [ "$client" ]; then server=${value%%.*}; else client=${value%%.*}; fi
  done << END
$versions
END
  case $client in [2-9]) flags=--skip-metadata ;; esac
  case $client$server in [2-9]1) flags="$flags --local" ;; esac
}

clock_set() {
  systemd-detect-virt -cq || [ -e /run/systemd/timesync/synchronized ] ||
    [ "$(timeout 5 timedatectl show -p NTPSynchronized --value 2> /dev/null)" = yes ]
}

names_known() {
  has getent || return 0
  for name in $names; do timeout 5 getent ahosts "$name" > /dev/null && return; done
  return 1
}

pull() { # SECONDS HOSTS IMAGE
  # shellcheck disable=SC2086 # no flag, or several
  timeout -k 5 "$1" $ctr images pull $flags --hosts-dir "$2" "$3" > /dev/null
}

)sh"
    // Without curl, and where a client certificate is shown, ctr itself asks: what doesn't answer it in 5 s is dead;
    // what refuses costs a pull nothing.
    R"sh(answers() {
  if has curl && [ "${part#*client = }" = "$part" ]; then
    case $(curl -sLo /dev/null --connect-timeout 2 -m 5 -w '%{http_code}' ${ca:+--cacert "$ca"} "${url%/v2}/v2/") in
      *000 | *408 | *429 | *5??) return 1 ;;
    esac
  else
    mkdir -p "$run/try/${image%%/*}"
    chmod 0700 $run/try
    printf 'server = "%s"\n%s' "$url" "$part" > "$run/try/${image%%/*}/hosts.toml"
    tried=0
    pull 5 $run/try "${image%%/*}/gna/probe:none" 2> /dev/null || tried=$?
    [ $tried != 124 ] && [ $tried != 137 ]
  fi
}

part_ends() {
  if [ -z "$url" ]; then head=$part
  elif answers; then live=$live$part said="$said, $url answers"
  else dead=$dead$part said="$said, $url does not answer"; fi
  part=''
}

)sh"
    // Mirrors that answer go first: each step of a pull waits anew for a dead one.
    R"sh(order() {
  [ -f "$toml" ] || return 0
  all='' head='' live='' dead='' part='' url='' ca='' said=''
  while IFS= read -r line; do
    case $line in
      '[host."'*) part_ends; url=${line#*\"} ca=''; url=${url%\"*} ;;
      *' ca = ["'*) ca=${line#*\"}; ca=${ca%%\"*} ;;
    esac
    all=$all$line$nl part=$part$line$nl
  done < "$toml"
  part_ends
  say "mirrors${said:-, none}"
  [ "$all" = "$head$live$dead" ] && return
  cp -p "$toml" "$toml.new" && printf %s "$head$live$dead" > "$toml.new" && sync "$toml.new" || return
  new=$(sha256sum < "$toml.new")
  echo "file ${new%% *} 0644 $toml" > $state/provision-order && mv -f "$toml.new" "$toml"
}

)sh"
    // A link that begins at the root means the image's.
    R"sh(copy() {
  for file in gardener-node-agent ko-app/gardener-node-agent; do
    from=$run/image/$file
    case $(readlink "$from") in /*) from=$run/image$(readlink "$from") ;; esac
    [ -f "$from" ] || continue
    mkdir -p /opt/bin && cp "$from" $agent.new && chmod 0755 $agent.new && sync $agent.new &&
      mv -f $agent.new $agent && sync /opt/bin
    return
  done
  say "$image holds no gardener-node-agent"
  return 1
}

drop() {
  timeout 30 $ctr images unmount --rm $run/image > /dev/null 2>&1 || :
  rm -rf $run/try
  rmdir $run/image 2> /dev/null || :
}
)sh";

constexpr std::string_view kRegistryCa = R"sh(
# The CA that the cluster has for its registries. The token stays out of argv.
registry_ca() {
  [ ! -e $run/registry-ca ] || return 0
  ca=$(printf 'header = "Authorization: Bearer %s"' "$(cat $state/credentials/bootstrap-token)" |
    curl -sSfm 30 -K - --cacert $state/cluster-ca.crt "$api/api/v1/namespaces/kube-system/configmaps/registry-ca-bundle") ||
    { say "no registry CA from $api yet"; return 0; }
  case $ca in *'"bundle.crt"'*) ;; *) return 0 ;; esac
  ca=${ca#*'"bundle.crt"'} ca=${ca#*\"}
  mkdir -p $run /var/lib/ca-certificates-local /etc/pki/trust/anchors &&
    echo "${ca%%\"*}" | base64 -d > /var/lib/ca-certificates-local/registry-ca.crt &&
    cp /var/lib/ca-certificates-local/registry-ca.crt /etc/pki/trust/anchors/registry-ca.pem &&
    /var/lib/ssl/update-local-ca-certificates.sh && systemctl restart containerd && wait_for 60 containerd containerd_up &&
    : > $run/registry-ca
}
)sh";

constexpr std::string_view kTail = R"sh(
trap drop EXIT
trap 'exit 1' HUP INT TERM
wait_for 120 containerd containerd_up
limit=10
[ "$(date +%s)" -ge "$not_before" ] || limit=60
wait_for $limit 'a clock that is set' clock_set || :
if [ -f "$toml" ]; then
  while read -r line; do
    case $line in '[host."'*) line=${line#*://} line=${line%%[/\"]*} names="${line%:*} $names" ;; esac
  done < "$toml"
fi
wait_for 30 'name resolution' names_known || :

tries=0 pause=1
while :; do
  registry_ca || say 'the registry CA is not in place yet'
  order || say "$toml stays in its order"
  drop
  mkdir -p $run/image
  pull 300 $hosts "$image" && timeout 60 $ctr images mount "$image" $run/image > /dev/null && copy && break
  tries=$((tries + 1)) jitter=$(od -An -N1 -tu1 /dev/urandom)
  say "try $tries for $image failed, the next one in $pause s"
  sleep $((pause + pause * jitter / 1024))
  pause=$((pause < 32 ? pause * 2 : 60))
  containerd_up || :
done
drop
trap - EXIT
say "$agent is there"
exec $agent bootstrap --config-dir=$state
)sh";

}  // namespace

std::string init_script(const InitScript& of) {
  auto upstream = of.image.substr(0, of.image.find('/'));
  if (const auto port = upstream.find(':'); port != std::string::npos) upstream.resize(port);
  std::string out =
      "#!/bin/sh\n# Brings gardener-node-agent onto this machine. Each step may run again.\nset -eu\numask 022\n";
  out += "image='" + of.image + "' not_before=" + std::to_string(of.not_before) + "\n";
  // The upstream, unless it must not be asked.
  out += "names='" + (of.require_mirror ? "" : upstream) + "' nl='\n'\n";
  if (!of.registry_ca.empty()) out += "api='" + of.registry_ca + "'\n";
  out += kHead.substr(1);
  out += of.registry_ca.empty() ? std::string_view("\nregistry_ca() { :; }\n") : kRegistryCa;
  out += kTail;
  return out;
}

std::string init_unit() {
  return "[Unit]\n"
         "Description=Brings gardener-node-agent onto this machine and starts it\n"
         "Wants=containerd.service network-online.target\n"
         "After=containerd.service network-online.target\n"
         "StartLimitIntervalSec=0\n"
         "[Service]\n"
         "Type=oneshot\n"
         "Restart=on-failure\n"
         "RestartSec=5\n"
         "EnvironmentFile=-/etc/environment\n"
         "ExecStart=/var/lib/gardener-node-agent/init.sh\n"
         "StandardOutput=journal+console\n"
         "StandardError=journal+console\n"
         "[Install]\n"
         "WantedBy=multi-user.target\n";
}

}  // namespace gna::provision
