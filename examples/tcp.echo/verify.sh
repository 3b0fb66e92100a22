#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:12345.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:12345}}
host=${address%:*}
port=${address##*:}

fail() {
  echo "verify tcp.echo: $*" >&2
  exit 1
}

# Sends standard input, ends its own direction, and prints what comes back until the other one ends.
half_close() {
  case $(nc -h 2>&1) in
    *"Shutdown the network socket after EOF"*) nc -N -w 10 "$host" "$port" ;; # OpenBSD's nc
    *) nc -q 5 -w 10 "$host" "$port" ;;                                       # the traditional one
  esac
}

command -v nc >/dev/null || fail "nc is not installed"

found=$(printf 'a\nb\n' | half_close) || fail "no answer from $address"
[ "$found" = $'a\nb' ] || fail "sent two lines, found '$found'"

# More than any credit or buffer on the way, so both directions have to flow at once.
sent=$(seq 1 300000 | sha256sum)
found=$(seq 1 300000 | half_close | sha256sum)
[ "$found" = "$sent" ] || fail "2 MB came back changed"

# The other direction ends because this one did, long before any timeout.
SECONDS=0
printf 'a\n' | half_close >/dev/null
[ "$SECONDS" -lt 4 ] || fail "the half-closed connection stayed open for $SECONDS s"

echo "verify tcp.echo: ok"
