#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT [UPSTREAM_PORT]], default $ADDRESS or localhost:7114. Its upstream is
# the port after that of the gateway, unless it is given. Nothing else may listen there. $TLS is the folder of the
# certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
port=${address##*:}
upstream_port=${2:-$((port + 1))}
here=$(cd "$(dirname "$0")" && pwd)
tls=${TLS:-$here/tls}
url=https://localhost:$port

fail() {
  echo "verify http.proxy: $*" >&2
  exit 1
}

ask() {
  curl --silent --show-error --max-time 30 --cacert "$tls/ca.crt" --connect-to "localhost:$port:$address" "$@" ||
    fail "no answer from $address to: curl $*"
}

command -v curl >/dev/null || fail "curl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
[ -f "$tls/ca.crt" ] || fail "$tls/ca.crt is missing: run $here/setup.sh where zilla.yaml is"
scratch=$(mktemp -d)
upstream=
trap '[ -z "$upstream" ] || kill "$upstream" 2>/dev/null; rm -rf "$scratch"' EXIT

found=$(ask -o /dev/null -w '%{http_code}' "$url/")
[ "$found" = 502 ] || fail "there is no upstream: expected 502, found $found"

# An upstream that answers with the body that it got, and says in headers what else it got.
cat >"$scratch/upstream.py" <<'PYTHON'
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        chunks = []
        while octets := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(octets))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self):
        body = self.body()
        self.send_response(200)
        for name in ["host", "via", "x-forwarded-for", "x-forwarded-proto", "expect", "connection"]:
            self.send_header("x-got-" + name, self.headers.get(name, "nothing"))
        self.send_header("x-peer", str(self.client_address[1]))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = answer

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

found=$(ask -d hello "$url/")
[ "$found" = hello ] || fail "POST hello: expected hello, found '$found'"

got() {
  tr -d '\r' <"$scratch/headers" | sed -n "s/^x-got-$1: //p"
}

ask -o /dev/null -D "$scratch/headers" -H 'X-Forwarded-For: 192.0.2.1' -H 'Connection: x-gone' "$url/"
[[ $(got via) =~ ^(1.1|2)\ zilla$ ]] || fail "via: expected '2 zilla' or '1.1 zilla', found '$(got via)'"
[ "$(got x-forwarded-for)" != 192.0.2.1 ] || fail "the client could claim another address"
[ "$(got x-forwarded-proto)" = https ] || fail "x-forwarded-proto: expected https, found '$(got x-forwarded-proto)'"
[ "$(got connection)" = nothing ] || fail "connection was handed on: '$(got connection)'"

found=$(ask -I -o /dev/null -w '%{http_code}' "$url/")
[ "$found" = 200 ] || fail "HEAD: expected 200, found $found"

head -c 10485760 /dev/urandom >"$scratch/sent"
sent=$(sha256sum <"$scratch/sent")
ask -T "$scratch/sent" -D "$scratch/headers" -o "$scratch/found" "$url/"
[ "$(sha256sum <"$scratch/found")" = "$sent" ] || fail "10 MiB came back changed"
ask -H 'Expect:' -T - -o "$scratch/found" "$url/" <"$scratch/sent"
[ "$(sha256sum <"$scratch/found")" = "$sent" ] || fail "10 MiB in chunks came back changed"

# Requests of one client find the connection that the first of them made.
ask -o /dev/null -o /dev/null -o /dev/null -D "$scratch/headers" "$url/one" "$url/two" "$url/three"
found=$(tr -d '\r' <"$scratch/headers" | grep -c '^x-peer: ')
[ "$found" = 3 ] || fail "expected three answers, found $found"
found=$(tr -d '\r' <"$scratch/headers" | grep '^x-peer: ' | sort -u | wc -l)
[ "$found" = 1 ] || fail "three requests took $found connections to the upstream"

# Each version of a client, to an upstream of each.
versions=(--http1.1)
! curl --version | grep -q HTTP2 || versions+=(--http2)
for version in "${versions[@]}"; do
  for path in / /echo/; do
    found=$(ask "$version" -d "hello from $version" -w ' %{http_version}' "$url$path")
    [ "$found" = "hello from $version ${version#--http}" ] ||
      [ "$found" = "hello from $version ${version#--http}.0" ] ||
      fail "$version $path: expected 'hello from $version', found '$found'"
    ask "$version" -H 'Expect:' -T - -o "$scratch/found" "$url$path" <"$scratch/sent"
    [ "$(sha256sum <"$scratch/found")" = "$sent" ] || fail "$version $path: 10 MiB came back changed"
  done
done

echo "verify http.proxy: ok"
