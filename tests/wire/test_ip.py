"""Below TCP: packets that are not what they say."""
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                PadN)
from scapy.layers.l2 import Ether

from cases import case
from lab import check, equal
from wire import OUR_MAC, Connection


def syn(peer, **tcp):
    """A SYN that is right, and its connection."""
    conn = Connection(peer)
    return conn, conn.segment("S", options=[("MSS", 1460)], **tcp)


@case("RFC 894 (padding is not payload)")
def padding(peer):
    conn = peer.open()
    frame = bytes(peer.ether() / peer.ip() / conn.segment("PA", b"x"))
    peer.wire.send(frame + b"\xff" * 40)
    conn.snd_nxt += 1
    conn.expect_ack()


@case("RFC 1122 3.2.1.2", ("v4",))
def header_checksum(peer):
    _, segment = syn(peer)
    peer.send(segment, chksum=0x1234)
    peer.silence("a wrong header checksum")


@case("RFC 1122 3.2.1.1", ("v4",))
def version(peer):
    _, segment = syn(peer)
    peer.send(segment, version=5)
    peer.silence("IP version 5")


@case("RFC 9293 3.1; RFC 791 3.1")
def lengths(peer):
    """Longer than the frame, shorter than its headers."""
    _, segment = syn(peer)
    total = len(bytes(peer.ip() / segment))
    for wrong in (total + 1, 65535, total - 25, 39, 20, 0):
        peer.send(segment, **({"plen": max(wrong - 40, 0)} if peer.v6 else {"len": wrong}))
    peer.silence("a wrong length")


@case("RFC 791 3.1", ("v4",))
def header_length(peer):
    for ihl in (0, 4, 15):
        _, segment = syn(peer)
        peer.send(segment, ihl=ihl)
    peer.silence("a wrong header length")


@case("RFC 9293 3.1 (data offset)")
def data_offset(peer):
    for offset in (0, 4, 15):
        _, segment = syn(peer, dataofs=offset)
        peer.send(segment)
    peer.silence("a wrong data offset")


@case("RFC 9293 3.1 (a header that is cut off)")
def truncated(peer):
    _, segment = syn(peer)
    whole = bytes(peer.ip() / segment)
    headers = 40 if peer.v6 else 20
    for keep in (0, 1, 4, 12, 19):
        ip = peer.ip(**({"plen": keep, "nh": 6} if peer.v6 else {"len": 20 + keep, "proto": 6}))
        peer.wire.send(peer.ether() / bytes(ip)[:headers] / whole[headers:headers + keep])
    peer.silence("a TCP header that is cut off")


@case("RFC 791 3.1 (options are skipped)", ("v4",))
def ip_options(peer):
    conn, segment = syn(peer)
    whole = bytes(IP(src=peer.address, dst=peer.stack, flags="DF", ihl=6,
                     len=24 + len(segment), proto=6, options=[]))
    header = bytearray(whole[:20] + b"\x01\x01\x01\x00")
    header[10:12] = b"\0\0"
    total = sum(int.from_bytes(header[i:i + 2], "big") for i in range(0, 24, 2))
    total = (total & 0xffff) + (total >> 16)
    header[10:12] = (~(total + (total >> 16)) & 0xffff).to_bytes(2, "big")
    tcp = bytes(peer.ip() / segment)[20:]  # its checksum knows nothing of options
    peer.wire.send(bytes(peer.ether()) + bytes(header) + tcp)
    conn.snd_nxt += 1
    conn.take_synack()


@case("RFC 8200 4 (extension headers are skipped)", ("v6",))
def extension_headers(peer):
    conn, segment = syn(peer)
    peer.wire.send(peer.ether() / peer.ip() / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0")])
                   / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 10)]) / segment)
    conn.snd_nxt += 1
    conn.take_synack()


