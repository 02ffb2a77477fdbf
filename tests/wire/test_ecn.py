"""Explicit congestion notification (RFC 3168)."""
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from cases import case
from lab import check, equal
from wire import RTMP, minus, payload, plus

ECT0, CE = 2, 3
HELLO = b"\x03" + bytes(1536)


def codepoint(frame):
    return (frame[IPv6].tc if IPv6 in frame else frame[IP].tos) & 3


def marked(peer, value):
    return {"tc": value} if peer.v6 else {"tos": value}


def negotiated(peer, **options):
    return peer.open(flags="SEC", **options)


@case("RFC 3168 6.1.1")
def setup(peer):
    conn = peer.half_open(flags="SEC")
    flags = set(str(conn.synack.flags))
    check("E" in flags and "C" not in flags, f"SYN-ACK with {conn.synack.flags}")
    equal("codepoint of the SYN-ACK", codepoint(conn.synack.underlayer), 0)


@case("RFC 3168 6.1.1 (not asked for)")
def not_asked(peer):
    for flags in ("S", "SE", "SC"):
        conn = peer.half_open(flags=flags)
        check("E" not in str(conn.synack.flags), f"{flags} is answered {conn.synack.flags}")


@case("RFC 3168 6.1.3")
def marks_are_echoed(peer):
    """From the first mark until CWR, on every ACK."""
    conn = negotiated(peer)
    conn.write(b"a")
    check("E" not in str(conn.expect_ack()[TCP].flags), "ECE without a mark")
    conn.write(b"b", ip=marked(peer, CE))
    check("E" in str(conn.expect_ack()[TCP].flags), "a mark is not echoed")
    conn.write(b"c", ip=marked(peer, ECT0))
    check("E" in str(conn.expect_ack()[TCP].flags), "the echo ends before CWR")
    conn.write(b"d", flags="PAC", ip=marked(peer, ECT0))
    check("E" not in str(conn.expect_ack()[TCP].flags), "the echo goes on after CWR")


@case("RFC 3168 6.1.3 (CWR and a mark in one segment)")
def mark_with_cwr(peer):
    conn = negotiated(peer)
    conn.write(b"a", ip=marked(peer, CE))
    conn.expect_ack()
    conn.write(b"b", flags="PAC", ip=marked(peer, CE))
    check("E" in str(conn.expect_ack()[TCP].flags), "a mark beside CWR is lost")


@case("RFC 3168 6.1.1 (marks on a connection without ECN)")
def marks_without_ecn(peer):
    conn = peer.open()
    conn.write(b"a", ip=marked(peer, CE))
    check("E" not in str(conn.expect_ack()[TCP].flags), "ECE without ECN")


@case("RFC 3168 6.1.2, 6.1.4 (data are marked, pure ACKs are not)")
def codepoints_of_ours(peer):
    conn = negotiated(peer, port=RTMP)
    conn.write(HELLO[:1000])
    conn.write(HELLO[1000:])
    equal("codepoint of data", codepoint(conn.expect("S0, S1, S2", wanted=payload)), ECT0)
    plain = negotiated(peer)
    plain.write(b"a")
    equal("codepoint of a pure ACK", codepoint(plain.expect_ack()), 0)


@case("RFC 3168 6.1.2 (without ECN nothing is marked)")
def codepoints_without_ecn(peer):
    conn = peer.open(port=RTMP)
    conn.write(HELLO[:1000])
    conn.write(HELLO[1000:])
    equal("codepoint of data", codepoint(conn.expect("S0, S1, S2", wanted=payload)), 0)


@case("RFC 3168 6.1.2 (CWR), 6.1.5 (retransmissions)")
def echo_is_heeded(peer):
    """ECE: the next new data say CWR, once, and what is sent again is not marked."""
    conn = negotiated(peer, port=RTMP, mss=200)
    conn.write(HELLO[:1000])
    conn.write(HELLO[1000:])
    sent = [f[TCP] for f in peer.answers() if payload(f[TCP])]
    time.sleep(0.05)  # a probe for the loss of the last one (RFC 8985 7) has come, or does not
    sent += [f[TCP] for f in peer.answers() if payload(f[TCP])]
    reached = max(minus(t.seq, conn.rcv_nxt) + len(payload(t)) for t in sent)
    check(reached < 3073, "all of it was sent at once")
    start = conn.rcv_nxt
    conn.rcv_nxt = plus(start, reached)
    conn.send("AE")
    frame = conn.expect("new data", wanted=lambda t: payload(t) and t.seq == conn.rcv_nxt)
    check("C" in str(frame[TCP].flags), "no CWR on the first new data after ECE")
    equal("codepoint of new data", codepoint(frame), ECT0)
    again = conn.expect("data sent again", wanted=lambda t: payload(t) and t.seq == conn.rcv_nxt)
    equal("codepoint of data sent again", codepoint(again), 0)
