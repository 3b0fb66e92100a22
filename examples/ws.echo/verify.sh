#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "verify ws.echo: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"

found=$(curl --silent --show-error --max-time 30 -o /dev/null -w '%{http_code}' "http://$address/")
[ "$found" = 400 ] || fail "a request for no WebSocket: expected 400, found $found"

handshake=(-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 8')
found=$(curl --silent --show-error --max-time 30 -w ' %{http_code}' "${handshake[@]}" "http://$address/")
[ "$found" = $'expected sec-websocket-version: 13\n 426' ] || fail "another version: expected 426, found '$found'"

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. python3 - "$address" <<'PYTHON' || fail "see above"
import sys
import websocket

frames, protocol = websocket.connect(sys.argv[1])
assert protocol is None, protocol
websocket.check_echo(frames)
# Of what is offered, what the first route is for.
frames, protocol = websocket.connect(sys.argv[1], protocols=["chat", "echo"])
assert protocol == "echo", protocol
websocket.check_echo(frames)
PYTHON

echo "verify ws.echo: ok"
