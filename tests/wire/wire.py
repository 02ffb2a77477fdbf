"""The far end of the wire: frames made by hand, from addresses that no kernel has.

A Wire is a raw socket on the encoders' end of the veth, beside which the dataplane sits. A Peer is one
address on it, a Connection one four-tuple with the sequence numbers that both sides have reached.

Nothing is waited for that does not come: the stack takes packets in order, so silence is proved by two
echo requests behind the probe whose replies come back without an answer to it (Peer.silence).
"""
import contextlib
import itertools
import select
import socket
import struct
import time

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Ether

from lab import ADDRESS4, ADDRESS6, Failure, check

DISCARD, RTMP, CLOSED = 5001, 1935, 5999
OUR_MAC = "02:00:00:00:00:77"
PACKET_IGNORE_OUTGOING = 23
SOL_PACKET = 263
WAIT = 2.0  # only a failure waits so long

# Flags as scapy calls them.
SYN, ACK, FIN, RST, PSH, URG, ECE, CWR = "S", "A", "F", "R", "P", "U", "E", "C"
_hosts = itertools.cycle(range(32, 240))
_ports = itertools.count(20000)


def plus(seq, n):
    return (seq + n) & 0xffffffff


def minus(a, b):
    """a - b of sequence numbers, signed."""
    d = (a - b) & 0xffffffff
    return d - (1 << 32) if d >= 1 << 31 else d


class Wire:
    def __init__(self, lab, interface):
        with lab.namespace(lab.encoders):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.bind((interface, 0))
        self.mac = "ff:ff:ff:ff:ff:ff"
        self.mac = self.resolve()

    def close(self):
        self.sock.close()

    def resolve(self):
        """The stack's link-layer address."""
        self.send(Ether(src=OUR_MAC, dst=self.mac) / ARP(
            op="who-has", hwsrc=OUR_MAC, psrc="198.18.0.31", pdst=ADDRESS4))
        frame = self.receive_one(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == ADDRESS4)
        check(frame is not None, "nobody answers ARP for the stack's address")
        return frame[ARP].hwsrc

    def send(self, frame):
        self.sock.send(bytes(frame))

    def receive(self, end):
        """The next frame that is not a question about our addresses; None when the time is over."""
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return None
            frame = Ether(self.sock.recv(65536))
            if not self.answer(frame):
                return frame

    def receive_one(self, wanted):
        end = time.monotonic() + WAIT
        while True:
            frame = self.receive(end)
            if frame is None or wanted(frame):
                return frame

    def answer(self, frame):
        """ARP and neighbour solicitations for any address of ours."""
        if ARP in frame and frame[ARP].op == 1 and is_ours(frame[ARP].pdst):
            arp = frame[ARP]
            self.send(Ether(src=OUR_MAC, dst=frame.src) / ARP(
                op="is-at", hwsrc=OUR_MAC, psrc=arp.pdst, hwdst=arp.hwsrc, pdst=arp.psrc))
            return True
        if ICMPv6ND_NS in frame and is_ours(frame[ICMPv6ND_NS].tgt):
            target = frame[ICMPv6ND_NS].tgt
            self.send(Ether(src=OUR_MAC, dst=frame.src)
                      / IPv6(src=target, dst=frame[IPv6].src, hlim=255)
                      / ICMPv6ND_NA(tgt=target, R=0, S=1, O=1)
                      / ICMPv6NDOptDstLLAddr(lladdr=OUR_MAC))
            return True
        return False


def is_ours(address):
    last = address.rsplit("." if "." in address else ":", 1)[1]
    return (address.startswith(("198.18.0.", "fd00:198:18::"))
            and last not in ("1", "2", ""))


