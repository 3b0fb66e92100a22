#!/usr/bin/env bash
# Checks the manifests without a cluster: zilla.yaml of the ConfigMap is valid, it is applied live when it is replaced the
# way a kubelet does, and times and ports fit each other. $ZILLA is the program, $PLUGINS the folder of the built plugins.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
zilla=${ZILLA:-$target/debug/zilla}
plugins=${PLUGINS:-$target/plugins/bin}
patience_s=60

fail() {
  echo "verify kubernetes: $*" >&2
  if [ -s "$scratch/log" ]; then sed 's/^/  /' "$scratch/log" >&2; fi
  exit 1
}

clean_up() {
  if [ -n "$gateway" ]; then kill -KILL "$gateway" 2>/dev/null || true; fi
  wait
  rm -rf "$scratch"
}

scratch=$(mktemp -d)
gateway=
trap clean_up EXIT
unset ZILLA_PLUGINS ZILLA_CACHE ZILLA_CONTROL

[ -x "$zilla" ] || fail "$zilla is missing: cargo build -p zilla-host"

# The block below `zilla.yaml: |`, without its indentation.
embedded() {
  sed -n '/^  zilla\.yaml: |$/,/^ \{0,3\}[^ ]/ s/^    //p' "$here/configmap.yaml"
}

# The number behind a key or option of the Deployment.
number() {
  local found
  found=$(sed -nE "s/.*$1[^0-9]*([0-9]+).*/\\1/p" "$here/deployment.yaml")
  [[ "$found" =~ ^[0-9]+$ ]] || fail "expected one number for $1 in deployment.yaml, found '$found'"
  echo "$found"
}

embedded >"$scratch/checked.yaml"
[ -s "$scratch/checked.yaml" ] || fail "configmap.yaml has no zilla.yaml"
"$zilla" check "$scratch/checked.yaml" --plugins "$plugins" --cache "$scratch/cache" >/dev/null || fail "zilla.yaml is wrong"

port=$(sed -nE 's/^ *port: ([0-9]+)$/\1/p' "$scratch/checked.yaml")
[ "$(number containerPort:)" = "$port" ] || fail "the container's port is not the one of zilla.yaml, $port"
drain_ms=$(number --drain-ms)
sleep_s=$(number '\[sleep,')
grace_s=$(number terminationGracePeriodSeconds:)
[ $((sleep_s * 1000 + drain_ms)) -lt $((grace_s * 1000)) ] ||
  fail "$sleep_s s of sleep and $drain_ms ms of drain do not fit into $grace_s s of grace"

# A volume as a kubelet makes it: zilla.yaml -> ..data/zilla.yaml, ..data -> a folder that is never changed.
publish() {
  mkdir -p "$scratch/etc/..$1"
  embedded | sed "s/$port/$free/; $2" >"$scratch/etc/..$1/zilla.yaml"
  ln -s "..$1" "$scratch/etc/..data_tmp"
  mv -T "$scratch/etc/..data_tmp" "$scratch/etc/..data"
}

control() {
  "$zilla" "$@" --control "$scratch/run/zilla.sock"
}

until_generation() {
  SECONDS=0
  until control status 2>/dev/null | grep -q "generation $1,"; do
    kill -0 "$gateway" 2>/dev/null || { gateway= && fail "the gateway did not start"; }
    [ "$SECONDS" -lt "$patience_s" ] || fail "generation $1 does not run within $patience_s s"
    sleep 0.1
  done
}

# Below the ports that systems give to clients. Gateways share a port without a word, so it must be one that nobody has.
while free=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$free") 2>/dev/null; do :; done
publish first ''
ln -s ..data/zilla.yaml "$scratch/etc/zilla.yaml"
# As the Deployment does: the socket's folder is there, the cache is a folder below a volume that all may write to.
mkdir -m 777 "$scratch/run" "$scratch/volume"
"$zilla" start -c "$scratch/etc/zilla.yaml" --workers 2 --drain-ms "$drain_ms" --log-format json --plugins "$plugins" \
  --cache "$scratch/volume/compiled" --control "$scratch/run/zilla.sock" 2>"$scratch/log" &
gateway=$!
until_generation 1
publish second 's/^name: .*/name: edited/; s/south_echo_server/renamed_echo_server/'
until_generation 2
rm -r "$scratch/etc/..first"
control status | grep -q renamed_echo_server || fail "the edited file does not run"

kill -TERM "$gateway"
wait "$gateway" || fail "the gateway ended with $?"
gateway=
echo "verify kubernetes: ok"
