#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}

fail() {
  echo "verify http.canary: $*" >&2
  exit 1
}

# The release of one request.
release() {
  curl --silent --show-error --max-time 30 -o /dev/null -D - "$@" "http://$address/" |
    tr -d '\r' | sed -n 's/^x-release: //p'
}

command -v curl >/dev/null || fail "curl is not installed"
[ "$(release)" = stable ] || fail "no device: expected stable"
[ "$(release -H 'cookie: a=b; release=next')" = next ] || fail "a cookie asks for next: not got"

chosen=0
for device in $(seq 100); do
  found=$(release -H "x-device: $device")
  [ "$found" = "$(release -H "x-device: $device")" ] || fail "device $device got another release at once"
  [ "$found" = stable ] || chosen=$((chosen + 1))
  stable=$(release -H "x-device: $device" -H 'cookie: release=stable')
  [ "$stable" = stable ] || fail "device $device asked for stable and got $stable"
done
[ "$chosen" -gt 8 ] && [ "$chosen" -lt 50 ] || fail "of 100 devices, $chosen got the next release, expected about 25"

echo "verify http.canary: ok"
