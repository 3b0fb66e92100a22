#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7143. $TLS is the folder of the
# certificates, default tls/ beside this script.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7143}}
here=$(cd "$(dirname "$0")" && pwd)
tls=${TLS:-$here/tls}
patience_s=30

fail() {
  echo "verify tls.x509: $*" >&2
  [ ! -s "$scratch/said" ] || sed 's/^/  /' "$scratch/said" >&2
  exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A peer may have gone when it is written to, which what it said tells better.
trap '' PIPE

command -v openssl >/dev/null || fail "openssl is not installed"
[ -f "$tls/ca.crt" ] || fail "$tls/ca.crt is missing: run $here/setup.sh where zilla.yaml is"

# echoes OPTION…: whether a line comes back to a client. All that is said until then, or until the end, is in said.
echoes() {
  local line found=1
  rm -f "$scratch"/{in,out,said}
  mkfifo "$scratch/in" "$scratch/out"
  timeout "$patience_s" stdbuf -oL openssl s_client -connect "$address" -servername localhost -verify_return_error \
    -verify_hostname localhost -CAfile "$tls/ca.crt" "$@" <"$scratch/in" >"$scratch/out" 2>&1 &
  local peer=$!
  exec 3>"$scratch/in" 4<"$scratch/out"
  echo hello >&3 2>/dev/null || true
  while IFS= read -r line <&4; do
    echo "$line" >>"$scratch/said"
    [ "$line" != hello ] || { found=0 && break; }
  done
  exec 3>&-
  cat <&4 >>"$scratch/said"
  exec 4<&-
  wait "$peer" || true
  return "$found"
}

says() {
  grep -q "$1" "$scratch/said" || fail "expected '$1', found:"
}

for version in tls1_2 tls1_3; do
  # An operator, by the name in the certificate.
  echoes "-$version" -cert "$tls/operator-alice.pem" || fail "no echo for operator-alice with $version"
  says 'Verification: OK'

  # Somebody else of the same CA: the handshake succeeds, and all that comes is a close_notify.
  ! echoes "-$version" -msg -cert "$tls/user-bob.pem" || fail "an echo for user-bob with $version"
  says 'Verification: OK'
  says 'warning close_notify'

  # Nobody: that is up to the handshake.
  ! echoes "-$version" || fail "an echo without a certificate with $version"
done

echo "verify tls.x509: ok"
