#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:12345.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:12345}}
host=${address%:*}
port=${address##*:}
members=8

fail() {
  echo "verify tcp.reflect: $*" >&2
  exit 1
}

command -v nc >/dev/null || fail "nc is not installed"

folder=$(mktemp -d)
trap 'rm -rf "$folder"; kill $(jobs -p) 2>/dev/null || true' EXIT

# Members that listen until they are stopped: their input stays open.
mkfifo "$folder/silence"
exec 9<>"$folder/silence"
for member in $(seq "$members"); do
  nc "$host" "$port" <"$folder/silence" >"$folder/$member" &
done

# What one member says, all hear, once they have joined.
all_heard() {
  for member in $(seq "$members"); do
    grep -qx "$1" "$folder/$member" || return 1
  done
}

exec 8<>"/dev/tcp/$host/$port" || fail "no connection to $address"
for _ in $(seq 100); do
  echo here >&8
  all_heard here && break
  sleep 0.1
done
all_heard here || fail "not all of $members members have heard a line within 10 s"

echo "once" >&8
for _ in $(seq 100); do
  all_heard once && break
  sleep 0.1
done
for member in $(seq "$members"); do
  found=$(grep -cx once "$folder/$member" || true)
  [ "$found" = 1 ] || fail "member $member has heard a line $found times instead of once"
done

# Who speaks hears it, too.
while read -r -t 10 -u 8 line; do
  [ "$line" = once ] && break
done
[ "$line" = once ] || fail "who speaks does not hear it"

echo "verify tcp.reflect: ok"
