#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7114. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
upstream_port=${2:-$((${address##*:} + 1))}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "verify ws.proxy: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
scratch=$(mktemp -d)
upstream=
trap '[ -z "$upstream" ] || kill "$upstream" 2>/dev/null; rm -rf "$scratch"' EXIT

handshake=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13')
handshake+=(-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
found=$(curl --silent --show-error --max-time 30 -o /dev/null -w '%{http_code}' "${handshake[@]}" "http://$address/")
[ "$found" = 502 ] || fail "there is no upstream: expected 502, found $found"

python3 "$here/upstream.py" "$upstream_port" >"$scratch/log" 2>&1 &
upstream=$!
for _ in $(seq 100); do
  grep -q ready "$scratch/log" && break
  kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start on port $upstream_port"
  sleep 0.1
done

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. python3 - "$address" <<'PYTHON' || fail "see above"
import os
import struct
import sys
import websocket

frames, protocol = websocket.connect(sys.argv[1])
assert protocol is None, protocol
frames.send(websocket.TEXT, "éa".encode())
found = frames.message()
assert found == (websocket.TEXT, "ÉA".encode()), found
for size in [0, 1, 126, 65536, 1048576]:
    payload = os.urandom(size)
    frames.send(websocket.BINARY, payload)
    found = frames.message()
    assert found == (websocket.BINARY, payload), f"{size} octets came back as {len(found[1])} of {found[0]}"
frames.close(3000)

frames, protocol = websocket.connect(sys.argv[1], protocols=["chat"])
assert protocol is None, "the upstream does not speak chat, and yet it was agreed on"
frames.close()
frames, protocol = websocket.connect(sys.argv[1], protocols=["echo"])
assert protocol == "echo", protocol
frames.close()

# The upstream's close code and reason come through.
frames, protocol = websocket.connect(sys.argv[1], path="/bye")
found = frames.message()
assert found == (websocket.CLOSE, struct.pack("!H", 4000) + b"bye"), found
PYTHON

echo "verify ws.proxy: ok"
