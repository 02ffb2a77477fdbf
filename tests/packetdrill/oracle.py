"""Judges a receiver by the RFCs, from a log of all its packets.

It keeps a map of the bytes that the peer sent, independently of the stack's own queue, and checks
every packet that the stack sends:

* the acknowledgement number is the first byte that is missing (RFC 9293 3.4), and never beyond;
* an ACK is sent at once for a segment that is out of order, fills a gap or is all duplicate
  (RFC 5681 4.2), and within half a second for others (RFC 9293 3.8.6.3);
* SACK blocks are whole ranges of the map, disjoint, each once; the first one that is not D-SACK
  holds the newest segment that is still above the acknowledgement (RFC 2018 4); no range is left
  out while there is room for it;
* a D-SACK block comes first, is a run of duplicate bytes of the segment that is answered, and is
  there when there were such bytes (RFC 2883 4);
* nothing beyond the window that was advertised is acknowledged.
"""

import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
NOW_US = 1000
DELAY_MAX_US = 500000


class Segment:
    def __init__(self, at_us, direction, raw):
        self.at_us, self.direction = at_us, direction
        if raw[0] >> 4 == 4:
            head, self.proto = (raw[0] & 15) * 4, raw[9]
        else:
            head, self.proto = 40, raw[6]
        if self.proto != 6:
            return
        tcp = raw[head:]
        (self.sport, self.dport, self.seq, self.ack, off, self.flags, self.wnd) = struct.unpack(
            ">HHIIBBH", tcp[:16])
        self.len = len(tcp) - (off >> 4) * 4
        self.sack, self.sack_ok, self.wscale, self.tsval = [], False, None, None
        self.parse_options(tcp[20:(off >> 4) * 4])

    def parse_options(self, area):
        while area and area[0] != 0:
            if area[0] == 1:
                area = area[1:]
                continue
            kind, length = area[0], area[1]
            body = area[2:length]
            if kind == 3:
                self.wscale = body[0]
            elif kind == 4:
                self.sack_ok = True
            elif kind == 5:
                for i in range(0, len(body), 8):
                    self.sack.append(struct.unpack(">II", body[i:i + 8]))
            elif kind == 8:
                self.tsval = body
            area = area[length:]

    def text(self, irs):
        name = "".join(c for c, f in zip("FSRP.", (FIN, SYN, RST, PSH, ACK)) if self.flags & f)
        sack = "".join(f" {a - irs & 0xffffffff}:{b - irs & 0xffffffff}" for a, b in self.sack)
        return f"{name} ack {self.ack - irs & 0xffffffff}{' sack' + sack if sack else ''}"


def merge(ranges):
    out = []
    for a, b in sorted(ranges):
        if out and a <= out[-1][1]:
            out[-1][1] = max(out[-1][1], b)
        else:
            out.append([a, b])
    return out


def overlap(ranges, a, b):
    return merge((max(a, x), min(b, y)) for x, y in ranges if x < b and y > a)


