#!/usr/bin/env bash
# Swaps a plugin 20 times under a gateway of its own, with clients that never stop coming. Takes no address: swapping
# under a gateway that others use would disturb them. $ZILLA is the program, $PLUGINS the folder of the built plugins.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
zilla=${ZILLA:-$target/debug/zilla}
plugins=${PLUGINS:-$target/plugins/bin}
swaps=20
clients=3
patience_s=60

fail() {
  echo "verify swap: $*" >&2
  if [ -s "$scratch/log" ]; then sed 's/^/  /' "$scratch/log" >&2; fi
  exit 1
}

clean_up() {
  touch "$scratch/enough"
  if [ -n "$gateway" ]; then kill -KILL "$gateway" 2>/dev/null || true; fi
  wait
  rm -rf "$scratch"
}

scratch=$(mktemp -d)
gateway=
trap clean_up EXIT
# No variable of whoever calls this changes which plugins are run, or which gateway is told to swap them.
unset ZILLA_PLUGINS ZILLA_CACHE ZILLA_CONTROL

command -v nc >/dev/null || fail "nc is not installed"
[ -x "$zilla" ] || fail "$zilla is missing: cargo build -p zilla-host"
[ -f "$plugins/binding_greet.wasm" ] || fail "$plugins/binding_greet.wasm is missing: cargo xtask plugins binding-greet"

# Two versions. The second is made from the octets of the first, so that nothing has to be compiled here.
mkdir "$scratch/plugins" "$scratch/one" "$scratch/two"
cp "$plugins/binding_greet.wasm" "$scratch/one/"
LC_ALL=C sed 's/from version one/from version two/' "$scratch/one/binding_greet.wasm" >"$scratch/two/binding_greet.wasm"
if cmp -s "$scratch/one/binding_greet.wasm" "$scratch/two/binding_greet.wasm"; then
  fail "$plugins/binding_greet.wasm is not version one"
fi
cp "$scratch/one/binding_greet.wasm" "$scratch/plugins/"

control() {
  "$zilla" "$@" --control "$scratch/zilla.sock"
}

# Below the ports that systems give to clients. Gateways share a port without a word, so it must be one that nobody has.
free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

port=$(free_port)
sed "s/12346/$port/" "$root/examples/swap/zilla.yaml" >"$scratch/zilla.yaml"
"$zilla" start -c "$scratch/zilla.yaml" --workers 2 --plugins "$scratch/plugins" --cache "$scratch/cache" \
  --control "$scratch/zilla.sock" 2>"$scratch/log" &
gateway=$!
SECONDS=0
until control status >/dev/null 2>&1; do
  kill -0 "$gateway" 2>/dev/null || { gateway= && fail "the gateway did not start"; }
  [ "$SECONDS" -lt "$patience_s" ] || fail "the gateway did not start within $patience_s s"
  sleep 0.1
done

# One line a connection: what it was told, whole or not.
greeting() {
  nc -w 10 127.0.0.1 "$port" </dev/null
}

client() {
  until [ -e "$scratch/enough" ]; do
    greeting || echo "no answer"
  done
}

for number in $(seq "$clients"); do
  client >"$scratch/client-$number" &
done

version=one
for number in $(seq "$swaps"); do
  if [ "$version" = one ]; then version=two; else version=one; fi
  control plugin swap "$scratch/$version/binding_greet.wasm" >/dev/null || fail "swap $number was refused"
  found=$(greeting) || true
  [ "$found" = "greetings from version $version" ] || fail "after swap $number to $version: found '$found'"
done

touch "$scratch/enough"
SECONDS=0
while [ "$(jobs -r | wc -l)" -gt 1 ]; do
  [ "$SECONDS" -lt "$patience_s" ] || fail "a client waits for its greeting"
  sleep 0.1
done
count() {
  cat "$scratch"/client-* | grep "$@" || true
}
one=$(count -cx 'greetings from version one')
two=$(count -cx 'greetings from version two')
failed=$(count -cvx 'greetings from version \(one\|two\)')
[ "$failed" = 0 ] || fail "$failed of $((one + two + failed)) connections failed: $(count -vx 'greetings from version \(one\|two\)' | sort | uniq -c)"
[ "$one" -gt 0 ] && [ "$two" -gt 0 ] || fail "expected clients of both versions, found $one and $two"

control stop >/dev/null || fail "the gateway did not take the command to stop"
wait "$gateway" || fail "the gateway ended with $?"
gateway=
echo "verify swap: ok ($swaps swaps, $one connections to version one, $two to version two, none failed)"
