"""What is not RTMP is refused or timed out under a name, and all memory comes back."""
import contextlib
import os
import random
import resource
import socket
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


def test_garbage_after_handshake(context):
    """A correct C0, C1 and C2, then noise as chunks."""
    source = random.Random(815)
    names = ("rtmp_bad_chunk_header", "rtmp_message_too_long", "rtmp_bad_control",
             "rtmp_too_many_chunk_streams", "rtmp_bad_chunk_size", "rtmp_command_too_long",
             "rtmp_bad_amf", "rtmp_command_overlap", "rtmp_bad_message_stream",
             "timeout_publish")
    with edge(context, "noise") as lab:
        for _ in range(50):
            sock = lab.connect()
            sock.sendall(b"\x03" + bytes(8) + source.randbytes(1528))
            reply = b""
            while len(reply) < 1 + 1536 + 1536:
                reply += sock.recv(65536)
            send_all(sock, reply[1:1537] + source.randbytes(20000))
            closed_by_server(sock)
        counters = {n: sum(w["counters"].get(n, 0) for w in lab.ctl("counters")["workers"])
                    for n in names}
        equal("connections that a named counter ended", sum(counters.values()), 50)


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
        before = lab.counter("timeout_publish")
        sock = lab.connect()
        sock.sendall(b"\x03" + bytes(1536))
        reply = b""
        while len(reply) < 3073:
            reply += sock.recv(65536)
        sock.sendall(reply[1:1537])
        closed_by_server(sock)
        lab.wait_counter("timeout_publish", before + 1)


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
