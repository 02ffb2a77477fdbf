"""Options: what is offered is used, what is not is not, and nonsense breaks nothing."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import RTMP, Connection, minus, options_of, payload, plus


def largest(conn, count=3073):
    """Payload of the largest of the segments that S0, S1 and S2 come in."""
    conn.write_all(b"\x03" + bytes(1536))
    got, most = 0, 0
    while got < count:
        tcp = conn.expect("S0, S1, S2",
                          wanted=lambda t: payload(t) and t.seq == conn.rcv_nxt)[TCP]
        most = max(most, len(payload(tcp)))
        got += len(payload(tcp))
        conn.rcv_nxt = plus(conn.rcv_nxt, len(payload(tcp)))
        conn.send()
    return most


@case("RFC 9293 3.7.1, MUST-15")
def mss_missing(peer):
    """Without the option: 536 bytes, over IPv6 1,220."""
    conn = peer.open(port=RTMP, options=[])
    check(largest(conn) <= (1220 if peer.v6 else 536), "segments larger than the default MSS")


@case("RFC 9293 3.7.1, MUST-16")
def mss_obeyed(peer):
    conn = peer.open(port=RTMP, mss=700)
    equal("largest segment", largest(conn), 700)


@case("RFC 9293 3.7.1; RFC 6691")
def mss_is_less_timestamps(peer):
    """Options count: header and payload together keep to the MSS of a packet without options."""
    conn = peer.open(port=RTMP, mss=700, timestamps=True)
    check(largest(conn) <= 700 - 12, "the timestamp does not count")


@case("RFC 9293 3.7.1 (MSS beyond the link)")
def mss_too_large(peer):
    conn = peer.open(port=RTMP, mss=9000)
    check(largest(conn) <= peer.mtu - peer.headers, "larger than the link")


@case("RFC 9293 3.7.1; RFC 6691 5.1 (a tiny MSS)")
def mss_tiny(peer):
    conn = peer.open(port=RTMP, mss=1)
    check(largest(conn) <= 536, "a tiny MSS is taken for none")


@case("RFC 9293 3.2, MUST-4")
def padding(peer):
    """No-operation and end of list anywhere."""
    conn = Connection(peer)
    conn.syn(options=[("NOP", None), ("NOP", None), ("MSS", 1000), ("NOP", None), ("EOL", None)])
    conn.send()
    conn.alive("after padded options")


@case("RFC 9293 3.2, MUST-6")
def unknown(peer):
    conn = Connection(peer)
    conn.syn(options=[(253, b"\xde\xad\xbe\xef\x01\x02"), ("MSS", 1460), (79, b"")])
    conn.send(options=[(254, b"abcd")])
    conn.write(b"data", options=[(200, b"abcdef")])
    conn.expect_ack()


def raw(conn, flags, area, body=b"", **fields):
    """A segment whose option area is written by hand."""
    area += bytes(-len(area) % 4)
    tcp = conn.segment(flags, b"", options=[], dataofs=5 + len(area) // 4, **fields)
    conn.peer.send(tcp / (area + body))


NONSENSE = {
    "length 0": b"\x03\x00\x00\x00", "length 1": b"\x03\x01\x00\x00",
    "beyond the header": b"\x08\x28\x00\x00", "no length": b"\x01\x01\x01\x02",
    "MSS of 3": b"\x02\x03\x05\x00", "timestamp of 3": b"\x08\x03\x00\x00",
    "SACK of 7": b"\x05\x07\x00\x00\x00\x00\x00\x00",
    "window scale of 2": b"\x03\x02\x00\x00", "SACK permitted of 4": b"\x04\x04\x00\x00",
}


@case("RFC 9293 3.2, MUST-7")
def illegal_length_in_syn(peer):
    """It may be refused or taken without the option; the stack lives, and answers what is right."""
    for area in NONSENSE.values():
        conn = Connection(peer)
        raw(conn, "S", area)
        peer.answers()
        conn.send("R", seq=plus(conn.iss, 1))
    peer.open().alive("after illegal options")


@case("RFC 9293 3.2, MUST-7")
def illegal_length_in_data(peer):
    conn = peer.open()
    for area in NONSENSE.values():
        raw(conn, "PA", area, b"data")
        peer.answers()
    conn.write(b"data")
    # Whatever was taken of it before stands in its place.
    conn.expect_ack()
    conn.alive("after illegal options")


@case("RFC 7323 2.2")
def scale_not_offered(peer):
    conn = peer.half_open(wscale=None)
    check("WScale" not in options_of(conn.synack), "scales without having been asked")


@case("RFC 7323 2.3")
def scale_of_255(peer):
    """Taken as 14."""
    conn = peer.open(wscale=255)
    check("WScale" in options_of(conn.synack), "no window scale")
    conn.alive("after a shift of 255")


@case("RFC 7323 2.3 (the window of a SYN is not scaled)")
def window_of_synack(peer):
    """All that the SYN-ACK grants is taken, whatever its scale says."""
    conn = peer.open(wscale=14)
    check(conn.synack.window >= 4096, f"a window of {conn.synack.window}")
    size = min(conn.synack.window, 20000)
    conn.write_all(bytes(size), 1400)
    conn.expect_ack()


@case("RFC 7323 3.2")
def timestamps_not_offered(peer):
    conn = peer.open()
    check("Timestamp" not in options_of(conn.synack), "timestamps without having been asked")
    conn.write(b"data")
    check("Timestamp" not in options_of(conn.expect_ack()[TCP]), "a timestamp all the same")


@case("RFC 7323 3.2")
def timestamp_echoed(peer):
    conn = peer.open(timestamps=True)
    equal("echo in the SYN-ACK", options_of(conn.synack).get("Timestamp", (0, 0))[1], 1000)
    conn.write(b"data")
    equal("echo of data", options_of(conn.expect_ack()[TCP])["Timestamp"][1], conn.tsval)


@case("RFC 7323 3.2")
def timestamp_missing(peer):
    """Once agreed on, a segment without it is dropped."""
    conn = peer.open(timestamps=True)
    conn.send("PA", b"data", options=[])
    frames = peer.answers()
    check(all(minus(f[TCP].ack, conn.snd_nxt) <= 0 for f in frames), "data without a timestamp "
          "are taken")
    conn.alive("after a segment without a timestamp")


@case("RFC 7323 4.3 (3)")
def timestamp_of_late_segment(peer):
    """Out of order: the echo stays that of the segment that moved the left edge last."""
    conn = peer.open(timestamps=True)
    conn.write(b"first")
    conn.expect_ack()
    first = conn.tsval
    conn.send("PA", b"later", seq=plus(conn.snd_nxt, 5))
    equal("echo", options_of(conn.expect("duplicate ACK")[TCP])["Timestamp"][1], first)
    conn.write(b"fills")
    conn.snd_nxt = plus(conn.snd_nxt, 5)
    equal("echo", options_of(conn.expect_ack()[TCP])["Timestamp"][1], conn.tsval)


@case("RFC 7323 5.3, R1")
def paws(peer):
    """An old timestamp: acknowledged, not taken."""
    conn = peer.open(timestamps=True)
    conn.write(b"new")
    conn.expect_ack()
    conn.send("PA", b"old", options=conn.stamp(500))
    conn.expect("ACK of an old segment", "A", ack=conn.snd_nxt)
    conn.alive("after PAWS")


@case("RFC 7323 5.2 (RST is not subject to PAWS)")
def paws_reset(peer):
    conn = peer.open(timestamps=True)
    conn.write(b"new")
    conn.expect_ack()
    conn.send("R", options=conn.stamp(500))
    conn.gone("after a RST with an old timestamp")


@case("RFC 7323 5.2 (comparison modulo 2^32)")
def timestamp_wraps(peer):
    conn = Connection(peer)
    conn.tsval = 0xfffffff0
    conn.open(timestamps=True)
    conn.tsval = 5
    conn.write(b"after the wrap")
    equal("echo", options_of(conn.expect_ack()[TCP])["Timestamp"][1], 6)


@case("RFC 2018 2")
def sack_not_offered(peer):
    conn = peer.half_open(sack=False)
    check("SAckOK" not in options_of(conn.synack), "SACK permitted without having been asked")


@case("RFC 2018 2")
def sack_offered(peer):
    conn = peer.half_open()
    check("SAckOK" in options_of(conn.synack), "SACK is not permitted")


@case("RFC 9293 3.8.5, MUST-31")
def urgent(peer):
    """Urgent data are data."""
    conn = peer.open()
    conn.write(b"urgent!", flags="PAU", urgptr=3)
    conn.expect_ack()
    conn.send("U", urgptr=0xffff)
    conn.write(b"more", flags="UA", urgptr=0xffff)
    conn.expect_ack()
    conn.alive("after urgent data")
