"""The discard port: kernel clients send what they like, and it is read, counted and gone."""
import socket

from lab import Lab, check, equal, wait_for

APPS = [{"name": "live", "open": True, "origins": []}]
DISCARD = 5001


def send(lab, size, **options):
    sock = lab.connect(port=DISCARD, **options)
    sock.sendall(b"\xff" * size)
    return sock


def test_kernel_clients(context):
    with Lab(context.build, "discard") as lab:
        lab.start(APPS, dataplane={"listen": {"discard": DISCARD}})
        sizes = [1, 1448, 3_000_000]
        socks = [send(lab, size) for size in sizes]
        lab.wait_counter("discard_bytes", sum(sizes))
        equal("connections", lab.counter("discard_connections"), len(sizes))
        for sock in socks:  # the end is orderly: our FIN is answered
            sock.shutdown(socket.SHUT_WR)
            equal("what the port says", sock.recv(10), b"")
            sock.close()
        equal("bytes", lab.counter("discard_bytes"), sum(sizes))
        lab.wait_idle()


def test_none_by_default(context):
    with Lab(context.build, "nodiscard") as lab:
        lab.start(APPS)
        try:
            lab.connect(port=DISCARD).close()
            check(False, "there is a discard port, and nobody asked for it")
        except ConnectionRefusedError:
            pass


def test_end_with_open_connections(context):
    with Lab(context.build, "discardend") as lab:
        lab.start(APPS, dataplane={"listen": {"discard": DISCARD}})
        sock = send(lab, 1000)
        lab.wait_counter("discard_bytes", 1000)
        equal("how the dataplane ended", lab.dataplane.stop(), 0)
        sock.settimeout(5)
        wait_for("the connection to end", lambda: sock.recv(10) == b"")
        sock.close()
