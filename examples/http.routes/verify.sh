#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114. Its upstreams are the two ports
# after that of the gateway. Nothing else may listen there.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
port=${address##*:}
url=http://$address

fail() {
  echo "verify http.routes: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
scratch=$(mktemp -d)
upstreams=
trap '[ -z "$upstreams" ] || kill "$upstreams" 2>/dev/null; rm -rf "$scratch"' EXIT

# Two upstreams that say which they are, and what they were asked for.
cat >"$scratch/upstreams.py" <<'PYTHON'
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.server.name} {self.path} {self.headers.get('x-person', '-')}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

port = int(sys.argv[1])
for offset, name in enumerate(["users", "files"]):
    server = ThreadingHTTPServer(("127.0.0.1", port + 1 + offset), Upstream)
    server.name = name
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
PYTHON
python3 "$scratch/upstreams.py" "$port" >"$scratch/log" &
upstreams=$!
for _ in $(seq 100); do
  grep -q ready "$scratch/log" && break
  kill -0 "$upstreams" 2>/dev/null || fail "the upstreams do not start behind port $port"
  sleep 0.1
done

# Expects this answer to: curl ARGUMENTS.
expect() {
  local answer=$1 found
  shift
  found=$(curl --silent --show-error --max-time 30 -w ' %{http_code}' "$@") || fail "no answer to: curl $*"
  [ "$found" = "$answer" ] || fail "curl $*: expected '$answer', found '$found'"
}

expect 'users /api/v2/people?id=7 7 200' "$url/users/7"
expect 'files /a/b - 200' "$url/files/a/b"
expect 'files /a?b=c - 200' "$url/files/a?b=c"
expect 'files /x - 200' -H "Host: files.example.com:$port" "$url/x"

found=$(curl --silent --max-time 30 -o /dev/null -w '%{http_code}' "$url/other")
[ "$found" = 404 ] || fail "another path: expected 404, found $found"
found=$(curl --silent --max-time 30 -o /dev/null -w '%{http_code}' -d x "$url/users/7")
[ "$found" = 404 ] || fail "another method: expected 404, found $found"

echo "verify http.routes: ok"
