#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7143. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there. $TLS is the folder of the
# certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7143}}
port=${address##*:}
upstream_port=${2:-$((port + 1))}
here=$(cd "$(dirname "$0")" && pwd)
tls=$(cd "${TLS:-$here/tls}" 2>/dev/null && pwd) || {
  echo "verify tls.originate: ${TLS:-$here/tls} is missing: run $here/setup.sh where zilla.yaml is" >&2
  exit 1
}
upstream=

fail() {
  echo "verify tls.originate: $*" >&2
  [ ! -s "$scratch/upstream.log" ] || sed 's/^/  /' "$scratch/upstream.log" >&2
  exit 1
}

stop() {
  [ -z "$upstream" ] || { kill "$upstream" && wait "$upstream"; } 2>/dev/null || true
  upstream=
}

scratch=$(mktemp -d)
trap 'stop; rm -rf "$scratch"' EXIT

command -v openssl >/dev/null || fail "openssl is not installed"
command -v curl >/dev/null || fail "curl is not installed"

says() {
  grep -q "$1" "$scratch/upstream.log" 2>/dev/null
}

# upstream NAME: a server of files over TLS, with the key and certificate of this name.
upstream() {
  stop
  rm -f "$scratch/upstream.log"
  (cd "$scratch/files" && exec openssl s_server -accept "127.0.0.1:$upstream_port" -cert "$tls/$1.pem" -WWW) \
    >"$scratch/upstream.log" 2>&1 &
  upstream=$!
  for _ in $(seq 100); do
    ! says ACCEPT || return 0
    kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start on port $upstream_port"
    sleep 0.1
  done
  fail "the upstream does not start within 10 s"
}

# ask FILE: in clear.
ask() {
  curl --silent --show-error --max-time 30 "http://$address/$1"
}

mkdir "$scratch/files"
echo "over TLS" >"$scratch/files/name"
seq 1 300000 >"$scratch/files/large"

upstream upstream
found=$(ask name) || fail "no answer from $address"
[ "$found" = "over TLS" ] || fail "expected 'over TLS', found '$found'"
ask large | cmp - "$scratch/files/large" || fail "2 MB came changed"

# Another name, and a CA that is not trusted: nothing is sent there, and the upstream is told why.
for wrong in "wrong:bad certificate" "untrusted:unknown ca"; do
  upstream "${wrong%%:*}"
  ! found=$(ask name 2>/dev/null) || fail "an answer from an upstream that is $wrong: '$found'"
  SECONDS=0
  until says "alert ${wrong##*:}"; do
    [ "$SECONDS" -lt 10 ] || fail "expected 'alert ${wrong##*:}' of the upstream, found:"
    sleep 0.1
  done
done

# Nothing was kept of that.
upstream upstream
found=$(ask name) || fail "no answer from $address after one was refused"
[ "$found" = "over TLS" ] || fail "expected 'over TLS', found '$found'"

echo "verify tls.originate: ok"
