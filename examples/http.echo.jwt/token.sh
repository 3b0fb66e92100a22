#!/usr/bin/env bash
# Prints a token: token.sh SUBJECT [SCOPE [SECONDS]], signed with private.pem or $KEY, which is called example or $KID.
set -euo pipefail

subject=$1 scope=${2:-} seconds=${3:-300}
key=${KEY:-$(dirname "$0")/private.pem}

base64url() {
  openssl base64 -A | tr '+/' '-_' | tr -d '='
}

header=$(printf '{"alg":"EdDSA","kid":"%s"}' "${KID:-example}" | base64url)
claims=$(printf '{"iss":"https://auth.example.com","aud":"https://api.example.com","sub":"%s","scope":"%s","exp":%d}' \
  "$subject" "$scope" "$(($(date +%s) + seconds))" | base64url)
# Ed25519 signs the whole at once, so openssl wants a file.
signed=$(mktemp)
trap 'rm -f "$signed"' EXIT
printf '%s.%s' "$header" "$claims" >"$signed"
printf '%s.%s\n' "$(cat "$signed")" "$(openssl pkeyutl -sign -inkey "$key" -rawin -in "$signed" | base64url)"
