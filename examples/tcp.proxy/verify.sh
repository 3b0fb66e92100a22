#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:12345. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:12345}}
host=${address%:*}
port=${address##*:}
upstream_port=${2:-$((port + 1))}

fail() {
  echo "verify tcp.proxy: $*" >&2
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
command -v python3 >/dev/null || fail "python3 is not installed"

# Nobody listens yet: the client is turned away, and at once.
SECONDS=0
found=$(printf 'a\n' | half_close 2>/dev/null) || true
[ -z "$found" ] || fail "there is no upstream, and yet it said '$found'"
[ "$SECONDS" -lt 4 ] || fail "a refused connection stayed open for $SECONDS s"

# An upstream that answers with what it got, in capitals, once the client has ended its direction.
python3 -c '
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
while True:
    peer, _ = listener.accept()
    octets = b"".join(iter(lambda: peer.recv(65536), b""))
    peer.sendall(octets.upper())
    peer.close()
' "$upstream_port" > upstream.log &
upstream=$!
trap 'kill $upstream 2>/dev/null; rm -f upstream.log' EXIT
for _ in $(seq 100); do
  grep -q ready upstream.log 2>/dev/null && break
  kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start on port $upstream_port"
  sleep 0.1
done

# The end of the client reaches the upstream, and its answer comes back: each direction ends on its own.
found=$(printf 'a\nb\n' | half_close) || fail "no answer from $address"
[ "$found" = $'A\nB' ] || fail "sent two lines, found '$found'"

# More than any credit or buffer on the way, both ways.
sent=$(seq 1 300000 | sed s/^/x/ | tr x X | sha256sum)
found=$(seq 1 300000 | sed s/^/x/ | half_close | sha256sum)
[ "$found" = "$sent" ] || fail "2 MB came back changed"

echo "verify tcp.proxy: ok"
