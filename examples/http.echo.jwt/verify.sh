#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
url=http://$address
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "verify http.echo.jwt: $*" >&2
  exit 1
}

# Asks for a path, and expects a status.
expect() {
  local status=$1 path=$2
  shift 2
  local found
  found=$(curl --silent --show-error --max-time 30 -o "$scratch/body" -D "$scratch/headers" -w '%{http_code}' "$@" "$url$path") ||
    fail "no answer from $address"
  [ "$found" = "$status" ] || fail "$path $*: expected $status, found $found"
}

has() {
  tr -d '\r' <"$scratch/headers" | grep -qix "$1" || fail "expected the header '$1', found: $(cat "$scratch/headers")"
}

for program in curl openssl; do
  command -v "$program" >/dev/null || fail "$program is not installed"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

good=$("$here/token.sh" alice 'read echo:stream')
roleless=$("$here/token.sh" bob read)
expired=$("$here/token.sh" alice echo:stream -1)
openssl genpkey -algorithm ed25519 -out "$scratch/other.pem" 2>/dev/null
forged=$(KEY=$scratch/other.pem "$here/token.sh" alice echo:stream)

expect 200 / -H "Authorization: Bearer $good" -d hello
[ "$(cat "$scratch/body")" = hello ] || fail "expected hello, found $(cat "$scratch/body")"
has 'x-user: alice'
expect 200 / --http2-prior-knowledge -H "Authorization: Bearer $good"
expect 200 "/?access_token=$good"
expect 200 / -b "access_token=$good"
expect 401 /
has 'www-authenticate: Bearer'
expect 403 / -H "Authorization: Bearer $forged"
expect 403 / -H "Authorization: Bearer $expired"
expect 404 / -H "Authorization: Bearer $roleless"
expect 200 /health
expect 200 /health -H "Authorization: Bearer $forged"
expect 204 / -H 'Content-Type: application/x-challenge-response' -H "Authorization: Bearer $good" -H 'Content-Length: 0' -X POST

echo "verify http.echo.jwt: ok"
