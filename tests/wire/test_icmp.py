"""ICMP: echo, path MTU discovery, and errors that are believed or not."""
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                                ICMPv6PacketTooBig, IPv6)
from scapy.packet import Raw

from cases import case
from lab import check, equal
from wire import RTMP, minus, payload, plus

OWED = 3073
ROUTER = {False: "198.18.0.30", True: "fd00:198:18::30"}


def outstanding(peer, **options):
    """A connection with all of S0, S1 and S2 in flight; the largest packet of it."""
    conn = peer.open(port=RTMP, **options)
    conn.write(b"\x03" + bytes(999))
    conn.write(bytes(537))
    frames = [f for f in peer.answers() if f[TCP].dport == conn.sport and payload(f[TCP])]
    check(frames, "no answer to C0 and C1")
    return conn, max(frames, key=lambda f: len(payload(f[TCP])))


def ip_of(peer, frame):
    return frame[IPv6] if peer.v6 else frame[IP]


def size(peer, frame):
    ip = ip_of(peer, frame)
    return ip.plen + 40 if peer.v6 else ip.len


def too_big(peer, frame, mtu, seq=None, chksum=None, quote=None):
    """A router says that a packet of ours was too big."""
    inner = bytes(ip_of(peer, frame))
    if seq is not None:
        headers = 40 if peer.v6 else 20
        inner = (inner[:headers + 4] + (seq & 0xffffffff).to_bytes(4, "big") + inner[headers + 8:])
    inner = inner[:quote or (512 if peer.v6 else 28)]
    extra = {} if chksum is None else {"cksum" if peer.v6 else "chksum": chksum}
    message = (ICMPv6PacketTooBig(mtu=mtu, **extra) if peer.v6
               else ICMP(type=3, code=4, nexthopmtu=mtu, **extra))
    peer.send(message / Raw(inner), src=ROUTER[peer.v6])


def after(conn, what):
    """Size of the next packet that carries the first byte in flight; asked for by reporting what is
    behind it, because a timeout takes a second."""
    for last in (2300, 2600, OWED):
        conn.send(options=[("NOP", None), ("NOP", None),
                           ("SAck", (plus(conn.rcv_nxt, 1460), plus(conn.rcv_nxt, last)))])
    frame = conn.expect(what, wanted=lambda t: payload(t) and t.seq == conn.rcv_nxt)
    return size(conn.peer, frame)


@case("RFC 1122 3.2.2.6; RFC 4443 4.2")
def echo(peer):
    data = bytes(range(256)) * 5
    if peer.v6:
        peer.send(ICMPv6EchoRequest(id=5, seq=6, data=data))
        frame = peer.packet(lambda f: ICMPv6EchoReply in f)
        equal("data", bytes(frame[ICMPv6EchoReply].data)[:len(data)], data)
    else:
        peer.send(ICMP(type=8, id=5, seq=6) / data)
        frame = peer.packet(lambda f: ICMP in f and f[ICMP].type == 0)
        equal("data", bytes(frame[ICMP].payload)[:len(data)], data)


@case("RFC 1191 6.3; RFC 8201 5.2")
def path_mtu(peer):
    """What was too big is sent again, and no larger than the router said."""
    mtu = 1400 if peer.v6 else 1000
    conn, frame = outstanding(peer)
    too_big(peer, frame, mtu, seq=conn.rcv_nxt)
    again = conn.expect("packets after a router's word",
                        wanted=lambda t: payload(t) and t.seq == conn.rcv_nxt)
    check(size(peer, again) <= mtu, "larger than the path")
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 5927 4.1 (the sequence number quoted has to be in flight)")
def path_mtu_forged(peer):
    mtu = 1300 if peer.v6 else 700
    conn, frame = outstanding(peer)
    for seq in (plus(conn.rcv_nxt, -1000), plus(conn.rcv_nxt, OWED + 1000),
                plus(conn.rcv_nxt, 1 << 30)):
        too_big(peer, frame, mtu, seq=seq)
    peer.answers()
    check(after(conn, "retransmission") > mtu, "a forged size is believed")


@case("RFC 1191 7.3; RFC 8201 4 (no path is so narrow)")
def path_mtu_too_small(peer):
    """Below the least MTU of the protocol."""
    conn, frame = outstanding(peer)
    too_big(peer, frame, 100 if peer.v6 else 20, seq=conn.rcv_nxt)
    check(after(conn, "packets after a tiny size") >= (1280 if peer.v6 else 68 + 40), "tiny packets")


@case("RFC 8201 4 (a size that is not smaller)")
def path_mtu_larger(peer):
    conn, frame = outstanding(peer)
    for mtu in (1500, 9000, 65535):
        too_big(peer, frame, mtu, seq=conn.rcv_nxt)
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 792; RFC 4443 2.3 (checksum)")
def path_mtu_checksum(peer):
    conn, frame = outstanding(peer)
    too_big(peer, frame, 1280 if peer.v6 else 600, seq=conn.rcv_nxt, chksum=0x1111)
    peer.answers()
    check(after(conn, "retransmission") > 1280, "a damaged message is believed")


@case("RFC 5927 4 (an error about somebody else's connection)")
def path_mtu_other_port(peer):
    conn, frame = outstanding(peer)
    copy = frame.copy()
    copy[TCP].dport = conn.sport + 1
    too_big(peer, copy, 1280 if peer.v6 else 600, seq=conn.rcv_nxt)
    peer.answers()
    check(after(conn, "retransmission") > 1280, "an error about another connection is believed")


def unreachable(peer, conn, code, kind=3, seq=None):
    """About the segment of ours that is oldest in flight."""
    inner = peer.ip(src=peer.stack, dst=peer.address) / TCP(
        sport=conn.dport, dport=conn.sport, seq=conn.rcv_nxt if seq is None else seq, flags="A")
    inner = Raw(bytes(inner)[:60 if peer.v6 else 28])
    message = ICMPv6DestUnreach(code=code) if peer.v6 else ICMP(type=kind, code=code)
    peer.send(message / inner, src=ROUTER[peer.v6])


@case("RFC 1122 4.2.3.9; RFC 5927 5.2 (hard errors are soft once established)")
def unreachable_established(peer):
    conn, _ = outstanding(peer)
    for code in (range(7) if peer.v6 else (0, 1, 2, 3, 5, 9, 10, 13)):
        unreachable(peer, conn, code)
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)
    conn.alive("after unreachable")


@case("RFC 6633 (source quench)", ("v4",))
def source_quench(peer):
    conn, _ = outstanding(peer)
    unreachable(peer, conn, 0, kind=4)
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 1122 3.2.2.2 (redirects are not for TCP)", ("v4",))
def redirect(peer):
    conn, frame = outstanding(peer)
    peer.send(ICMP(type=5, code=1, gw="198.18.0.99") / Raw(bytes(frame[IP])[:28]),
              src=ROUTER[False])
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)


@case("RFC 5927 4 (errors that are cut short)")
def truncated(peer):
    """Quotes of any length: nothing is read beyond the end."""
    conn, frame = outstanding(peer)
    for length in (1, 8, 19, 20, 24, 27, 39, 40, 44, 47):
        too_big(peer, frame, 1280 if peer.v6 else 600, quote=length)
    peer.answers()
    equal("answer", len(conn.read(OWED)), OWED)
    check(minus(conn.rcv_nxt, conn.synack.seq) == OWED + 1, "bytes are missing")
