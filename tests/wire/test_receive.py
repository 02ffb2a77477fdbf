"""Receiving: order, overlap, windows, and acknowledgements."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import FIN, minus, plus


def window_of(conn, tcp):
    return tcp.window << conn.wscale


@case("RFC 9293 3.10.7.4, seventh")
def in_order(peer):
    conn = peer.open()
    for size in (1, 1000, 1440, 7):
        conn.write(bytes(size))
        conn.expect_ack()


@case("RFC 9293 3.8.6.3, MUST-58 and MUST-59")
def delayed_ack(peer):
    """One small segment after many: at most half a second late, and every second full one at once."""
    conn = peer.open()
    conn.write_all(bytes(30000), 1440)
    conn.expect_ack()
    conn.write(b"one")
    conn.expect_ack()
    for _ in range(10):
        conn.write(bytes(1440))
        conn.write(bytes(1440))
        frames = peer.answers()
        check(any(minus(f[TCP].ack, plus(conn.snd_nxt, -1440)) >= 0 for f in frames),
              "two full segments, and no ACK")


@case("RFC 5681 4.2")
def out_of_order(peer):
    """Acknowledged at once, with the number that is missing; the hole filled, at once again."""
    conn = peer.open()
    conn.send("A", b"later", seq=plus(conn.snd_nxt, 100))
    conn.expect("duplicate ACK", "A", ack=conn.snd_nxt)
    conn.write(bytes(100))
    conn.snd_nxt = plus(conn.snd_nxt, 5)
    frames = peer.answers()
    check([f for f in frames if f[TCP].ack == conn.snd_nxt], "the filled hole was not acknowledged "
          "at once")


@case("RFC 9293 3.10.7.4, first (trim)")
def overlap_left(peer):
    conn = peer.open()
    conn.write(bytes(100))
    conn.expect_ack()
    conn.send("A", bytes(150), seq=plus(conn.snd_nxt, -100))
    conn.snd_nxt = plus(conn.snd_nxt, 50)
    conn.expect_ack()
    conn.alive("after an overlap")


@case("RFC 9293 3.10.7.4 (overlapping segments)")
def overlaps_out_of_order(peer):
    """Pieces over one another in any order: in the end all is there once."""
    conn = peer.open()
    for first, last in ((300, 400), (100, 200), (150, 350), (390, 500), (90, 130), (0, 95)):
        conn.send("A", bytes(last - first), seq=plus(conn.snd_nxt, first))
    conn.snd_nxt = plus(conn.snd_nxt, 500)
    conn.expect("ACK of all", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.alive("after overlaps")


@case("RFC 9293 3.10.7.4, first")
def old_segment(peer):
    conn = peer.open()
    conn.write(bytes(100))
    conn.expect_ack()
    conn.send("A", bytes(100), seq=plus(conn.snd_nxt, -100))
    conn.expect("ACK of a duplicate", "A", ack=conn.snd_nxt, seq=conn.rcv_nxt)


@case("RFC 9293 3.10.7.4, first")
def outside_right(peer):
    """Beyond the window: not taken, answered with an ACK."""
    conn = peer.open()
    conn.write(b"x")
    tcp = conn.expect_ack()[TCP]
    beyond = plus(conn.snd_nxt, window_of(conn, tcp) + 1)
    conn.send("A", bytes(100), seq=beyond)
    conn.expect("ACK of what is beyond the window", "A", ack=conn.snd_nxt)
    conn.send("A", b"", seq=plus(beyond, 100))
    conn.expect("ACK of what is empty and beyond the window", "A", ack=conn.snd_nxt)
    conn.alive("after segments beyond the window")


@case("RFC 9293 3.10.7.4, first")
def outside_left(peer):
    """Far behind: not taken, answered with an ACK."""
    conn = peer.open()
    for back in (1, 2, 70000, 1 << 30):
        conn.send("A", b"", seq=plus(conn.snd_nxt, -back))
        conn.expect(f"ACK of what is {back} behind", "A", ack=conn.snd_nxt)
    conn.alive("after segments left of the window")


@case("RFC 9293 3.10.7.4, first (right edge)")
def window_filled(peer):
    """Exactly what was granted is taken, in any order; the byte beyond is not."""
    conn = peer.open()
    conn.write(b"x")
    size = min(window_of(conn, conn.expect_ack()[TCP]), 30000)
    start = conn.snd_nxt
    conn.send("A", bytes(1000), seq=plus(start, size - 1000))
    conn.expect("duplicate ACK", "A", ack=start)
    for at in range(0, size - 1000, 1000):
        conn.send("A", bytes(min(1000, size - 1000 - at)), seq=plus(start, at))
    conn.snd_nxt = plus(start, size)
    conn.expect("ACK of all", wanted=lambda t: t.ack == conn.snd_nxt)


@case("RFC 9293 3.8.6.2.1, SHLD-14")
def window_does_not_shrink(peer):
    """The right edge of the window never moves left."""
    conn = peer.open()
    edge = None
    for size in (1, 1440, 1440, 10, 1440, 1440, 1):
        conn.write(bytes(size))
        tcp = conn.expect_ack()[TCP]
        new = plus(tcp.ack, window_of(conn, tcp))
        check(edge is None or minus(new, edge) >= 0, "the right edge moved left")
        edge = new


@case("RFC 1122 4.2.3.6; RFC 9293 3.8.4")
def keepalive(peer):
    """A probe of one old byte, and one of none, is answered."""
    conn = peer.open()
    conn.write(b"data")
    conn.expect_ack()
    conn.send("A", b"", seq=plus(conn.snd_nxt, -1))
    conn.expect("answer to a keepalive", "A", ack=conn.snd_nxt, seq=conn.rcv_nxt)
    conn.send("A", b"\0", seq=plus(conn.snd_nxt, -1))
    conn.expect("answer to a keepalive of one byte", "A", ack=conn.snd_nxt)


@case("RFC 9293 3.10.7.4, fifth")
def ack_of_unsent(peer):
    """Acknowledges what was never sent: an ACK, and the segment is dropped."""
    conn = peer.open()
    conn.send("PA", b"data", ack=plus(conn.rcv_nxt, 1000))
    conn.expect("ACK of an acknowledgement from the future", "A", ack=conn.snd_nxt,
                seq=conn.rcv_nxt)
    conn.alive("after an acknowledgement of what was not sent")


@case("RFC 9293 3.10.7.4, fifth")
def no_ack(peer):
    conn = peer.open()
    conn.send("P", b"data")
    frames = peer.answers()
    check(not any(f[TCP].ack == plus(conn.snd_nxt, 4) for f in frames), "data without ACK are taken")
    conn.alive("after data without ACK")


@case("RFC 9293 3.10.7.4, eighth")
def data_and_fin(peer):
    conn = peer.open()
    conn.write(b"the end", flags="PAF")
    conn.expect("ACK of data and FIN", wanted=lambda t: t.ack == conn.snd_nxt)


@case("RFC 9293 3.10.7.4, eighth")
def fin_out_of_order(peer):
    """A FIN that came early counts when the data before it are there."""
    conn = peer.open()
    conn.send("PA" + FIN, b"the end", seq=plus(conn.snd_nxt, 50))
    conn.expect("duplicate ACK", "A", ack=conn.snd_nxt)
    conn.write(bytes(50))
    conn.snd_nxt = plus(conn.snd_nxt, 8)
    conn.expect("ACK of the FIN", wanted=lambda t: t.ack == conn.snd_nxt)


@case("RFC 9293 3.10.7.4, first (many pieces)")
def one_byte_segments(peer):
    conn = peer.open()
    for _ in range(200):
        conn.write(b"x")
    conn.expect("ACK of all", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.alive("after segments of one byte")


@case("RFC 9293 3.4 (the window across 2^32)")
def wrap_out_of_order(peer):
    conn = peer.open(iss=0xffffff00)
    for at in (400, 200, 100, 300, 0):
        conn.send("A", bytes(100), seq=plus(conn.snd_nxt, at))
    conn.snd_nxt = plus(conn.snd_nxt, 500)
    conn.expect("ACK of all", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.alive("after the wrap")
