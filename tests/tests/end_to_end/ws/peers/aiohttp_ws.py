"""aiohttp, as a client and as a server of WebSockets.

aiohttp_ws.py client URL: prints "well". aiohttp_ws.py server PORT: echoes, and does what a text asks for."""

import asyncio
import os
import sys

import aiohttp
from aiohttp import WSMsgType, web


async def expect_closed(socket, code, reason):
    found = await socket.receive()
    assert (found.type, found.data, found.extra) == (WSMsgType.CLOSE, code, reason), found


async def client(url):
    async with aiohttp.ClientSession(trust_env=False) as session:

        def connect(compress, **more):
            return session.ws_connect(url, compress=compress, max_msg_size=0, **more)

        for compress in [0, 15]:
            socket = await connect(compress, protocols=["echo"], autoping=False, autoclose=False)
            assert (socket.protocol, bool(socket.compress)) == ("echo", bool(compress)), socket.compress
            for size in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
                text = "é" * (size // 2)
                await socket.send_str(text)
                assert await socket.receive_str() == text, (compress, size)
                for octets in [os.urandom(size), bytes(size)]:
                    await socket.send_bytes(octets)
                    assert await socket.receive_bytes() == octets, (compress, size)
            await socket.ping(b"there?")
            found = await socket.receive()
            assert (found.type, bytes(found.data)) == (WSMsgType.PONG, b"there?"), found
            await socket.close(code=3001, message=b"enough")
            assert socket.close_code == 3001, socket.close_code
        long = await connect(15, autoclose=False)
        await long.send_bytes(bytes((2 << 20) + 1))
        await expect_closed(long, 1009, "a message that is too long")
        sockets = [await connect(15) for _ in range(50)]
        for number, socket in enumerate(sockets):
            await socket.send_str(str(number) * 100)
        for number, socket in enumerate(sockets):
            assert await socket.receive_str() == str(number) * 100
            await socket.close()
    print("well")


async def serve(request):
    socket = web.WebSocketResponse(protocols=["echo"], autoping=False, autoclose=False, max_msg_size=0)
    await socket.prepare(request)
    while not socket.closed:
        message = await socket.receive()
        if message.type == WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            await socket.send_str(f"pong {bytes(message.data).decode()}")
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.type == WSMsgType.TEXT:
            word, *words = message.data.split(" ")
            if word == "close":
                await socket.close(code=int(words[0]), message=words[1].encode())
            elif word == "ping":
                await socket.ping(words[0].encode())
            elif word == "extensions":
                await socket.send_str("permessage-deflate" if socket.compress else "")
            else:
                await socket.send_str(message.data)
        else:
            await socket.close(code=message.data or 1000, message=(message.extra or "").encode())
    return socket


async def server(port):
    application = web.Application()
    application.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


role, at = sys.argv[1:]
asyncio.run(client(at) if role == "client" else server(int(at)))