class Receiver:
    """One connection that the stack accepted. Numbers are relative to the peer's SYN."""

    def __init__(self):
        self.irs = None
        self.established = False
        self.sack_ok = self.timestamps = False
        self.peer_scale = self.our_scale = None
        self.have = []  # ranges, from 1
        self.order = []  # ranges of segments, newest last
        self.fin = None
        self.edge = 65536
        self.due = None  # (latest time, why, dup runs, segment)
        self.dead = False
        self.errors = []

    def rel(self, seq):
        value = (seq - self.irs) & 0xffffffff
        return value - (1 << 32) if value > 1 << 31 else value

    def next(self):
        first = 1
        if self.have and self.have[0][0] <= 1:
            first = self.have[0][1]
        return first + 1 if self.fin == first else first

    def fail(self, seg, text):
        self.errors.append(f"{seg.at_us % 1000000000 / 1e6:.6f}: {text}: {seg.text(self.irs)}")

    def handshake(self, seg):
        if seg.direction == "<" and seg.flags & SYN and self.irs is None:
            self.irs = seg.seq
            self.sack_ok, self.timestamps = seg.sack_ok, seg.tsval is not None
            self.peer_scale = seg.wscale
        elif seg.direction == ">" and seg.flags & (SYN | ACK) == SYN | ACK and self.irs is not None:
            self.sack_ok &= seg.sack_ok
            self.timestamps &= seg.tsval is not None
            self.our_scale = seg.wscale if self.peer_scale is not None else None
            self.edge = 1 + seg.wnd
            self.established = True

    def overdue(self, now_us):
        if self.due and now_us > self.due[0]:
            self.errors.append(f"{self.due[0] / 1e6 % 1000:.6f}: no ACK in time: {self.due[1]}")
            self.due = None

    def inbound(self, seg):
        if seg.flags & (RST | SYN):
            self.dead |= bool(seg.flags & RST)
            return
        before, a = self.next(), self.rel(seg.seq)
        b = min(a + seg.len, self.edge)
        if seg.len == 0 and not seg.flags & FIN:
            return
        dup = overlap(self.have, a, b)
        if a < 1 <= b:
            dup = merge(dup + [[a, 1]])
        if max(a, 1) < b:
            self.have = merge(self.have + [[max(a, 1), b]])
            self.order = [r for r in self.order if r != [a, b]] + [[a, b]]
        if seg.flags & FIN and a + seg.len < self.edge:
            self.fin = a + seg.len
        gap = len(self.have) > (1 if self.have and self.have[0][0] <= 1 else 0)
        filled = before == a and self.next() > b and seg.len > 0
        why = ("out of order" if a > before else "duplicate" if b <= before and seg.len else
               "fills a gap" if filled or gap else "FIN" if seg.flags & FIN else None)
        self.due = (seg.at_us + (NOW_US if why else DELAY_MAX_US), why or "delayed", dup, [a, b])

    def outbound(self, seg):
        if seg.flags & RST:
            self.dead = True
            return
        if seg.flags & SYN or not seg.flags & ACK:
            return
        if self.rel(seg.ack) != self.next():
            self.fail(seg, f"acknowledgement should be {self.next()}")
        self.check_sack(seg)
        wnd = seg.wnd << (self.our_scale or 0)
        self.edge = max(self.edge, self.rel(seg.ack) + wnd)
        self.due = None

    def check_sack(self, seg):
        blocks = [[self.rel(a), self.rel(b)] for a, b in seg.sack]
        ack = self.next()
        above = [r for r in self.have if r[0] > ack or (r[0] > 1 and r[1] > ack)]
        if blocks and not self.sack_ok:
            self.fail(seg, "SACK was not negotiated")
        if not self.sack_ok:
            return
        dup = self.due[2] if self.due else []
        blocks = self.take_dsack(seg, blocks, dup, ack)
        for block in blocks:
            if block not in above:
                self.fail(seg, f"block {block} is no whole range of {above}")
        if len({tuple(b) for b in blocks}) != len(blocks):
            self.fail(seg, "a range twice")
        room = (3 if self.timestamps else 4) - (len(seg.sack) - len(blocks))
        if len(blocks) < min(room, len(above)):
            self.fail(seg, f"ranges left out of {above}")
        self.check_newest(seg, blocks, ack)

    def take_dsack(self, seg, blocks, dup, ack):
        first = blocks[0] if blocks else None
        is_dup = first and (first[0] < ack or any(
            o[0] <= first[0] and first[1] <= o[1] for o in blocks[1:]))
        if is_dup:
            if first not in dup:
                self.fail(seg, f"D-SACK {first} is none of the duplicate runs {dup}")
            return blocks[1:]
        if dup and not (first in dup):
            self.fail(seg, f"no D-SACK for {dup}")
        return blocks

    def check_newest(self, seg, blocks, ack):
        newest = self.due[3] if self.due else None
        if newest and newest[0] > ack and blocks and not (
                blocks[0][0] <= newest[0] and newest[1] <= blocks[0][1]):
            self.fail(seg, f"the first block has not the newest segment {newest}")

    def take(self, seg):
        if not self.established:
            self.handshake(seg)
        elif not self.dead:
            self.overdue(seg.at_us)
            if seg.direction == "<":
                if self.due and self.due[1] != "delayed":
                    self.errors.append(f"no ACK before the next segment: {self.due[1]}")
                self.inbound(seg)
            else:
                self.outbound(seg)


def judge(path):
    """List of complaints about all connections in the log."""
    flows = {}
    with open(path, encoding="ascii") as log:
        for line in log:
            at_us, direction, raw = line.split()
            seg = Segment(int(at_us), direction, bytes.fromhex(raw))
            if seg.proto != 6:
                continue
            ports = (seg.sport, seg.dport) if direction == "<" else (seg.dport, seg.sport)
            flows.setdefault(ports, Receiver()).take(seg)
    return [error for flow in flows.values() for error in flow.errors]
