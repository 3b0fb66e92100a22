# Keys and certificates of examples, made where they are used: none is in the repository. Sourced by the setup.sh of an
# example, which has the functions below. Everything lands in tls/ of the current folder.
set -euo pipefail
umask 077

# How long those that are there are good enough, in minutes, and how long they are valid, in days.
fresh_min=1440
valid_days=30

here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "setup ${here##*/}: $*" >&2
  exit 1
}

command -v openssl >/dev/null || fail "openssl is not installed: apt-get install openssl"
case $(openssl version) in
  "OpenSSL "[3-9]*) ;;
  *) fail "expected OpenSSL 3 or newer, found $(openssl version)" ;;
esac

# quietly COMMAND…: says what it said only if it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || fail "$* failed: $said"
}

# authority NAME: the key and certificate of a CA, NAME.key and NAME.crt.
authority() {
  quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$valid_days" \
    -subj "/CN=Example CA $1" -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1.key" -out "$1.crt"
}

# certificate CA NAME [HOST…]: a key and the certificate that a CA has issued for it, NAME.key, NAME.crt, and NAME.pem with
# both. Without a host, it is for a client called NAME.
certificate() {
  local ca=$1 name=$2 names=()
  shift 2
  [ $# -eq 0 ] || names=(-addext "subjectAltName=$(printf ',DNS:%s' "$@" | cut -c 2-)")
  quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days "$valid_days" \
    -subj "/CN=$name" -addext basicConstraints=critical,CA:FALSE "${names[@]}" \
    -CA "$ca.crt" -CAkey "$ca.key" -keyout "$name.key" -out "$name.crt"
  cat "$name.key" "$name.crt" >"$name.pem"
}

# once_a_day COMMAND: fills tls/ by a command that writes to the current folder. What the last day has made is kept,
# unless the scripts have changed since. Files that are there are replaced whole: somebody may be reading them.
once_a_day() {
  local fresh
  fresh=$(find tls/made -mmin "-$fresh_min" -newer "$0" -newer "$here/../certificates.sh" 2>/dev/null) || true
  [ -z "$fresh" ] || return 0
  rm -rf tls.new
  mkdir -p tls tls.new
  (cd tls.new && "$@")
  mv -f tls.new/* tls/
  rmdir tls.new
  touch tls/made
}
