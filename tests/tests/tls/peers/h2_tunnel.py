"""hyper-h2: a tunnel of another protocol (RFC 8441) to an echo, beside a request with trailers. Arguments: the port, the
CA's certificate."""

import socket
import ssl
import sys

import h2.connection
import h2.events
import h2.settings

port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
context.set_alpn_protocols(["h2"])
sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=30), server_hostname="localhost")
assert sock.selected_alpn_protocol() == "h2"

connection = h2.connection.H2Connection()
connection.initiate_connection()
sock.sendall(connection.data_to_send())
head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "localhost"), (":path", "/chat")]
post = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", "/")]
seen, content, ended, trailers = {}, {1: b"", 3: b""}, set(), None


def step():
    """Takes what has come, and answers it."""
    global trailers
    octets = sock.recv(65536)
    assert octets, "the connection is over"
    for event in connection.receive_data(octets):
        if isinstance(event, h2.events.ResponseReceived):
            seen[event.stream_id] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            content[event.stream_id] += event.data
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            ended.add(event.stream_id)
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            raise AssertionError(event)
    sock.sendall(connection.data_to_send())


while not connection.remote_settings.enable_connect_protocol:
    step()
connection.send_headers(1, head)
connection.send_headers(3, post)
connection.send_data(3, b"hello", pad_length=100)
connection.send_headers(3, [("x-sum", "5")], end_stream=True)
sock.sendall(connection.data_to_send())
while 1 not in seen or 3 not in ended:
    step()
assert content[3] == b"hello" and trailers == [(b"x-sum", b"5")], (content[3], trailers)
sent = b""
for number in range(200):
    piece = bytes([number]) * 1000
    connection.send_data(1, piece)
    sent += piece
    sock.sendall(connection.data_to_send())
    while len(content[1]) < len(sent):
        step()
assert content[1] == sent and 1 not in ended
connection.end_stream(1)
sock.sendall(connection.data_to_send())
while 1 not in ended:
    step()
print("well")
