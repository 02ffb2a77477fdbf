"""Opening: the three-way handshake, and what is not one."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import CLOSED, Connection, checksum_holds, minus, options_of, plus


@case("RFC 9293 3.5")
def handshake(peer):
    conn = peer.open()
    equal("acknowledgement of the SYN", conn.synack.ack, plus(conn.iss, 1))
    conn.alive("after the handshake")


@case("RFC 9293 3.7.1, SHLD-5")
def synack_offers_mss(peer):
    conn = peer.half_open()
    equal("MSS", options_of(conn.synack).get("MSS"), peer.mtu - peer.headers)


@case("RFC 9293 3.1, MUST-2")
def checksum_of_ours(peer):
    conn = Connection(peer)
    conn.send("S", options=[("MSS", 1460)])
    conn.snd_nxt = plus(conn.iss, 1)
    frame = conn.expect("SYN-ACK", "SA")
    check(checksum_holds(frame), "the checksum of the SYN-ACK is wrong")
    stray = Connection(peer, port=CLOSED)
    stray.send("A", ack=5)
    check(checksum_holds(stray.expect("RST", "R")), "the checksum of the RST is wrong")


@case("RFC 9293 3.1, MUST-3")
def checksum_of_syn(peer):
    conn = Connection(peer)
    conn.send("S", options=[("MSS", 1460)], chksum=0x1234)
    peer.silence("a SYN with a wrong checksum")
    conn.send("S", options=[("MSS", 1460)], chksum=0)
    peer.silence("a SYN without a checksum")


@case("RFC 9293 3.1, MUST-3")
def checksum_of_data(peer):
    conn = peer.open()
    conn.send("PA", b"damaged", chksum=0x1234)
    peer.silence("data with a wrong checksum")
    conn.alive("after data with a wrong checksum")


@case("RFC 9293 3.1 (reserved bits)")
def reserved_bits(peer):
    conn = Connection(peer)
    conn.send("S", options=[("MSS", 1460)], reserved=7)
    conn.snd_nxt = plus(conn.iss, 1)
    synack = conn.take_synack()
    equal("reserved bits of the SYN-ACK", int(synack.reserved) & 6, 0)
    conn.send(reserved=6)
    conn.write(b"data", reserved=6)
    equal("reserved bits of the ACK", int(conn.expect_ack()[TCP].reserved) & 6, 0)


@case("RFC 9293 3.10.7.2")
def syn_with_data(peer):
    """Data of a SYN may be taken or left: what was not acknowledged is sent again."""
    conn = Connection(peer)
    synack = conn.syn(payload=b"early")
    check(0 <= minus(synack.ack, plus(conn.iss, 1)) <= 5, f"acknowledges {synack.ack}")
    conn.snd_nxt = plus(conn.iss, 1)
    conn.send()
    conn.write(b"early")
    conn.expect_ack()
    conn.alive("after a SYN with data")


@case("RFC 9293 3.10.7.4 (data with the ACK of the SYN)")
def data_with_ack(peer):
    conn = peer.half_open()
    conn.write(b"at once")
    conn.expect_ack()


@case("RFC 9293 3.5, 3.8.1")
def lost_ack(peer):
    """The ACK that ends the handshake is lost; data come first."""
    conn = peer.half_open()
    conn.write(b"x" * 1000)
    conn.expect_ack()
    conn.alive("after a lost ACK")


@case("RFC 9293 3.8.1")
def syn_again(peer):
    """The SYN-ACK was lost: the same SYN gets the same answer."""
    conn = peer.half_open()
    first = conn.synack
    conn.snd_nxt = conn.iss
    second = conn.syn()
    equal("sequence number of the second SYN-ACK", second.seq, first.seq)
    conn.send()
    conn.alive("after a second SYN")


@case("RFC 9293 3.8.1")
def synack_again(peer):
    conn = peer.half_open()
    again = conn.expect("second SYN-ACK", "SA", seq=conn.synack.seq, ack=conn.synack.ack)
    equal("options of the second SYN-ACK", [kind for kind, _ in again[TCP].options],
          [kind for kind, _ in conn.synack.options])


@case("RFC 9293 3.10.7.1")
def closed_port_syn(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("S")
    conn.expect("RST", "RA", seq=0, ack=plus(conn.iss, 1))


@case("RFC 9293 3.10.7.1")
def closed_port_syn_with_data(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("S", b"12345")
    conn.expect("RST", "RA", seq=0, ack=plus(conn.iss, 6))


@case("RFC 9293 3.10.7.1")
def closed_port_fin(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("F")
    conn.expect("RST", "RA", seq=0, ack=plus(conn.iss, 1))


@case("RFC 9293 3.10.7.1")
def closed_port_ack(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("A", ack=0x55667788)
    conn.expect("RST", "R", seq=0x55667788)


@case("RFC 9293 3.10.7.1")
def closed_port_synack(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("SA", ack=0x55667788)
    conn.expect("RST", "R", seq=0x55667788)


@case("RFC 9293 3.10.7.1")
def closed_port_reset(peer):
    conn = Connection(peer, port=CLOSED)
    conn.send("R")
    conn.send("RA", ack=77)
    peer.silence("a RST to a closed port")


@case("RFC 9293 3.10.7.2, first")
def listen_reset(peer):
    conn = Connection(peer)
    conn.send("R")
    conn.send("SR")
    peer.silence("a RST to a listener")


@case("RFC 9293 3.10.7.2, second")
def listen_ack(peer):
    conn = Connection(peer)
    conn.send("A", ack=0x01020304)
    conn.expect("RST", "R", seq=0x01020304)
    conn.send("SA", ack=0x01020305)
    conn.expect("RST", "R", seq=0x01020305)


@case("RFC 9293 3.10.7.2, fourth")
def listen_nothing(peer):
    conn = Connection(peer)
    conn.send("")
    conn.send("P", b"data")
    conn.send("F")
    peer.silence("a segment without SYN, ACK and RST to a listener")


@case("RFC 9293 3.10.7.4, SYN-RECEIVED")
def received_bad_ack(peer):
    conn = peer.half_open()
    conn.send("A", ack=plus(conn.rcv_nxt, 1000))
    conn.expect("RST for a wrong ACK", "R", seq=plus(conn.rcv_nxt, 1000))
    conn.send("A", ack=conn.rcv_nxt - 1)
    conn.expect("RST for an old ACK", "R", seq=plus(conn.rcv_nxt, -1))


@case("RFC 9293 3.10.7.4, SYN-RECEIVED")
def received_reset(peer):
    conn = peer.half_open()
    conn.send("R")
    conn.gone("after a RST in SYN-RECEIVED")


@case("RFC 9293 3.10.7.4, SYN-RECEIVED")
def received_no_ack(peer):
    """Without ACK nothing is taken, and nothing breaks."""
    conn = peer.half_open()
    conn.send("P", b"data")
    conn.peer.answers()
    conn.send()
    conn.alive("after data without ACK")


@case("RFC 5961 4.2, in SYN-RECEIVED")
def received_other_syn(peer):
    """Another SYN does not take the place of the first one."""
    conn = peer.half_open()
    conn.send("S", seq=plus(conn.iss, 5000))
    conn.peer.answers()
    conn.send()
    conn.alive("after another SYN")


@case("RFC 6528 3")
def initial_numbers(peer):
    """They differ by connection, and of one four-tuple the later one is ahead."""
    conns = [peer.half_open() for _ in range(8)]
    numbers = {conn.synack.seq for conn in conns}
    equal("different numbers", len(numbers), 8)
    gaps = {minus(b.synack.seq, a.synack.seq) for a, b in zip(conns, conns[1:])}
    check(len(gaps) == 7 and all(abs(gap) > 1000 for gap in gaps), f"regular steps: {gaps}")
    again = Connection(peer)
    again.sport = conns[0].sport
    conns[0].reset()
    again.syn()
    ahead = minus(again.synack.seq, conns[0].synack.seq)
    check(0 <= ahead < 1 << 24, f"the number of the same four-tuple moved by {ahead}")


@case("RFC 9293 3.4 (modulo 2^32)")
def numbers_wrap(peer):
    conn = peer.open(iss=0xfffffff0)
    conn.write(b"x" * 100)
    conn.expect_ack(84 + 1)
    conn.alive("after the sequence numbers wrapped")


@case("RFC 9293 3.10.7.1")
def after_reset(peer):
    """A four-tuple is free again after a reset."""
    conn = peer.open()
    conn.send("R")
    conn.gone("after a RST")
    again = Connection(peer)
    again.sport = conn.sport
    again.open()
    again.alive("in the second connection")
