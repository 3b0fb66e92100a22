"""A WebSocket (RFC 6455) of the standard library alone, for the checks of examples: both sides of it."""

import base64
import hashlib
import os
import socket
import ssl
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def accept(key):
    """The `sec-websocket-accept` that answers a key."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


class Frames:
    """Frames on a socket; a client masks its own."""

    def __init__(self, stream, masks, early=b""):
        self.stream, self.masks, self.early = stream, masks, early

    def read(self, octets):
        while len(self.early) < octets:
            piece = self.stream.recv(65536)
            if not piece:
                raise EOFError("the connection ended")
            self.early += piece
        taken, self.early = self.early[:octets], self.early[octets:]
        return taken

    def send(self, opcode, payload, fin=True):
        mask = os.urandom(4) if self.masks else b""
        length, bit = len(payload), 0x80 if self.masks else 0
        if length < 126:
            head = struct.pack("!BB", fin << 7 | opcode, bit | length)
        elif length < 65536:
            head = struct.pack("!BBH", fin << 7 | opcode, bit | 126, length)
        else:
            head = struct.pack("!BBQ", fin << 7 | opcode, bit | 127, length)
        self.stream.sendall(head + mask + masked(payload, mask))

    def frame(self):
        first, second = self.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        mask = self.read(4) if second & 0x80 else b""
        return first >> 7, first & 0x0F, masked(self.read(length), mask)

    def message(self):
        """The next message, or control frame: what it is, and its payload."""
        kind, pieces = None, []
        while True:
            fin, opcode, payload = self.frame()
            if opcode >= CLOSE:
                return opcode, payload
            kind = kind or opcode
            pieces.append(payload)
            if fin:
                return kind, b"".join(pieces)

    def close(self, code=1000, reason=""):
        """Sends a close frame, and expects one with the same code, and the end."""
        self.send(CLOSE, struct.pack("!H", code) + reason.encode())
        opcode, payload = self.message()
        assert (opcode, payload[:2]) == (CLOSE, struct.pack("!H", code)), (opcode, payload)
        assert self.stream.recv(1) == b"", "the connection goes on after both have closed"


def masked(payload, mask):
    if not mask:
        return payload
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def connect(address, path="/", authority=None, protocols=(), ca=None):
    """A client of HOST:PORT, by TLS if there is a `ca`. Answers with frames and the subprotocol."""
    host, port = address.rsplit(":", 1)
    stream = socket.create_connection((host, int(port)), timeout=30)
    if ca:
        stream = ssl.create_default_context(cafile=ca).wrap_socket(stream, server_hostname="localhost")
    key = base64.b64encode(os.urandom(16)).decode()
    head = [f"GET {path} HTTP/1.1", f"Host: {authority or address}", "Connection: Upgrade", "Upgrade: websocket"]
    head += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if protocols:
        head.append("Sec-WebSocket-Protocol: " + ", ".join(protocols))
    stream.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    status, fields, early = head_of(stream)
    assert status.split()[1] == "101", status
    assert fields["sec-websocket-accept"] == accept(key), fields
    return Frames(stream, True, early), fields.get("sec-websocket-protocol")


def head_of(stream):
    """A request line or status line, the fields by their names in lower case, and what came behind them."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        piece = stream.recv(65536)
        if not piece:
            raise EOFError(f"the connection ended after {octets!r}")
        octets += piece
    head, early = octets.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}, early


def check_echo(frames):
    """Expects back what is sent, in every size class and kind, and the answer to a ping."""
    for size in [0, 1, 125, 126, 65535, 65536, 1048576]:
        text = ("é" * (size // 2 + 1)).encode()[: size // 2 * 2]
        for kind, payload in [(TEXT, text), (BINARY, os.urandom(size))]:
            frames.send(kind, payload)
            found = frames.message()
            assert found == (kind, payload), f"{size} octets of kind {kind} came back as {len(found[1])} of {found[0]}"
    frames.send(TEXT, b"in ", fin=False)
    frames.send(0, b"pieces")
    found = frames.message()
    assert found == (TEXT, b"in pieces"), found
    frames.send(PING, b"there?")
    found = frames.message()
    assert found == (PONG, b"there?"), found
    frames.close(3000, "enough")