class Peer:
    """One address, in one family, that talks to the stack."""

    def __init__(self, wire, family):
        host = next(_hosts)
        self.wire = wire
        self.v6 = family == "v6"
        self.address = f"fd00:198:18::{host}" if self.v6 else f"198.18.0.{host}"
        self.stack = ADDRESS6 if self.v6 else ADDRESS4
        self.mtu = 1500
        self.headers = 60 if self.v6 else 40
        self.connections = []
        self.pings = itertools.count(1)
        if self.v6:
            self.greet()

    def greet(self):
        """So that the stack need not ask for us in the middle of a probe."""
        self.wire.send(self.ether() / IPv6(src=self.address, dst=self.stack, hlim=255)
                       / ICMPv6ND_NS(tgt=self.stack) / ICMPv6NDOptSrcLLAddr(lladdr=OUR_MAC))

    def ether(self):
        return Ether(src=OUR_MAC, dst=self.wire.mac, type=0x86dd if self.v6 else 0x0800)

    def ip(self, **fields):
        fields = {"src": self.address, "dst": self.stack, **fields}
        return IPv6(**fields) if self.v6 else IP(**{"flags": "DF", **fields})

    def send(self, transport, **ip):
        self.wire.send(self.ether() / self.ip(**ip) / transport)

    def mine(self, frame):
        layer = IPv6 if self.v6 else IP
        return layer in frame and frame[layer].dst == self.address

    def packet(self, wanted, end=None):
        """The next IP packet to us that `wanted` takes; others are left out."""
        end = end or time.monotonic() + WAIT
        while True:
            frame = self.wire.receive(end)
            if frame is None:
                return None
            if self.mine(frame) and wanted(frame):
                return frame

    def echo(self):
        """An echo request on its way, and what recognizes its reply."""
        number = next(self.pings)
        if self.v6:
            self.send(ICMPv6EchoRequest(id=77, seq=number))
            return lambda f: ICMPv6EchoReply in f and f[ICMPv6EchoReply].seq == number
        self.send(ICMP(type=8, id=77, seq=number))
        return lambda f: ICMP in f and f[ICMP].type == 0 and f[ICMP].seq == number

    def answers(self):
        """TCP packets that come before two echo requests, one after the other, are answered."""
        got = []
        for _ in range(2):
            is_reply = self.echo()
            while True:
                frame = self.packet(lambda f: TCP in f or is_reply(f))
                check(frame is not None, "the stack does not answer an echo request")
                if is_reply(frame):
                    break
                got.append(frame)
        for conn in self.connections:
            conn.unread += [f for f in got if conn.matches(f) and payload(f[TCP])]
        return got

    def silence(self, why):
        got = self.answers()
        check(not got, f"{why}, but the stack answered {got[0][TCP].summary() if got else ''}")

    def open(self, **options):
        """A connection, established; see Connection.open()."""
        conn = Connection(self, port=options.pop("port", DISCARD), iss=options.pop("iss", None))
        conn.open(**options)
        return conn

    def half_open(self, **options):
        conn = Connection(self, port=options.pop("port", DISCARD), iss=options.pop("iss", None))
        conn.syn(**options)
        return conn

    def end(self):
        for conn in self.connections:
            conn.reset()


