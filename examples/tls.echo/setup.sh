#!/usr/bin/env bash
# Makes the keys and certificates of this example in tls/ of the current folder, if they are missing or a day old, and
# prints the variable that zilla.yaml asks for. `setup.sh renew` has the CA issue the server's certificate once more.
set -euo pipefail
. "$(dirname "$0")/../certificates.sh"

# The server's key and certificate, in a store that the password opens.
server() {
  certificate ca localhost localhost public.localhost
  quietly openssl pkcs12 -export -name localhost -in localhost.pem -passout file:password -out keys.p12.new
  mv -f keys.p12.new keys.p12
}

everything() {
  # A gateway that runs knows the password of before.
  cp ../tls/password . 2>/dev/null || openssl rand -hex 16 >password
  authority ca
  server
  # Who trusts the server does not decide whom the server trusts: a CA of its own for clients, and one too many.
  authority clients
  authority others
  certificate clients alice
  certificate others mallory
}

case ${1:-} in
  "") once_a_day everything ;;
  renew) (cd tls && server) ;;
  *) fail "expected nothing or renew, found $1" ;;
esac
echo "KEYS_PASSWORD=$(cat tls/password)"
