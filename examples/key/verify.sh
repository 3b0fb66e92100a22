#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}

fail() {
  echo "verify key: $*" >&2
  exit 1
}

# Expects a status of a request.
expect() {
  local status=$1 found
  shift
  found=$(curl --silent --show-error --max-time 30 -o /dev/null -w '%{http_code}' "$@" "http://$address/") ||
    fail "no answer from $address"
  [ "$found" = "$status" ] || fail "$*: expected $status, found $found"
}

command -v curl >/dev/null || fail "curl is not installed"
expect 200 -H 'x-api-key: let-me-in'
expect 404 -H 'x-api-key: let-me-in' -d hello
expect 200 -H 'x-api-key: let-me-write'
expect 200 -H 'x-api-key: let-me-write' -d hello
expect 403 -H 'x-api-key: let-me-out'
expect 401
echo "verify key: ok"
