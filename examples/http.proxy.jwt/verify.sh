#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7114. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
upstream_port=${2:-$((${address##*:} + 1))}
token=$(cd "$(dirname "$0")/../http.echo.jwt" && pwd)/token.sh

fail() {
  echo "verify http.proxy.jwt: $*" >&2
  exit 1
}

# Expects a status of a request.
expect() {
  local status=$1 found
  shift
  found=$(curl --silent --show-error --max-time 30 -o "$scratch/body" -w '%{http_code}' "$@" "http://$address/") ||
    fail "no answer from $address"
  [ "$found" = "$status" ] || fail "$*: expected $status, found $found"
}

for program in curl openssl python3; do
  command -v "$program" >/dev/null || fail "$program is not installed"
done
scratch=$(mktemp -d)
upstream=
trap '[ -z "$upstream" ] || kill "$upstream" 2>/dev/null; rm -rf "$scratch"' EXIT

# An upstream that says who it was told the client is.
cat >"$scratch/upstream.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        users = self.headers.get_all("x-user") or ["nobody"]
        body = f"{self.command} {','.join(users)} of {self.headers.get('x-issuer')}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Upstream)
print("ready", flush=True)
server.serve_forever()
PYTHON
python3 "$scratch/upstream.py" "$upstream_port" >"$scratch/log" &
upstream=$!
for _ in $(seq 100); do
  grep -q ready "$scratch/log" && break
  kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start on port $upstream_port"
  sleep 0.1
done

reader=$("$token" alice read)
writer=$("$token" bob 'read write')
expect 200 -H "Authorization: Bearer $reader"
[ "$(cat "$scratch/body")" = "GET alice of https://auth.example.com" ] || fail "found '$(cat "$scratch/body")'"
expect 200 -H "Authorization: Bearer $writer" -d x
[ "$(cat "$scratch/body")" = "POST bob of https://auth.example.com" ] || fail "found '$(cat "$scratch/body")'"
expect 200 -H "Authorization: Bearer $reader" -H 'x-user: root'
[ "$(cat "$scratch/body")" = "GET alice of https://auth.example.com" ] || fail "a client could claim to be another"
expect 404 -H "Authorization: Bearer $reader" -d x
expect 200 -H "Authorization: Bearer $("$token" alice read -2)"
expect 403 -H "Authorization: Bearer $("$token" alice read -9)"
expect 401

echo "verify http.proxy.jwt: ok"
