#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114. $TLS is the folder of the
# certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
port=${address##*:}
here=$(cd "$(dirname "$0")" && pwd)
tls=${TLS:-$here/tls}

fail() {
  echo "verify wss.echo: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
[ -f "$tls/ca.crt" ] || fail "$tls/ca.crt is missing: run $here/setup.sh where zilla.yaml is"

# Either version of HTTP gets as far as the handshake, which no plain request is.
versions=(1.1)
! curl --version | grep -q HTTP2 || versions+=(2)
for version in "${versions[@]}"; do
  found=$(curl --silent --show-error --max-time 30 --cacert "$tls/ca.crt" --connect-to "localhost:$port:$address" \
    "--http$version" -o /dev/null -w '%{http_version} %{http_code}' "https://localhost:$port/") ||
    fail "no answer from $address over HTTP/$version"
  [ "$found" = "$version 400" ] || fail "a request for no WebSocket: expected '$version 400', found '$found'"
done

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. python3 - "$address" "$tls/ca.crt" <<'PYTHON' || fail "see above"
import sys
import websocket

address, ca = sys.argv[1:]
frames, _ = websocket.connect(address, authority="localhost", ca=ca)
websocket.check_echo(frames)
frames, protocol = websocket.connect(address, authority="localhost", ca=ca, protocols=["echo"])
assert protocol == "echo", protocol
frames.close(1000, "enough")
PYTHON

echo "verify wss.echo: ok"
