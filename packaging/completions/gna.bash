# bash completion for gna; made by `gna completion bash`
_gna() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'validate render diff apply status reset provision bootstrap agent version completion help --help --version' -- "$word")
    return
  fi
  if [[ $command == provision ]]; then
    if ((COMP_CWORD == 2)); then
      mapfile -t COMPREPLY < <(compgen -W 'render run' -- "$word")
      return
    fi
    command="$command ${COMP_WORDS[2]}"
  fi
  case $command:$before in
    validate:-o|validate:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    validate:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    validate:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    render:--out) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    render:--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    render:--image-layout) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    render:--backend) mapfile -t COMPREPLY < <(compgen -W 'auto systemd talos' -- "$word"); return ;;
    render:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    render:--host-name) return ;;
    render:--containerd-version) return ;;
    render:--containerd-config-version) mapfile -t COMPREPLY < <(compgen -W '2 3 4' -- "$word"); return ;;
    render:--timeout) return ;;
    render:-o|render:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    render:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    render:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    diff:--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    diff:--image-layout) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    diff:--backend) mapfile -t COMPREPLY < <(compgen -W 'auto systemd talos' -- "$word"); return ;;
    diff:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    diff:--host-name) return ;;
    diff:--containerd-version) return ;;
    diff:--containerd-config-version) mapfile -t COMPREPLY < <(compgen -W '2 3 4' -- "$word"); return ;;
    diff:--timeout) return ;;
    diff:-o|diff:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    diff:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    diff:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    apply:--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    apply:--image-layout) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    apply:--progress) mapfile -t COMPREPLY < <(compgen -W 'auto plain none' -- "$word"); return ;;
    apply:--backend) mapfile -t COMPREPLY < <(compgen -W 'auto systemd talos' -- "$word"); return ;;
    apply:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    apply:--host-name) return ;;
    apply:--containerd-version) return ;;
    apply:--containerd-config-version) mapfile -t COMPREPLY < <(compgen -W '2 3 4' -- "$word"); return ;;
    apply:--timeout) return ;;
    apply:-o|apply:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    apply:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    apply:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    status:--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    status:--backend) mapfile -t COMPREPLY < <(compgen -W 'auto systemd talos' -- "$word"); return ;;
    status:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    status:--host-name) return ;;
    status:--containerd-version) return ;;
    status:--containerd-config-version) mapfile -t COMPREPLY < <(compgen -W '2 3 4' -- "$word"); return ;;
    status:--timeout) return ;;
    status:-o|status:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    status:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    status:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    reset:--progress) mapfile -t COMPREPLY < <(compgen -W 'auto plain none' -- "$word"); return ;;
    reset:--backend) mapfile -t COMPREPLY < <(compgen -W 'auto systemd talos' -- "$word"); return ;;
    reset:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    reset:--host-name) return ;;
    reset:--containerd-version) return ;;
    reset:--containerd-config-version) mapfile -t COMPREPLY < <(compgen -W '2 3 4' -- "$word"); return ;;
    reset:--timeout) return ;;
    reset:-o|reset:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    reset:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    reset:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    "provision render":--format) mapfile -t COMPREPLY < <(compgen -W 'script cloud-config mime ignition talos' -- "$word"); return ;;
    "provision render":--os) mapfile -t COMPREPLY < <(compgen -W 'gardenlinux ubuntu suse-chost memoryone flatcar local' -- "$word"); return ;;
    "provision render":--limit) return ;;
    "provision render":--generation) return ;;
    "provision render":--out) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision render":--reconcile) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision render":--reconcile-out) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision render":--mirrors) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision render":--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision render":--mirror-credentials) return ;;
    "provision render":--image) return ;;
    "provision render":-o|"provision render":--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    "provision render":--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    "provision render":--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    "provision run":--mirrors) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision run":--secrets) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    "provision run":--mirror-credentials) return ;;
    "provision run":--image) return ;;
    "provision run":--generation) return ;;
    "provision run":--image-layout) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    "provision run":--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    "provision run":--timeout) return ;;
    "provision run":--progress) mapfile -t COMPREPLY < <(compgen -W 'auto plain none' -- "$word"); return ;;
    "provision run":-o|"provision run":--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    "provision run":--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    "provision run":--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    bootstrap:--config-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    bootstrap:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    bootstrap:--timeout) return ;;
    bootstrap:--progress) mapfile -t COMPREPLY < <(compgen -W 'auto plain none' -- "$word"); return ;;
    bootstrap:-o|bootstrap:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    bootstrap:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    bootstrap:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    agent:--config) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    agent:--config-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    agent:--drift) mapfile -t COMPREPLY < <(compgen -W 'repair report' -- "$word"); return ;;
    agent:--root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    agent:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    agent:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
    version:-o|version:--output) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word"); return ;;
    version:--log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word"); return ;;
    version:--log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
  esac
  case $command in
    validate)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--strict -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    render)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--out --secrets --image-layout --allow-unsupported --backend --root --host-name --containerd-version --containerd-config-version --timeout -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    diff)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--secrets --image-layout --previous --allow-empty --allow-unsupported --show-secrets --backend --root --host-name --containerd-version --containerd-config-version --timeout -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    apply)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--secrets --image-layout --previous --dry-run --allow-empty --allow-unsupported --force --no-state --progress --show-secrets --backend --root --host-name --containerd-version --containerd-config-version --timeout -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    status)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--secrets --backend --root --host-name --containerd-version --containerd-config-version --timeout -o --output --log-level --log-format -h --help' -- "$word")
      fi ;;
    reset)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--yes --progress --backend --root --host-name --containerd-version --containerd-config-version --timeout -o --output --log-level --log-format -h --help' -- "$word")
      fi ;;
    "provision render")
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--format --os --limit --gzip --generation --secrets-in-userdata --out --reconcile --reconcile-out --mirrors --all-mirrors --require-mirror --secrets --mirror-credentials --image -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    "provision run")
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--mirrors --all-mirrors --require-mirror --secrets --mirror-credentials --image --generation --image-layout --root --timeout --progress -o --output --log-level --log-format -h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi ;;
    bootstrap)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--config-dir --root --timeout --progress -o --output --log-level --log-format -h --help' -- "$word")
      fi ;;
    agent)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--config --config-dir --drift --root --log-level --log-format -h --help' -- "$word")
      fi ;;
    version)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-o --output --log-level --log-format -h --help' -- "$word")
      fi ;;
    completion)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$word")
      fi ;;
    help)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-h --help' -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -W 'validate render diff apply status reset provision bootstrap agent version completion help' -- "$word")
      fi ;;
  esac
}
complete -o filenames -F _gna gna
