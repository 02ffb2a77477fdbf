"""Selective acknowledgement, and of duplicates."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import plus, sack_blocks


def put(conn, first, last, what="duplicate ACK", ack=0):
    """Bytes [first, last) after snd_nxt; the blocks of the ACK they get, in the same terms."""
    conn.send("A", bytes(last - first), seq=plus(conn.snd_nxt, first))
    tcp = conn.expect(what, "A", ack=plus(conn.snd_nxt, ack))[TCP]
    return [tuple((edge - conn.snd_nxt) & 0xffffffff for edge in block)
            for block in sack_blocks(tcp)]


@case("RFC 2018 3")
def first_block(peer):
    conn = peer.open()
    equal("blocks", put(conn, 100, 200), [(100, 200)])


@case("RFC 2018 4 (the block with the latest segment is first)")
def latest_first(peer):
    conn = peer.open()
    put(conn, 100, 200)
    put(conn, 300, 400)
    equal("blocks", put(conn, 500, 600), [(500, 600), (300, 400), (100, 200)])
    equal("blocks", put(conn, 200, 250)[0], (100, 250))


@case("RFC 2018 4 (as many blocks as there is room for)")
def many_blocks(peer):
    conn = peer.open()
    for i in range(1, 8):
        blocks = put(conn, 200 * i, 200 * i + 100)
    equal("blocks", blocks, [(200 * i, 200 * i + 100) for i in (7, 6, 5, 4)])


@case("RFC 2018 3 (three beside a timestamp)")
def with_timestamps(peer):
    conn = peer.open(timestamps=True)
    for i in range(1, 8):
        blocks = put(conn, 200 * i, 200 * i + 100)
    equal("blocks", blocks, [(200 * i, 200 * i + 100) for i in (7, 6, 5)])


@case("RFC 2018 4 (blocks that touch are one)")
def merged(peer):
    conn = peer.open()
    put(conn, 100, 200)
    put(conn, 300, 400)
    equal("blocks", put(conn, 200, 300), [(100, 400)])


@case("RFC 2018 4")
def filled(peer):
    """What the acknowledgement covers is in no block."""
    conn = peer.open()
    put(conn, 100, 200)
    put(conn, 300, 400)
    equal("blocks", put(conn, 0, 100, ack=200), [(300, 400)])
    equal("blocks", put(conn, 200, 300, ack=400), [])


@case("RFC 2018 2 (not agreed on)")
def not_permitted(peer):
    conn = peer.open(sack=False)
    equal("blocks", put(conn, 100, 200), [])
    conn.write(bytes(100))
    conn.snd_nxt = plus(conn.snd_nxt, 100)
    conn.expect_ack()


@case("RFC 2883 4.1.1")
def duplicate(peer):
    """A segment that was acknowledged before is reported once, below the acknowledgement."""
    conn = peer.open()
    conn.write(bytes(100))
    conn.expect_ack()
    equal("blocks", put(conn, -100, 0), [(0xffffffff - 99, 0)])
    conn.write(bytes(10))
    equal("blocks afterwards", sack_blocks(conn.expect_ack()[TCP]), [])


@case("RFC 2883 4.1.2")
def duplicate_and_hole(peer):
    """A duplicate while there is a hole: its block is the first, then the others."""
    conn = peer.open()
    conn.write(bytes(100))
    conn.expect_ack()
    put(conn, 100, 200)
    equal("blocks", put(conn, -100, 0), [(0xffffffff - 99, 0), (100, 200)])


@case("RFC 2883 4.1.2 (out of order, twice)")
def duplicate_out_of_order(peer):
    conn = peer.open()
    put(conn, 100, 300)
    equal("blocks", put(conn, 100, 300), [(100, 300), (100, 300)])
    equal("blocks of a part", put(conn, 150, 200), [(150, 200), (100, 300)])


@case("RFC 2883 4.2.1")
def partly_acknowledged(peer):
    conn = peer.open()
    conn.write(bytes(100))
    conn.expect_ack()
    equal("blocks", put(conn, -100, 50, ack=50), [(0xffffffff - 99, 0)])


@case("RFC 2018 8 (what is reported is kept)")
def kept(peer):
    """All that was reported is there when the hole is filled."""
    conn = peer.open()
    for i in range(20, 0, -1):
        put(conn, 100 * i, 100 * i + 100)
    conn.write(bytes(100))
    conn.snd_nxt = plus(conn.snd_nxt, 2000)
    conn.expect_ack()
    conn.alive("after twenty pieces")


@case("RFC 5681 4.2 (an ACK for each of a burst)")
def burst(peer):
    """However many come at once: each is acknowledged, and all are reported."""
    conn = peer.open()
    for i in range(1, 21):
        conn.send("A", bytes(100), seq=plus(conn.snd_nxt, 200 * i))
    acks = [f[TCP] for f in peer.answers() if f[TCP].dport == conn.sport]
    equal("acknowledgements", len(acks), 20)
    told = {block for tcp in acks for block in sack_blocks(tcp)}
    equal("blocks", len(told), 20)


@case("RFC 2018 3 (at the wrap)")
def wrap(peer):
    conn = peer.open(iss=0xffffff00)
    conn.write(bytes(100))
    conn.expect_ack()
    conn.send("A", bytes(300), seq=plus(conn.snd_nxt, 50))
    tcp = conn.expect("duplicate ACK", "A", ack=conn.snd_nxt)[TCP]
    equal("blocks", sack_blocks(tcp), [(plus(conn.snd_nxt, 50), plus(conn.snd_nxt, 350))])
    check(sack_blocks(tcp)[0][0] > sack_blocks(tcp)[0][1], "the block does not wrap")
