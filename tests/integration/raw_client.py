"""An RTMP client that sends what a test says, byte for byte, and keeps what it is told.

All messages are shorter than a chunk, so each is one, with a header of type 0.
"""
import contextlib
import os
import select
import struct

USER_CONTROL, AUDIO, VIDEO, COMMAND = 4, 8, 9, 20
KEYFRAME, INTER = b"\x17\x01\0\0\0", b"\x27\x01\0\0\0"  # heads of H.264 in FLV
CHUNK_MAX = 128


def value(what):
    """AMF0; None is null."""
    if what is None:
        return b"\x05"
    if isinstance(what, str):
        return b"\x02" + struct.pack(">H", len(what)) + what.encode()
    if isinstance(what, dict):
        members = b"".join(struct.pack(">H", len(name)) + name.encode() + value(member)
                           for name, member in what.items())
        return b"\x03" + members + b"\0\0\x09"
    return b"\0" + struct.pack(">d", what)


class RawClient:
    def __init__(self, lab, app, **offers):
        self.sock = lab.connect()
        self.said = b""
        self.closed = False
        self.sock.sendall(b"\x03" + bytes(8) + os.urandom(1528))
        reply = b""
        while len(reply) < 1 + 2 * 1536:
            reply += self.sock.recv(65536)
        self.sock.sendall(reply[1:1537])
        self.command("connect", 0, {"app": app, **offers}, transaction=1)

    def send(self, kind, stream, time_ms, body):
        assert len(body) <= CHUNK_MAX
        head = (struct.pack(">I", time_ms)[1:] + struct.pack(">I", len(body))[1:] + bytes([kind]) +
                struct.pack("<I", stream))
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(bytes([2 if kind == USER_CONTROL else 3 + stream]) + head + body)

    def command(self, name, stream, *arguments, transaction=0):
        self.send(COMMAND, stream, 0,
                  b"".join(value(one) for one in (name, transaction, *arguments)))

    def publish(self, stream, name):
        """Message streams count from 1, in the order of their creation."""
        self.command("createStream", 0, None, transaction=1 + stream)
        self.command("publish", stream, None, name, "live", transaction=0)

    def video(self, stream, time_ms, head=INTER, size=60):
        self.send(VIDEO, stream, time_ms, head + bytes(size))

    def ping(self):
        self.send(USER_CONTROL, 0, 0, b"\0\x06\0\0\0\0")

    def listen(self):
        """Takes what has come; returns whether the server has closed."""
        while not self.closed and select.select([self.sock], [], [], 0)[0]:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            self.said += data
            self.closed = not data
        return self.closed

    def was_told(self, text):
        self.listen()
        return text.encode() in self.said

    def close(self):
        self.sock.close()
