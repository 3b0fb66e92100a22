"""The package websockets, as a client and as a server.

websockets_ws.py client URL: prints "well". websockets_ws.py server PORT: echoes, and does what a text asks for."""

import asyncio
import os
import sys
import zlib

import websockets


async def expect_closed(socket, code, reason):
    await socket.wait_closed()
    assert (socket.close_code, socket.close_reason) == (code, reason), (socket.close_code, socket.close_reason)


class Finishing:
    """A coder each of whose messages ends with a block that says it is the last (RFC 7692, 7.2.3.5), and which still refers
    to those before."""

    def __init__(self, window_bits):
        self.window_bits, self.history, self.sizes = window_bits, b"", []

    def compress(self, data):
        self.data = bytes(data)
        return b""

    def flush(self, _mode):
        coder = zlib.compressobj(wbits=-self.window_bits, zdict=self.history)
        out = coder.compress(self.data) + coder.flush(zlib.Z_FINISH)
        self.history = (self.history + self.data)[-(1 << self.window_bits) :]
        self.sizes.append(len(out))
        return out + b"\0"


async def client(url):
    def connect(compression="deflate", **more):
        return websockets.connect(url, compression=compression, max_size=None, **more)

    for compression in [None, "deflate"]:
        socket = await connect(compression, subprotocols=["echo"])
        assert socket.subprotocol == "echo"
        for size in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            for message in ["é" * (size // 2), os.urandom(size), bytes(size)]:
                await socket.send(message)
                assert await socket.recv() == message, (compression, size)
        await socket.send(["in ", "frag", "ments"])
        assert await socket.recv() == "in fragments"
        await (await socket.ping("there?"))
        await socket.close(3001, "enough")
        await expect_closed(socket, 3001, "enough")
    socket = await connect()
    # Where they are depends on the version of the package.
    extensions = getattr(socket, "extensions", None) or socket.protocol.extensions
    deflate, octets = extensions[0], os.urandom(2_000)
    deflate.encoder = Finishing(deflate.local_max_window_bits)
    for _ in range(3):
        await socket.send(octets)
        assert await socket.recv() == octets
    assert max(deflate.encoder.sizes[1:]) < 200 < deflate.encoder.sizes[0], deflate.encoder.sizes
    await socket.close()
    long = await connect()
    await long.send(bytes((2 << 20) + 1))
    await expect_closed(long, 1009, "a message that is too long")
    sockets = [await connect() for _ in range(50)]
    for number, socket in enumerate(sockets):
        await socket.send(str(number))
    for number, socket in enumerate(sockets):
        assert await socket.recv() == str(number)
        await socket.close()
    print("well")


async def serve(socket, *_):
    async for message in socket:
        word, *words = message.split(" ") if isinstance(message, str) else [None]
        if word == "close":
            await socket.close(int(words[0]), words[1])
        elif word == "ping":
            await (await socket.ping(words[0]))
            await socket.send(f"pong {words[0]}")
        elif word == "pieces":
            await socket.send(words)
        else:
            await socket.send(message)


async def server(port):
    async with websockets.serve(serve, "127.0.0.1", port, subprotocols=["echo"], max_size=None):
        await asyncio.Future()


role, at = sys.argv[1:]
asyncio.run(client(at) if role == "client" else server(int(at)))
