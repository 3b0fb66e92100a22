#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7143, which asks nobody for a certificate.
# The next port requires one, the one after it requests one. $TLS is the folder of the certificates, default tls/ beside
# this script. A gateway that does not see for itself that files have changed is told by `$ZILLA reload`.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7143}}
host=${address%:*}
open=${address##*:}
required=$((open + 1))
requested=$((open + 2))
here=$(cd "$(dirname "$0")" && pwd)
tls=${TLS:-$here/tls}
patience_s=30

fail() {
  echo "verify tls.echo: $*" >&2
  [ ! -s "$scratch/said" ] || grep -v '^ *[0-9a-f]\{4\} - ' "$scratch/said" | sed 's/^/  /' >&2
  exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A peer may have gone when it is written to, which what it said tells better.
trap '' PIPE

command -v openssl >/dev/null || fail "openssl is not installed"
command -v python3 >/dev/null || fail "python3 is not installed"
[ -f "$tls/ca.crt" ] || fail "$tls/ca.crt is missing: run $here/setup.sh where zilla.yaml is"

# connect PORT OPTION…: has openssl connect, with 3 to speak to it and 4 to hear what it says. It writes whole lines, so
# that what comes back is a line of its own.
connect() {
  local port=$1
  shift
  rm -f "$scratch"/{in,out,said}
  mkfifo "$scratch/in" "$scratch/out"
  timeout "$patience_s" stdbuf -oL openssl s_client -connect "$host:$port" -servername localhost -verify_return_error \
    -verify_hostname localhost -CAfile "$tls/ca.crt" "$@" <"$scratch/in" >"$scratch/out" 2>&1 &
  peer=$!
  exec 3>"$scratch/in" 4<"$scratch/out"
}

# echoes LINE: whether it comes back. What was said until then is in said.
echoes() {
  local line
  echo "$1" >&3 2>/dev/null || true
  while IFS= read -r line <&4; do
    echo "$line" >>"$scratch/said"
    [ "$line" != "$1" ] || return 0
  done
  return 1
}

# Ends what was begun by connect.
disconnect() {
  exec 3>&-
  cat <&4 >>"$scratch/said"
  exec 4<&-
  wait "$peer" || true
}

# accepted PORT OPTION…: one line there and back.
accepted() {
  connect "$@"
  echoes hello || fail "no echo with: $*"
  disconnect
}

# refused REASON PORT OPTION…: no echo, for a reason that openssl says.
refused() {
  local reason=$1
  shift
  connect "$@"
  ! echoes hello || fail "an echo with: $*"
  disconnect
  says "$reason"
}

says() {
  grep -q "$1" "$scratch/said" || fail "expected '$1', found:"
}

# Either version of TLS, with a certificate that proves the name.
accepted "$open" -tls1_2
says 'Verification: OK'
accepted "$open" -tls1_3
says 'Verification: OK'

# The protocol is chosen among those that the client offers; where none fits, there is none.
accepted "$open" -alpn other,echo
says 'ALPN protocol: echo'
accepted "$open" -alpn other
says 'No ALPN negotiated'

# A session is resumed by its ticket.
for version in tls1_2 tls1_3; do
  accepted "$open" "-$version" -sess_out "$scratch/session"
  says '^New, TLSv1'
  accepted "$open" "-$version" -sess_in "$scratch/session"
  says '^Reused, TLSv1'
done

# Who is required to have a certificate: of those who are trusted, and none else.
accepted "$required" -cert "$tls/alice.pem"
refused 'alert certificate required' "$required"
refused 'alert unknown ca' "$required" -cert "$tls/mallory.pem"

# Who is requested to have one may do without, and is told apart by it: another name is for everyone.
accepted "$requested" -cert "$tls/alice.pem"
accepted "$requested" -servername public.localhost -verify_hostname public.localhost
refused 'alert unknown ca' "$requested" -servername public.localhost -cert "$tls/mallory.pem"
# No route: the handshake succeeds, and all that comes is a close_notify.
refused 'warning close_notify' "$requested" -msg
says 'Verification: OK'

# A client that has ended with a close_notify gets one, which unwrap() waits for.
python3 - "$host" "$open" "$tls/ca.crt" <<'PYTHON' || fail "the connection did not end in order"
import socket, ssl, sys

host, port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
sent = bytes(range(256)) * 256
with socket.create_connection((host, int(port)), timeout=30) as plain:
    peer = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
    for _ in range(32):
        peer.sendall(sent)
        found = b""
        while len(found) < len(sent):
            found += peer.recv(len(sent) - len(found))
        assert found == sent, "64 KiB came back changed"
    peer.unwrap()
PYTHON

serial() {
  openssl x509 -noout -serial -in "$scratch/said"
}

# The certificate is renewed under the running gateway. An old connection goes on.
connect "$open"
echoes before || fail "no echo before the certificate is renewed"
exec 5>&3 6<&4
old_peer=$peer
old=$(serial)
(cd "$tls/.." && "$here/setup.sh" renew >/dev/null) || fail "the certificate is not renewed"
[ -z "${ZILLA:-}" ] || "$ZILLA" reload >/dev/null || fail "the gateway does not read its files again"
SECONDS=0
accepted "$open"
while [ "$(serial)" = "$old" ]; do
  [ "$SECONDS" -lt "$patience_s" ] || fail "new connections still have the certificate of $old"
  sleep 0.1
  accepted "$open"
done
new=$(openssl x509 -noout -serial -in "$tls/localhost.crt")
[ "$(serial)" = "$new" ] || fail "expected the certificate of $new, found $(serial)"
exec 3>&5 4<&6 5>&- 6<&-
peer=$old_peer
echoes after || fail "the old connection has ended with the old certificate"
disconnect

echo "verify tls.echo: ok"
