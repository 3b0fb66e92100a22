#!/usr/bin/env bash
# Makes the keys and certificates of this example in tls/ of the current folder, if they are missing or a day old. The
# gateway needs the certificate of the CA alone; the rest is the upstream's.
set -euo pipefail
. "$(dirname "$0")/../certificates.sh"

everything() {
  authority ca
  authority others
  certificate ca upstream upstream.localhost
  certificate ca wrong wrong.localhost
  certificate others untrusted upstream.localhost
}

once_a_day everything