class Connection:
    def __init__(self, peer, port=DISCARD, iss=None):
        self.peer = peer
        self.sport, self.dport = next(_ports), port
        self.iss = 0x10203040 if iss is None else iss
        self.snd_nxt = self.iss
        self.rcv_nxt = 0
        self.timestamps = False
        self.wscale = 0      # that the stack offered
        self.tsval = 1000
        self.tsecr = 0
        self.synack = None
        self.over = False
        self.unread = []     # segments with data that answers() has seen
        peer.connections.append(self)

    # Sending

    def segment(self, flags="A", payload=b"", seq=None, ack=None, window=65535, options=None, **tcp):
        if options is None:
            options = self.stamp() if self.timestamps else []
        if ack is None:
            ack = self.rcv_nxt if "A" in flags else 0
        return TCP(sport=self.sport, dport=self.dport, flags=flags,
                   seq=self.snd_nxt if seq is None else seq & 0xffffffff, ack=ack & 0xffffffff,
                   window=window, options=options, **tcp) / payload

    def stamp(self, tsval=None):
        if tsval is None:
            self.tsval += 1
            tsval = self.tsval
        return [("NOP", None), ("NOP", None), ("Timestamp", (tsval, self.tsecr))]

    def send(self, flags="A", payload=b"", ip=None, **fields):
        """One segment; sequence numbers stay where they are."""
        self.peer.send(self.segment(flags, payload, **fields), **(ip or {}))

    def write(self, payload, flags="PA", **fields):
        """In order: what is sent counts."""
        self.send(flags, payload, **fields)
        self.snd_nxt = plus(self.snd_nxt, len(payload) + ("F" in flags))

    def write_all(self, payload, mss=1000):
        for at in range(0, len(payload), mss):
            self.write(payload[at:at + mss])

    # Receiving

    def matches(self, frame):
        return (TCP in frame and frame[TCP].dport == self.sport
                and frame[TCP].sport == self.dport)

    def expect(self, what, flags=None, wanted=None, **fields):
        """The next segment of this connection that `wanted` takes, with exactly these flags and
        fields."""
        frame = self.peer.packet(lambda f: self.matches(f) and (wanted is None or wanted(f[TCP])))
        check(frame is not None, f"{what}: nothing came")
        tcp = frame[TCP]
        if flags is not None:
            check(set(str(tcp.flags)) == set(flags),
                  f"{what}: flags {tcp.flags}, expected {flags}: {tcp.summary()}")
        for name, value in fields.items():
            got = getattr(tcp, name)
            check(got == value, f"{what}: {name} {got}, expected {value}")
        if "Timestamp" in dict(tcp.options):
            self.tsecr = dict(tcp.options)["Timestamp"][0]
        return frame

    def expect_ack(self, ack=None, what="acknowledgement"):
        """An ACK of just so much: of all that was written, if not said."""
        ack = self.snd_nxt if ack is None else ack & 0xffffffff
        frame = self.expect(what, wanted=lambda t: t.ack == ack or minus(t.ack, ack) > 0)
        check(frame[TCP].ack == ack, f"{what}: {frame[TCP].ack - self.iss} after the ISS, "
              f"expected {minus(ack, self.iss)}")
        return frame

    def read(self, count, window=65535):
        """`count` bytes of payload in order, acknowledged as they come."""
        got = b""

        def is_next(tcp):
            """It may begin before what is missing: a retransmission of another size does."""
            skip = minus(self.rcv_nxt, tcp.seq)
            return 0 <= skip < len(payload(tcp))
        while len(got) < count:
            unread = [f for f in self.unread if is_next(f[TCP])]
            frame = unread[0] if unread else self.expect(
                f"{count} bytes, {len(got)} came", wanted=is_next)
            data = payload(frame[TCP])[minus(self.rcv_nxt, frame[TCP].seq):]
            got += data
            self.rcv_nxt = plus(self.rcv_nxt, len(data))
            self.send(window=window)
        self.unread.clear()
        return got

    def alive(self, why):
        """Data in order are still acknowledged."""
        with contextlib.suppress(Failure):
            self.peer.answers()
        self.write(b"alive")
        frame = self.expect(f"{why}: acknowledgement of new data",
                            wanted=lambda t: t.ack == self.snd_nxt or "R" in str(t.flags))
        check("R" not in str(frame[TCP].flags), f"{why}, but the connection was reset")

    def gone(self, why):
        """What belongs to no connection is answered with RST (RFC 9293 3.10.7.1)."""
        self.peer.answers()
        self.send("A")
        frame = self.expect(f"{why}: RST from where the connection was")
        check("R" in str(frame[TCP].flags), f"{why}, but the connection is there: "
              f"{frame[TCP].summary()}")
        self.over = True

    # Opening and ending

    def syn(self, options=None, flags="S", payload=b"", mss=1460, sack=True, wscale=7,
            timestamps=False, window=65535):
        """SYN, and the SYN-ACK it gets."""
        if options is None:
            options = [("MSS", mss)] if mss else []
            options += [("SAckOK", b"")] if sack else []
            options += [("Timestamp", (self.tsval, 0))] if timestamps else []
            options += [("NOP", None), ("WScale", wscale)] if wscale is not None else []
        self.send(flags, payload, options=options, window=window)
        self.snd_nxt = plus(self.iss, 1)
        return self.take_synack()

    def take_synack(self):
        self.synack = self.expect("SYN-ACK",
                                  wanted=lambda t: set("SA") <= set(str(t.flags)))[TCP]
        check(self.synack.ack == plus(self.iss, 1) or self.synack.ack > plus(self.iss, 1),
              "the SYN-ACK does not acknowledge the SYN")
        self.rcv_nxt = plus(self.synack.seq, 1)
        found = dict(self.synack.options)
        self.timestamps = "Timestamp" in found
        self.wscale = found.get("WScale", 0)
        return self.synack

    def open(self, **options):
        window = options.pop("ack_window", 65535)
        self.syn(**options)
        self.send(window=window)

    def reset(self):
        if not self.over:
            self.send("R", seq=self.snd_nxt)
            self.over = True

    # RTMP: the way to have the stack send

    def shake_hands(self, window=65535, ack=True):
        """C0 and C1: the stack owes S0, S1 and S2, 3,073 bytes. Returns them."""
        self.write_all(b"\x03" + struct.pack(">II", 0, 0) + bytes(range(256)) * 5 + bytes(248))
        return self.read(3073, window) if ack else b""

    def have_refused(self):
        """A publish that nobody may: the stack says so and closes first. Its FIN is not yet
        acknowledged; rcv_nxt stands behind it."""
        self.shake_hands()
        self.write_all(bytes(1536) + message(1, command("connect", 1, {"app": "nobody"})))
        self.write_all(message(1, command("createStream", 2, None)))
        self.write_all(message(1, command("publish", 0, None, "x", "live"), stream=1))
        while True:
            frame = self.expect("the end of a refused publish")
            tcp = frame[TCP]
            check("R" not in str(tcp.flags), "a refused publish was reset")
            if tcp.seq != self.rcv_nxt:
                continue
            self.rcv_nxt = plus(self.rcv_nxt, len(payload(tcp)))
            if "F" in str(tcp.flags):
                self.rcv_nxt = plus(self.rcv_nxt, 1)
                return frame
            if payload(tcp):
                self.send()


