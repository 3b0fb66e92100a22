#!/usr/bin/env bash
# Checks a running gateway: verify.sh [HOST:PORT], default $ADDRESS or localhost:7114.
set -euo pipefail

address=${1:-${ADDRESS:-localhost:7114}}
here=$(cd "$(dirname "$0")" && pwd)

fail() {
  echo "verify ws.reflect: $*" >&2
  exit 1
}

command -v python3 >/dev/null || fail "python3 is not installed"

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/.. python3 - "$address" <<'PYTHON' || fail "see above"
import sys
from websocket import BINARY, TEXT, connect

members = []
for number in range(12):
    frames, _ = connect(sys.argv[1])
    members.append(frames)
    # Who has heard itself has joined.
    frames.send(TEXT, b"I am %d" % number)
    for member in members:
        found = member.message()
        assert found == (TEXT, b"I am %d" % number), found


def all_hear(kind, payload):
    for member in members:
        found = member.message()
        assert found == (kind, payload), (kind, len(payload), found[0], len(found[1]))


members[3].send(TEXT, "grüezi".encode())
all_hear(TEXT, "grüezi".encode())
members[4].send(BINARY, bytes(range(256)) * 100)
all_hear(BINARY, bytes(range(256)) * 100)

# One message in pieces, another in the middle of it: neither is mixed into the other.
members[5].send(TEXT, b"in ", fin=False)
members[6].send(TEXT, b"whole")
all_hear(TEXT, b"whole")
members[5].send(0, b"pieces")
all_hear(TEXT, b"in pieces")

# Who leaves is told so, and the others go on.
members.pop(0).close(3000, "enough")
members[0].send(TEXT, b"on")
all_hear(TEXT, b"on")
PYTHON

echo "verify ws.reflect: ok"
