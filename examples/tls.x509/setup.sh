#!/usr/bin/env bash
# Makes the keys and certificates of this example in tls/ of the current folder, if they are missing or a day old.
set -euo pipefail
. "$(dirname "$0")/../certificates.sh"

everything() {
  authority ca
  certificate ca localhost localhost
  # Both clients are trusted; what they may do is told by their names.
  authority clients
  certificate clients operator-alice
  certificate clients user-bob
}

once_a_day everything