def payload(tcp):
    """Bytes of a segment; Ethernet's padding is not payload."""
    ip = tcp.underlayer
    total = ip.plen if isinstance(ip, IPv6) else ip.len - ip.ihl * 4
    return bytes(tcp.payload)[:total - tcp.dataofs * 4]


def options_of(tcp):
    return dict(tcp.options)


def sack_blocks(tcp):
    """[(left, right), ...] as they stand."""
    numbers = options_of(tcp).get("SAck", ())
    return [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]


def checksum_holds(frame):
    """As the frame came, recomputed."""
    tcp = frame[TCP]
    copy = frame.copy()
    # Without what Ethernet padded.
    layer = copy[IPv6] if IPv6 in copy else copy[IP]
    total = layer.plen + 40 if IPv6 in copy else layer.len
    packet = layer.__class__(bytes(layer)[:total])
    del packet[TCP].chksum
    return layer.__class__(bytes(packet))[TCP].chksum == tcp.chksum


# AMF0 and chunks, as much as a refused publish takes (RTMP 1.0 5.3, 7.2).

def amf(value):
    if value is None:
        return b"\x05"
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + struct.pack(">H", len(value)) + value.encode()
    pairs = b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items())
    return b"\x03" + pairs + b"\x00\x00\x09"


def command(name, transaction, *values):
    return b"".join(map(amf, (name, transaction, *values)))


def message(chunk_stream, body, stream=0):
    """A command message of less than one chunk."""
    check(len(body) <= 128, "a command of more than one chunk")
    return (bytes([3 if chunk_stream == 1 else chunk_stream]) + b"\0\0\0"
            + struct.pack(">I", len(body))[1:] + b"\x14" + struct.pack("<I", stream) + body)
