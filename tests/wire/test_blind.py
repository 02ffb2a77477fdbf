"""Blind attacks: what somebody off the path may guess does no harm (RFC 5961)."""
from scapy.layers.inet import TCP

from cases import case
from lab import check
from wire import minus, plus


@case("RFC 5961 3.2 (1): outside of the window")
def reset_outside(peer):
    conn = peer.open()
    for seq in (-1, -100000, 1 << 30, -(1 << 30)):
        conn.send("R", seq=plus(conn.snd_nxt, seq))
    peer.silence("a RST outside of the window")
    conn.alive("after RSTs outside of the window")


@case("RFC 5961 3.2 (3): in the window, not exact")
def reset_inside(peer):
    conn = peer.open()
    for ahead in (1, 1000):
        conn.send("R", seq=plus(conn.snd_nxt, ahead))
        conn.expect("challenge ACK", "A", seq=conn.rcv_nxt, ack=conn.snd_nxt)
    conn.alive("after RSTs in the window")


@case("RFC 5961 3.2 (2): exact")
def reset_exact(peer):
    conn = peer.open()
    conn.send("R")
    conn.gone("after an exact RST")


@case("RFC 9293 3.10.7.4, second (RST with ACK)")
def reset_with_ack(peer):
    conn = peer.open()
    conn.send("RA", ack=plus(conn.rcv_nxt, 77777))
    conn.gone("after an exact RST, whatever it acknowledges")


@case("RFC 5961 3.2, in SYN-RECEIVED")
def reset_half_open(peer):
    conn = peer.half_open()
    conn.send("R", seq=plus(conn.snd_nxt, 100))
    peer.answers()
    conn.send()
    conn.alive("after an inexact RST in SYN-RECEIVED")


@case("RFC 5961 4.2")
def syn_anywhere(peer):
    """In a synchronized state a SYN is challenged, wherever it stands."""
    conn = peer.open()
    for ahead in (0, 1, 1000, -1, -100000, 1 << 30):
        conn.send("S", seq=plus(conn.snd_nxt, ahead))
        conn.expect(f"challenge ACK for a SYN at {ahead}", "A", seq=conn.rcv_nxt, ack=conn.snd_nxt)
    conn.alive("after SYNs")


@case("RFC 5961 4.2 (SYN with ACK)")
def synack_in_established(peer):
    conn = peer.open()
    conn.send("SA", seq=conn.iss, ack=conn.rcv_nxt)
    conn.expect("challenge ACK", "A", seq=conn.rcv_nxt, ack=conn.snd_nxt)
    conn.alive("after a SYN-ACK")


@case("RFC 5961 5.2")
def data_with_old_ack(peer):
    """Data whose acknowledgement is older than any window: not taken."""
    conn = peer.open()
    conn.send("PA", b"injected", ack=plus(conn.rcv_nxt, -(1 << 30)))
    peer.answers()
    conn.alive("after injected data")


@case("RFC 5961 5.2")
def data_with_future_ack(peer):
    conn = peer.open()
    conn.send("PA", b"injected", ack=plus(conn.rcv_nxt, 1 << 30))
    peer.answers()
    conn.alive("after injected data")


@case("RFC 5961 7")
def challenges_are_limited(peer):
    """Not more answers than a few a second, and the connection lives."""
    conn = peer.open()
    for _ in range(200):
        conn.send("S", seq=plus(conn.snd_nxt, 100))
    challenges = [f for f in peer.answers() if f[TCP].dport == conn.sport]
    check(0 < len(challenges) <= 100, f"{len(challenges)} challenge ACKs for 200 SYNs")
    conn.alive("after 200 SYNs")


@case("RFC 9293 3.10.7.1 (resets are not answered for ever)")
def closed_port_flood(peer):
    """Whatever is answered, the stack lives; connections too."""
    conn = peer.open()
    for port in range(6000, 6200):
        stray = conn.segment("S", options=[])
        stray.dport = port
        peer.send(stray)
    peer.answers()
    conn.alive("after SYNs to closed ports")


@case("RFC 5961 3.2 and 5.2 together")
def guesses(peer):
    """One of each kind at the edges of the window and one beside them."""
    conn = peer.open()
    conn.write(b"x")
    window = conn.expect_ack()[TCP].window << conn.wscale
    for flags in ("S", "SA", "F", "P", "", "U", "SF", "SR"):
        for at in (-1, window, window + 1):
            conn.send(flags, seq=plus(conn.snd_nxt, at), ack=plus(conn.rcv_nxt, 12345))
    got = [f for f in peer.answers() if f[TCP].dport == conn.sport]
    check(not any("R" in str(f[TCP].flags) for f in got), "reset by a guess")
    check(not any(minus(f[TCP].ack, conn.snd_nxt) > 0 for f in got), "took what was guessed")
    conn.alive("after guesses")
