"""Sending: windows, segments, what is lost. The stack owes 3,073 bytes of an RTMP handshake."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import RTMP, minus, options_of, payload, plus

OWED = 3073
HELLO = b"\x03" + bytes(1536)


def ask(conn, **fields):
    """C0 and C1; what comes until the stack waits, as [(offset, bytes)]."""
    conn.write(HELLO[:1000], **fields)
    conn.write(HELLO[1000:], **fields)
    return burst(conn)


def burst(conn):
    frames = [f[TCP] for f in conn.peer.answers() if f[TCP].dport == conn.sport]
    return [(minus(t.seq, conn.rcv_nxt), payload(t)) for t in frames if payload(t)]


def sent(segments):
    """How far they reach."""
    return max((at + len(data) for at, data in segments), default=0)


def next_data(conn, what, wanted=lambda at, data: True):
    tcp = conn.expect(what, wanted=lambda t: payload(t) and wanted(minus(t.seq, conn.rcv_nxt),
                                                                  payload(t)))[TCP]
    return minus(tcp.seq, conn.rcv_nxt), payload(tcp)


@case("RFC 9293 3.8.6")
def window_obeyed(peer):
    conn = peer.open(port=RTMP, window=1000, wscale=None, ack_window=1000)
    segments = ask(conn, window=1000)
    check(0 < sent(segments) <= 1000, f"sent {sent(segments)} into a window of 1000")
    equal("answer", len(conn.read(OWED, window=1000)), OWED)


@case("RFC 7323 2.3")
def window_scaled(peer):
    conn = peer.open(port=RTMP, wscale=7, ack_window=8)
    segments = ask(conn, window=8)
    check(0 < sent(segments) <= 1024, f"sent {sent(segments)} into a window of 8 << 7")


@case("RFC 6928 2; RFC 5681 3.1")
def initial_window(peer):
    conn = peer.open(port=RTMP, mss=200)
    segments = ask(conn)
    # Ten, and one that probes for the loss of the last (RFC 8985 7).
    check(2 * 200 <= sent(segments) <= 11 * 200, f"{sent(segments)} bytes, segments of 200")
    check(all(len(data) <= 200 for _, data in segments), "larger than the MSS")
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 5681 3.1 (the window opens by what is acknowledged)")
def slow_start(peer):
    conn = peer.open(port=RTMP, mss=200)
    first = sent(ask(conn))
    conn.rcv_nxt = plus(conn.rcv_nxt, 400)
    conn.send()
    more = sent(burst(conn)) + 400
    # The probe for the loss of the last one (RFC 8985 7) may be in either.
    check(first + 200 <= more <= first + 1000 or more == OWED,
          f"{first} bytes in flight, 400 acknowledged, then up to {more}")


@case("RFC 6298 5.1, 5.4")
def retransmission(peer):
    """The first segment, as it was."""
    conn = peer.open(port=RTMP)
    first = ask(conn)[0]
    again = next_data(conn, "retransmission", lambda at, data: at == 0)
    equal("bytes sent again", again[1][:100], first[1][:100])
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 6675 5; RFC 5681 3.2")
def fast_retransmit(peer):
    """Three later segments are reported: the hole is filled before a second has passed."""
    conn = peer.open(port=RTMP, mss=300)
    ask(conn)
    for last in (600, 900, 1200):
        conn.send(options=[("NOP", None), ("NOP", None),
                           ("SAck", (plus(conn.rcv_nxt, 300), plus(conn.rcv_nxt, last)))])
    segments = burst(conn)
    if not any(at == 0 for at, _ in segments):  # by time, not by count (RFC 8985)
        next_data(conn, "the hole", lambda at, data: at == 0)
    check(not any(300 <= at < 1200 for at, _ in segments), "sends again what was reported")


@case("RFC 6675 (an acknowledgement of a part)")
def partial_ack(peer):
    """Acknowledged in the middle of a segment: what is sent again begins there or before."""
    conn = peer.open(port=RTMP, mss=1000)
    ask(conn)
    conn.rcv_nxt = plus(conn.rcv_nxt, 500)
    conn.send()
    at, data = next_data(conn, "retransmission", lambda at, data: at <= 0 < at + len(data))
    check(at + len(data) > 0, "nothing new in it")


@case("RFC 9293 3.8.6.1, MUST-35 and MUST-36")
def zero_window_probe(peer):
    conn = peer.open(port=RTMP, window=0, ack_window=0)
    equal("bytes into a closed window", sent(ask(conn, window=0)), 0)
    at, data = next_data(conn, "probe of the window")
    check((at, len(data)) == (0, 1), f"a probe of {len(data)} bytes at {at}")
    conn.send(window=65535)
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 9293 3.8.6.1 (the window closes under way)")
def window_closes(peer):
    conn = peer.open(port=RTMP, window=1000, wscale=None, ack_window=1000)
    reached = sent(ask(conn, window=1000))
    conn.rcv_nxt = plus(conn.rcv_nxt, reached)
    conn.send(window=0)
    equal("bytes into a closed window", sent(burst(conn)), 0)
    conn.send(window=5000)
    conn.read(OWED - reached, window=5000)


@case("RFC 9293 3.8.6.2.1, MUST-34")
def window_shrinks(peer):
    """A window taken back breaks nothing, and nothing new goes beyond it."""
    conn = peer.open(port=RTMP, window=2000, wscale=None, ack_window=2000)
    reached = sent(ask(conn, window=2000))
    conn.send(window=500)
    equal("new bytes beyond the window", max(0, sent(burst(conn)) - reached), 0)
    conn.send(window=10000)
    conn.read(OWED, window=10000)


@case("RFC 9293 3.8.6.2.1, MUST-38 (silly windows)")
def silly_window(peer):
    conn = peer.open(port=RTMP, window=1460, wscale=None, ack_window=1460)
    reached = sent(ask(conn, window=1460))
    conn.rcv_nxt = plus(conn.rcv_nxt, reached)
    conn.send(window=10)
    check(sent(burst(conn)) == 0, "fills a window of ten bytes at once")
    conn.send(window=10000)
    conn.read(OWED - reached, window=10000)


@case("RFC 9293 3.9.1.2, MUST-61")
def push_at_the_end(peer):
    conn = peer.open(port=RTMP)
    conn.write(HELLO[:1000])
    conn.write(HELLO[1000:])
    last = conn.expect("the last segment",
                       wanted=lambda t: minus(t.seq, conn.rcv_nxt) + len(payload(t)) == OWED)
    check("P" in str(last[TCP].flags), "the last segment has no PSH")


@case("RFC 7323 3.2 (on every segment)")
def timestamps_on_data(peer):
    conn = peer.open(port=RTMP, timestamps=True)
    conn.write(HELLO[:1000])
    conn.write(HELLO[1000:])
    for _ in range(2):
        tcp = conn.expect("S0, S1, S2", wanted=payload)[TCP]
        echo = options_of(tcp).get("Timestamp", (0, 0))[1]
        # Of the two segments the first, when one ACK answers both (RFC 7323 4.3).
        check(echo in (conn.tsval - 1, conn.tsval), f"echoes {echo}, sent {conn.tsval}")


@case("RFC 2018 5.1 (nonsense in SACK)")
def sack_nonsense(peer):
    """Blocks that lie, cross or wrap: no byte is taken for received that was not."""
    conn = peer.open(port=RTMP, mss=500)
    ask(conn)
    una = conn.rcv_nxt
    for left, right in ((-1000, -500), (500, 100), (0, 0), (0, 500), (100000, 200000),
                        (1 << 30, -(1 << 30)), (-100, 600)):
        conn.send(options=[("NOP", None), ("NOP", None),
                           ("SAck", (plus(una, left), plus(una, right)))])
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)
