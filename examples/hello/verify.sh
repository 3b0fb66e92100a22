#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:12345.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:12345}}
host=${address%:*}
port=${address##*:}
expected='Hello, world!'

fail() {
  echo "verify hello: $*" >&2
  exit 1
}

command -v nc >/dev/null || fail "nc is not installed"
greeting=$(nc -w 5 "$host" "$port" </dev/null) || fail "no answer from $address"
[ "$greeting" = "$expected" ] || fail "expected '$expected', found '$greeting'"
echo "verify hello: ok"