@case("RFC 8200 4.1 (chains that lead nowhere)", ("v6",))
def extension_nonsense(peer):
    for depth in (20, 100):
        _, segment = syn(peer)
        packet = peer.ether() / peer.ip()
        for _ in range(depth):
            packet = packet / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0")])
        peer.wire.send(packet / segment)
    _, segment = syn(peer)
    peer.wire.send(peer.ether() / peer.ip() / IPv6ExtHdrDestOpt(len=255) / segment)
    peer.silence("a chain of extension headers that leads nowhere")


@case("fragments are refused (README, tcpstack)")
def fragments(peer):
    _, segment = syn(peer)
    if peer.v6:
        peer.wire.send(peer.ether() / peer.ip() / IPv6ExtHdrFragment(m=1, offset=0, id=7) / segment)
        peer.wire.send(peer.ether() / peer.ip() / IPv6ExtHdrFragment(m=0, offset=3, id=7) / segment)
    else:
        peer.send(segment, flags="MF", frag=0)
        peer.send(segment, flags=0, frag=3)
    peer.silence("a fragment")


BAD_SOURCES = {
    "v4": ("198.18.0.2", "0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    "v6": ("fd00:198:18::2", "::", "::1", "ff02::1", "::ffff:198.18.0.9"),
}


@case("RFC 1122 3.2.1.3; RFC 9293 3.9.2.3, MUST-63 (and LAND)")
def bad_source(peer):
    conn = Connection(peer)
    layer = IPv6 if peer.v6 else IP
    seen = []
    for source in BAD_SOURCES["v6" if peer.v6 else "v4"]:
        conn.peer.send(conn.segment("S", options=[]), src=source)
        land = conn.segment("S", options=[])
        land.sport = land.dport
        conn.peer.send(land, src=source)
    is_reply = peer.echo()
    while True:
        frame = peer.wire.receive_one(lambda f: layer in f and (TCP in f or is_reply(f)))
        check(frame is not None, "the stack does not answer an echo request")
        if TCP not in frame:
            break
        seen.append(frame.summary())
    check(not seen, f"answers a source that cannot be a peer: {seen}")
    peer.open().alive("after sources that cannot be")


@case("RFC 1122 3.2.1.3 (not ours)")
def not_ours(peer):
    for destination in (("fd00:198:18::999", "ff02::1") if peer.v6
                        else ("198.18.0.250", "198.18.0.255", "224.0.0.1", "255.255.255.255")):
        _, segment = syn(peer)
        peer.send(segment, dst=destination)
    peer.silence("a SYN for somebody else")


@case("RFC 9293 3.1 (port 0)")
def port_zero(peer):
    conn = Connection(peer)
    conn.sport = 0
    conn.send("S", options=[])
    peer.silence("a SYN from port 0")


@case("RFC 1122 3.2.1.7; RFC 8200 3 (hop limit of what we send)")
def hop_limit(peer):
    conn = Connection(peer)
    conn.send("S", ip={"hlim": 1} if peer.v6 else {"ttl": 1}, options=[])
    conn.snd_nxt += 1
    frame = conn.expect("SYN-ACK", "SA")
    check((frame[IPv6].hlim if peer.v6 else frame[IP].ttl) >= 64, "a hop limit below 64")


@case("RFC 1191 3; RFC 6864 4.1 (DF)", ("v4",))
def dont_fragment(peer):
    conn = Connection(peer)
    conn.send("S", options=[])
    frame = conn.expect("SYN-ACK", "SA")
    equal("flags", str(frame[IP].flags), "DF")


@case("RFC 1122 3.3.6 (a link-layer broadcast)")
def link_broadcast(peer):
    _, segment = syn(peer)
    peer.wire.send(Ether(src=OUR_MAC, dst="ff:ff:ff:ff:ff:ff",
                         type=0x86dd if peer.v6 else 0x0800) / peer.ip() / segment)
    peer.silence("a SYN to everybody on the link")


@case("IEEE 802.3 (frames for somebody else)")
def other_mac(peer):
    _, segment = syn(peer)
    peer.wire.send(Ether(src=OUR_MAC, dst="02:00:00:00:00:99",
                         type=0x86dd if peer.v6 else 0x0800) / peer.ip() / segment)
    peer.silence("a frame for somebody else")
