#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7143. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there. $TLS is the folder of the
# certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7143}}
port=${address##*:}
upstream_port=${2:-$((port + 1))}
here=$(cd "$(dirname "$0")" && pwd)
tls=${TLS:-$here/tls}
upstream=

fail() {
  echo "verify tls.terminate: $*" >&2
  exit 1
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
[ -f "$tls/ca.crt" ] || fail "$tls/ca.crt is missing: run $here/setup.sh where zilla.yaml is"

scratch=$(mktemp -d)
trap '[ -z "$upstream" ] || kill "$upstream" 2>/dev/null; rm -rf "$scratch"' EXIT

# ask NAME OPTION…: a file over TLS, from a gateway that has to prove the name.
ask() {
  local name=$1
  shift
  curl --silent --show-error --max-time 30 --cacert "$tls/ca.crt" --connect-to "$name:$port:$address" "$@"
}

# Nobody listens yet: the handshake succeeds, and the connection breaks. In curl's numbers, before or after the request.
code=0
ask localhost "https://localhost:$port/name" >"$scratch/found" 2>/dev/null || code=$?
[[ $code =~ ^5[256]$ ]] || fail "without an upstream: expected curl to end with 52, 55 or 56, found $code"

# An upstream that knows nothing of TLS: files, and back what is sent to it.
mkdir "$scratch/files"
echo "in clear" >"$scratch/files/name"
seq 1 300000 >"$scratch/files/large"
python3 - "$upstream_port" "$scratch/files" >"$scratch/upstream.log" 2>&1 <<'PYTHON' &
import functools, http.server, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

handler = functools.partial(Handler, directory=sys.argv[2])
with http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler) as server:
    print("ready", flush=True)
    server.serve_forever()
PYTHON
upstream=$!
for _ in $(seq 100); do
  ! grep -q ready "$scratch/upstream.log" 2>/dev/null || break
  kill -0 "$upstream" 2>/dev/null || fail "the upstream does not start: $(cat "$scratch/upstream.log")"
  sleep 0.1
done

# Each name has a certificate of its own, and leads to what the upstream says.
for name in localhost example.localhost; do
  found=$(ask "$name" "https://$name:$port/name") || fail "no answer from $address for $name"
  [ "$found" = "in clear" ] || fail "expected 'in clear' for $name, found '$found'"
done
code=0
ask other.localhost "https://other.localhost:$port/name" >"$scratch/found" 2>/dev/null || code=$?
[ "$code" = 60 ] || fail "a name without a certificate: expected curl to end with 60, found $code"

# The protocol that is offered is the one that the upstream speaks.
found=$(ask localhost --http2 -o /dev/null -w '%{http_version}' "https://localhost:$port/name")
[ "$found" = 1.1 ] || fail "expected HTTP 1.1, found $found"

# More than any credit or buffer on the way, one way and the other; twice on one connection.
for method in GET POST; do
  options=()
  [ "$method" = GET ] || options=(--data-binary "@$scratch/files/large" -H Expect:)
  found=$(ask localhost "${options[@]}" -w '%{num_connects}' -o "$scratch/1" -o "$scratch/2" \
    "https://localhost:$port/large" "https://localhost:$port/large")
  [ "$found" = 10 ] || fail "expected one connection for two requests, found '$found'"
  for copy in 1 2; do
    cmp "$scratch/$copy" "$scratch/files/large" || fail "2 MB came changed by $method"
  done
done

echo "verify tls.terminate: ok"
