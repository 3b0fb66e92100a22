#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7143. Its upstreams are
# the two ports after that of the gateway, or those from UPSTREAM_PORT on. Nothing else may listen there. $TLS is the
# folder of the certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7143}}
host=${address%:*}
port=${address##*:}
upstream_port=${2:-$((port + 1))}
here=$(cd "$(dirname "$0")" && pwd)
tls=$(cd "${TLS:-$here/tls}" 2>/dev/null && pwd) || {
  echo "verify tls.proxy: ${TLS:-$here/tls} is missing: run $here/setup.sh where zilla.yaml is" >&2
  exit 1
}
upstreams=()

fail() {
  echo "verify tls.proxy: $*" >&2
  exit 1
}

command -v openssl >/dev/null || fail "openssl is not installed"
command -v curl >/dev/null || fail "curl is not installed"

scratch=$(mktemp -d)
trap 'kill "${upstreams[@]}" 2>/dev/null; rm -rf "$scratch"' EXIT

# upstream NAME PORT: serves files of a folder of its own over TLS, with a key of its own.
upstream() {
  mkdir "$scratch/$1"
  echo "this is $1" >"$scratch/$1/name"
  seq 1 300000 | sed "s/^/$1 /" >"$scratch/$1/large"
  (cd "$scratch/$1" && exec openssl s_server -accept "127.0.0.1:$2" -cert "$tls/$1.pem" -alpn "http/1.1,$1" -WWW) \
    >"$scratch/$1.log" 2>&1 &
  upstreams+=("$!")
  for _ in $(seq 100); do
    ! grep -q ACCEPT "$scratch/$1.log" 2>/dev/null || return 0
    kill -0 "$!" 2>/dev/null || fail "upstream $1 does not start on port $2: $(cat "$scratch/$1.log")"
    sleep 0.1
  done
  fail "upstream $1 does not start within 10 s"
}

# ask NAME FILE: over TLS to the upstream of this name, which is verified.
ask() {
  curl --silent --show-error --max-time 30 --cacert "$tls/ca.crt" --connect-to "$1.localhost:$port:$address" \
    "https://$1.localhost:$port/$2"
}

# hello OPTION…: what openssl says of a handshake.
hello() {
  timeout 30 openssl s_client -connect "$address" -CAfile "$tls/ca.crt" "$@" </dev/null 2>&1
}

upstream one "$upstream_port"
upstream two "$((upstream_port + 1))"

# The name that a client asks for decides who answers, and it is the upstream that proves the name.
for name in one two; do
  found=$(ask "$name" name) || fail "no answer of $name from $address"
  [ "$found" = "this is $name" ] || fail "asked for $name, found '$found'"
  found=$(ask "$name" large | sha256sum)
  [ "$found" = "$(sha256sum <"$scratch/$name/large")" ] || fail "3 MB of $name came changed"
done

# What the client and the upstream agree on is theirs: the protocol, the version, and the session that is resumed.
for name in one two; do
  found=$(hello -servername "$name.localhost" -alpn "$name") || fail "no handshake with $name: $found"
  grep -q "ALPN protocol: $name" <<<"$found" || fail "the protocol $name is not agreed on: $found"
done
found=$(hello -servername one.localhost -tls1_2 -sess_out "$scratch/session") || fail "no handshake of TLS 1.2: $found"
grep -q '^New, TLSv1.2' <<<"$found" || fail "expected a new session of TLS 1.2: $found"
found=$(hello -servername one.localhost -tls1_2 -sess_in "$scratch/session") || fail "no resumption: $found"
grep -q '^Reused, TLSv1.2' <<<"$found" || fail "expected a resumed session of TLS 1.2: $found"

# Nobody goes by another name, or by none; nor is there anything to find in what is not TLS.
for name in "-servername three.localhost" -noservername; do
  # shellcheck disable=SC2086 # an option and its value
  ! found=$(hello $name) || fail "a handshake with $name: $found"
done
if curl --silent --max-time 30 "http://$address/name" >"$scratch/found"; then
  fail "an answer without TLS: $(cat "$scratch/found")"
fi

echo "verify tls.proxy: ok"
