#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
url=http://$address

fail() {
  echo "verify http.cors: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Asks with these arguments, and expects this status.
expect() {
  local status=$1 found
  shift
  found=$(curl --silent --show-error --max-time 30 -o /dev/null -D "$scratch/headers" -w '%{http_code}' "$@" "$url/") ||
    fail "no answer from $address to: curl $*"
  [ "$found" = "$status" ] || fail "curl $*: expected $status, found $found"
}

# Expects a header of the last answer.
expect_header() {
  local found
  found=$(tr -d '\r' <"$scratch/headers" | sed -n "s/^$1: //p")
  [ "$found" = "$2" ] || fail "$1: expected '$2', found '$found'"
}

expect 200
expect_header access-control-allow-origin ''

expect 200 -H 'Origin: https://example.com' -H 'X-Colour: blue'
expect_header access-control-allow-origin https://example.com
expect_header access-control-expose-headers x-colour
expect_header x-colour blue

expect 403 -H 'Origin: https://example.org'

preflight=(-X OPTIONS -H 'Origin: https://example.com')
expect 204 "${preflight[@]}" -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: X-Colour'
expect_header access-control-allow-origin https://example.com
expect_header access-control-allow-methods PUT
expect_header access-control-allow-headers X-Colour
expect_header access-control-max-age 600

expect 403 "${preflight[@]}" -H 'Access-Control-Request-Method: DELETE'
expect 403 "${preflight[@]}" -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: x-other'

echo "verify http.cors: ok"
