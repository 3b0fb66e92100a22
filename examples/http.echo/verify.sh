#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
port=${address##*:}
# The route asks for this authority, wherever the gateway is.
url=http://localhost:$port
to=(--silent --show-error --max-time 30 --connect-to "localhost:$port:$address")

fail() {
  echo "verify http.echo: $*" >&2
  exit 1
}

ask() {
  curl "${to[@]}" "$@" || fail "no answer from $address to: curl $*"
}

command -v curl >/dev/null || fail "curl is not installed"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

found=$(ask -o /dev/null -w '%{http_code}' "$url/")
[ "$found" = 200 ] || fail "GET: expected 200, found $found"

found=$(ask -d hello "$url/")
[ "$found" = hello ] || fail "POST hello: expected hello, found '$found'"

ask -o /dev/null -D "$scratch/headers" -H 'X-Colour: blue' "$url/"
tr -d '\r' <"$scratch/headers" | grep -qi '^x-colour: blue$' || fail "the request's headers did not come back"

found=$(ask -o /dev/null -w '%{http_code}' -H 'Host: example.com' "$url/")
[ "$found" = 404 ] || fail "another authority: expected 404, found $found"

head -c 10485760 /dev/urandom >"$scratch/sent"
ask -H 'Expect:' --data-binary "@$scratch/sent" -o "$scratch/found" "$url/"
sent=$(sha256sum <"$scratch/sent")
found=$(sha256sum <"$scratch/found")
[ "$found" = "$sent" ] || fail "10 MiB came back changed"

connects=$(ask -o /dev/null -o /dev/null -w '%{num_connects}\n' "$url/one" "$url/two" | paste -sd+ -)
[ "$((connects))" = 1 ] || fail "two requests took $((connects)) connections"

echo "verify http.echo: ok"
