"""What is not RTMP is refused or timed out under a name, and all memory comes back."""
import contextlib
import os
import pathlib
import random
import re
import resource
import socket
import struct
import time

from lab import Lab, check, equal, wait_for

APPS = [{"name": "live", "open": True, "origins": [{"url": "rtmp://127.0.0.1:19350/live"}]}]
RTMP = {"handshake_timeout_s": 2, "publish_timeout_s": 3}
IDLE = 2000


@contextlib.contextmanager
def edge(context, name):
    """A lab whose memory must be as full afterwards as before, with a publish to prove it works."""
    with Lab(context.build, name) as lab:
        sink = lab.start_sink()
        lab.start(APPS, rtmp=RTMP)
        lab.publish(context.small, "before")
        sink.ended(1)
        lab.wait_idle()
        before = settled(lab)
        yield lab
        lab.wait_idle(30)
        wait_for(f"memory to return to {before}", lambda: lab.memory() == before, 10)
        lab.publish(context.small, "after")
        sink.ended(2)
        lab.wait_idle()


def settled(lab):
    """Free packets and blocks of each worker, twice the same."""
    def stable():
        first = lab.memory()
        time.sleep(0.3)
        return first if lab.memory() == first else None
    return wait_for("memory to settle", stable)


def closed_by_server(sock, timeout=10.0):
    """Reads until the server closes or resets the connection."""
    sock.settimeout(timeout)
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        check(False, f"the connection is still open after {timeout:g} s")
    sock.close()


def send_all(sock, data):
    with contextlib.suppress(ConnectionError):
        sock.sendall(data)


def test_random_bytes(context):
    source = random.Random(4711)
    with edge(context, "random") as lab:
        for _ in range(50):
            sock = lab.connect()
            send_all(sock, bytes([source.choice([0, 1, 4, 9, 71, 255])]) + source.randbytes(8000))
            closed_by_server(sock)
        check(lab.counter("rtmp_bad_version") > 0, "rtmp_bad_version did not move")


# Counters of what is set aside and ends nothing.
NOTES = set(re.findall(r'"(rtmp_\w+)"', (pathlib.Path(__file__).resolve().parents[2] / "rtmp" /
                                         "include" / "rtmp" / "note.h").read_text()))


def ended_by_counter(lab):
    """Connections that were ended, by the name of the reason."""
    total = {}
    for worker in lab.ctl("counters")["workers"]:
        for name, value in worker["counters"].items():
            if name.startswith(("rtmp_", "timeout_")) and name not in NOTES and value:
                total[name] = total.get(name, 0) + value
    return total


def shake_hands(lab):
    """A connection after a correct C0, C1 and C2."""
    sock = lab.connect()
    sock.sendall(b"\x03" + bytes(8) + os.urandom(1528))
    reply = b""
    while len(reply) < 1 + 1536 + 1536:
        reply += sock.recv(65536)
    sock.sendall(reply[1:1537])
    return sock


def test_garbage_after_handshake(context):
    """Noise as chunks: each connection ends for a reason that has a name."""
    source = random.Random(815)
    with edge(context, "noise") as lab:
        socks = [shake_hands(lab) for _ in range(50)]
        for sock in socks:
            send_all(sock, source.randbytes(20000))
        for sock in socks:
            closed_by_server(sock)
        wait_for("a named counter for each connection",
                 lambda: sum(ended_by_counter(lab).values()) == 50)


def test_http_request(context):
    with edge(context, "http") as lab:
        before = lab.counter("rtmp_bad_version")
        sock = lab.connect()
        send_all(sock, b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n")
        closed_by_server(sock)
        lab.wait_counter("rtmp_bad_version", before + 1)


def test_half_handshakes(context):
    """C0 alone, parts of C1, S0 to S2 never answered: each is timed out."""
    with edge(context, "half") as lab:
        before = lab.counter("timeout_handshake")
        socks = []
        for length in (1, 2, 100, 1535, 1536, 1537, 2000, 3072):
            sock = lab.connect()
            send_all(sock, b"\x03" + os.urandom(length - 1))
            socks.append(sock)
        for sock in socks:
            closed_by_server(sock)
        lab.wait_counter("timeout_handshake", before + len(socks))


def test_handshake_then_silence(context):
    with edge(context, "silent") as lab:
        closed_by_server(shake_hands(lab))
        wait_for("timeout_connect to count it",
                 lambda: ended_by_counter(lab) == {"timeout_connect": 1})


def amf_string(text):
    return struct.pack(">H", len(text)) + text.encode()


def test_connect_then_silence(context):
    """connect is answered; no publish follows."""
    command = (b"\x02" + amf_string("connect") + b"\x00" + struct.pack(">d", 1) + b"\x03" +
               amf_string("app") + b"\x02" + amf_string("live") + b"\x00\x00\x09")
    with edge(context, "connected") as lab:
        sock = shake_hands(lab)
        sock.sendall(b"\x03\0\0\0" + struct.pack(">I", len(command))[1:] + b"\x14\0\0\0\0" + command)
        check(b"NetConnection.Connect.Success" in read_some(sock), "connect was not answered")
        closed_by_server(sock)
        wait_for("timeout_publish to count it",
                 lambda: ended_by_counter(lab) == {"timeout_publish": 1})


def read_some(sock):
    """What comes until nothing came for half a second."""
    data = b""
    sock.settimeout(0.5)
    with contextlib.suppress(socket.timeout):
        while True:
            data += sock.recv(65536)
    return data


def test_two_thousand_idle_connections(context):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, IDLE + 256)), hard))
    with edge(context, "idle") as lab:
        before = lab.counter("timeout_handshake")
        socks = [lab.connect() for _ in range(IDLE)]
        check(lab.publish(context.small, "meanwhile")[0]["complete"], "no publish meanwhile")
        lab.wait_counter("timeout_handshake", before + IDLE, 20)
        for sock in socks:
            closed_by_server(sock)


def test_publisher_vanishes(context):
    """A reset in the middle of a message leaves nothing behind."""
    with edge(context, "vanish") as lab:
        for number in range(5):
            command = lab.publish_command(context.clip, f"gone{number}", pace=True)
            process = lab.spawn(f"gone{number}", command)
            lab.wait_live()
            process.child.kill()
            process.child.wait()
            process.code = -9
            lab.wait_idle()
