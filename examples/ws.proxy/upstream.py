#!/usr/bin/env python3
"""A WebSocket server of the standard library alone: upstream.py PORT. It sends each message back, in capitals if it is
text, and agrees to the subprotocol `echo`."""

import os
import socketserver
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
import websocket


class Upstream(socketserver.BaseRequestHandler):
    def handle(self):
        line, fields, early = websocket.head_of(self.request)
        head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"]
        head.append("Sec-WebSocket-Accept: " + websocket.accept(fields["sec-websocket-key"]))
        if "echo" in fields.get("sec-websocket-protocol", ""):
            head.append("Sec-WebSocket-Protocol: echo")
        self.request.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        frames = websocket.Frames(self.request, False, early)
        if line.split()[1] == "/bye":
            frames.send(websocket.CLOSE, struct.pack("!H", 4000) + b"bye")
        while True:
            opcode, payload = frames.message()
            if opcode == websocket.CLOSE:
                if line.split()[1] != "/bye":
                    frames.send(opcode, payload)
                return
            if opcode == websocket.PING:
                frames.send(websocket.PONG, payload)
            elif opcode == websocket.TEXT:
                frames.send(opcode, payload.decode().upper().encode())
            elif opcode == websocket.BINARY:
                frames.send(opcode, payload)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", int(sys.argv[1])), Upstream) as server:
    print("ready", flush=True)
    server.serve_forever()
