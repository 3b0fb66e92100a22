"""hyper-h2: a WebSocket over HTTP/2 (RFC 8441) to an echo, whose client does not read at first. Argument: the port.

It sends until nothing more is taken, prints "waiting", and goes on when there is a line on stdin: then all that it has sent
and will send comes back. It prints "well"."""

import select
import socket
import struct
import sys

import h2.connection
import h2.events

MESSAGES, OCTETS = 512, 64 << 10
# How long nothing happens before nothing more is taken.
STILL_SECONDS = 1

sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
connection = h2.connection.H2Connection()
connection.initiate_connection()
sock.sendall(connection.data_to_send())


def message(number):
    """The payload of one, as long as all others."""
    return struct.pack("!Q", number) * (OCTETS // 8)


reading, is_open, held, received = False, False, 0, bytearray()


def step(seconds):
    """Takes what comes within that time, and says whether something has."""
    global is_open, held
    if not select.select([sock], [], [], seconds)[0]:
        return False
    octets = sock.recv(1 << 20)
    assert octets, "the connection is over"
    for event in connection.receive_data(octets):
        if isinstance(event, h2.events.ResponseReceived):
            assert dict(event.headers)[b":status"] == b"200", event
            is_open = True
        elif isinstance(event, h2.events.DataReceived):
            received.extend(event.data)
            held += event.flow_controlled_length
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)):
            raise AssertionError(event)
    if reading and held:
        connection.acknowledge_received_data(held, 1)
        held = 0
    sock.sendall(connection.data_to_send())
    return True


def next_frame():
    """The next whole frame of what has come: whether it ends its message, and its payload."""
    if len(received) < 2:
        return None
    length = received[1]
    start = 2 + {126: 2, 127: 8}.get(length, 0)
    if start > 2:
        length = int.from_bytes(received[2:start], "big")
    # A length that is not there as a whole is too small, but then so is what was received.
    if len(received) < start + length:
        return None
    frame = received[0] >= 0x80, bytes(received[start : start + length])
    del received[: start + length]
    return frame


while not connection.remote_settings.enable_connect_protocol:
    step(30)
head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
connection.send_headers(1, head + [("sec-websocket-version", "13")])
sock.sendall(connection.data_to_send())
while not is_open:
    step(30)

# A key of zeros masks nothing.
frames = (struct.pack("!BBQI", 0x82, 0x80 | 127, OCTETS, 0) + message(number) for number in range(MESSAGES))
outbox, sent, found, checked = b"", 0, b"", 0
while checked < MESSAGES:
    outbox = outbox or next(frames, b"")
    room = min(connection.local_flow_control_window(1), connection.max_outbound_frame_size, len(outbox))
    if room:
        connection.send_data(1, outbox[:room])
        outbox = outbox[room:]
        sent += room
        sock.sendall(connection.data_to_send())
    if not step(0 if room else STILL_SECONDS) and not room:
        assert not reading, f"{checked} messages came back, and no more"
        assert sent < MESSAGES * OCTETS, "all of it is taken of a client that does not read"
        print("waiting", flush=True)
        sys.stdin.readline()
        reading = True
        connection.acknowledge_received_data(held, 1)
        held = 0
        sock.sendall(connection.data_to_send())
        STILL_SECONDS = 30
    while frame := next_frame():
        fin, payload = frame
        found += payload
        if fin:
            assert found == message(checked), f"message {checked} has changed"
            found, checked = b"", checked + 1
print("well")
