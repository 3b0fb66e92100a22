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

# An upstream that says who it was told the client is, and publishes the keys in a file.
cat >"$scratch/upstream.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.path == "/jwks.json":
            with open(sys.argv[2], "rb") as keys:
                return self.say(keys.read(), "application/json")
        self.rfile.read(int(self.headers.get("content-length", 0)))
        users = self.headers.get_all("x-user") or ["nobody"]
        self.say(f"{self.command} {','.join(users)} of {self.headers.get('x-issuer')}".encode(), "text/plain")

    def say(self, body, media_type):
        self.send_response(200)
        self.send_header("content-type", media_type)
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
here=$(cd "$(dirname "$0")" && pwd)
cp "$here/jwks.json" "$scratch/jwks.json"
python3 "$scratch/upstream.py" "$upstream_port" "$scratch/jwks.json" >"$scratch/log" &
upstream=$!
for _ in $(seq 100); do
  grep -q ready "$scratch/log" && break
  kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start on port $upstream_port"
  sleep 0.1
done

# Waits until the gateway has the key of a token, on all of its workers, each of which fetches for itself. A server that
# was away is asked again after a minute at most.
await_key() {
  local found accepted=0
  for _ in $(seq 1000); do
    found=$(curl --silent --max-time 30 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $1" "http://$address/") ||
      fail "no answer from $address"
    if [ "$found" = 200 ]; then
      accepted=$((accepted + 1))
      [ "$accepted" -lt 40 ] || return 0
    else
      accepted=0
      sleep 0.1
    fi
  done
  fail "the gateway has not fetched the keys: $found"
}

reader=$("$token" alice read)
writer=$("$token" bob 'read write')
await_key "$reader"
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

# A key is added, as an issuer does before it uses it.
openssl genpkey -algorithm ed25519 -out "$scratch/next.pem" 2>/dev/null
x=$(openssl pkey -in "$scratch/next.pem" -pubout -outform DER | tail -c 32 | openssl base64 | tr '+/' '-_' | tr -d '=')
next=$(KEY=$scratch/next.pem KID=next "$token" carol read)
expect 403 -H "Authorization: Bearer $next"
sed "s/\"keys\": \[/&{\"kty\": \"OKP\", \"kid\": \"next\", \"crv\": \"Ed25519\", \"x\": \"$x\"},/" "$here/jwks.json" \
  >"$scratch/new.json"
mv "$scratch/new.json" "$scratch/jwks.json"
await_key "$next"
expect 200 -H "Authorization: Bearer $reader"

echo "verify http.proxy.jwt: ok"
